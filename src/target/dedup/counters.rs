// SPDX-License-Identifier: GPL-2.0-only

//! Counters of the shell. The engine counts its own work; see `engine::dedup::Counters`.

use crate::target::counter::Counter;

/// Counts since the target was constructed.
pub(super) struct Counters {
    /// Blocks that users have written.
    pub(super) written_blocks: Counter,
    /// Of these, blocks of zeros.
    pub(super) zero_blocks: Counter,
    /// Bios with data that were sent to main, of one block or of neighbours.
    pub(super) data_writes: Counter,
    /// Users' reads that went to main as they are.
    pub(super) whole_reads: Counter,
    /// Parts of users' reads that were sent to main.
    pub(super) part_reads: Counter,
    /// Comparisons with blocks of main.
    pub(super) comparisons: Counter,
    /// Bios that such blocks, neighbours together, were read by.
    pub(super) comparison_reads: Counter,
    /// Comparisons with blocks that were written lately and are still in memory.
    pub(super) recent_comparisons: Counter,
    /// Times that the index was asked.
    pub(super) asked: Counter,
    /// Times that it knew a block.
    pub(super) advised: Counter,
    /// Blocks that it was not told of, because it was told of too many at once.
    pub(super) not_learned: Counter,
    /// I/O of main that has failed.
    pub(super) main_errors: Counter,
    /// I/O of the spare that has failed.
    pub(super) spare_errors: Counter,
}

impl Counters {
    /// All zero.
    pub(super) const fn new() -> Self {
        Self {
            written_blocks: Counter::new(),
            zero_blocks: Counter::new(),
            data_writes: Counter::new(),
            whole_reads: Counter::new(),
            part_reads: Counter::new(),
            comparisons: Counter::new(),
            comparison_reads: Counter::new(),
            recent_comparisons: Counter::new(),
            asked: Counter::new(),
            advised: Counter::new(),
            not_learned: Counter::new(),
            main_errors: Counter::new(),
            spare_errors: Counter::new(),
        }
    }
}
