// SPDX-License-Identifier: GPL-2.0-only

//! Counters of the shell. The engine counts its own work; see `engine::Status`.

use kernel::sync::atomic::Atomic;

use crate::target::counter::Counter;

/// Counts since the target was constructed; each is independent, so relaxed order suffices.
///
/// Nothing here is touched by a bio that goes to main and comes back without an error.
pub(crate) struct Counters {
    /// Reads sent to slots, in bios.
    pub(crate) slot_reads: Counter,
    /// Writes sent to slots, in bios.
    pub(crate) slot_writes: Counter,
    /// Bios that were held, for whatever reason.
    pub(crate) held_bios: Counter,
    /// Held bios that a failing read brought.
    pub(crate) repairs_read: Counter,
    /// Held bios that a failing write brought.
    pub(crate) repairs_write: Counter,
    /// Reads of poisoned sectors, answered with EIO.
    pub(crate) poisoned_reads: Counter,
    /// Bios that would have been held, but were not to wait.
    pub(crate) nowait_refused: Counter,
    /// Flushes sent to main.
    pub(crate) main_flushes: Counter,
    /// Flushes sent to the spare.
    pub(crate) spare_flushes: Counter,
    /// Errors that are not of the medium, passed up to the user.
    pub(crate) passed_errors: Counter,
    /// Not a count: 1 once anything on the spare may need a flush.
    pub(crate) spare_written: Atomic<i32>,
}

impl Counters {
    /// All zero.
    pub(crate) const fn new() -> Self {
        Self {
            slot_reads: Counter::new(),
            slot_writes: Counter::new(),
            held_bios: Counter::new(),
            repairs_read: Counter::new(),
            repairs_write: Counter::new(),
            poisoned_reads: Counter::new(),
            nowait_refused: Counter::new(),
            main_flushes: Counter::new(),
            spare_flushes: Counter::new(),
            passed_errors: Counter::new(),
            spare_written: Atomic::new(0),
        }
    }
}
