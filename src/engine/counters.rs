// SPDX-License-Identifier: GPL-2.0-only

//! What is counted since construction.

#[derive(Clone, Copy, Default)]
pub(super) struct Counters {
    pub(super) commits: u64,
    pub(super) checkpoints: u64,
    pub(super) commit_failures: u64,
    pub(super) main_read_errors: u64,
    pub(super) main_write_errors: u64,
    pub(super) slot_errors: u64,
    pub(super) other_errors: u64,
    pub(super) read_retries: u64,
    pub(super) salvaged_sectors: u64,
    pub(super) lost_sectors: u64,
    pub(super) healed_blocks: u64,
    pub(super) not_remapped: u64,
    pub(super) main_gone: u64,
    pub(super) spare_gone: u64,
    pub(super) copy_failures: u64,
    pub(super) commit_timeouts: u64,
    /// Blocks of the table with a slot.
    pub(super) remapped: u64,
    /// Blocks of the table with a poisoned sector.
    pub(super) poisoned: u64,
}
