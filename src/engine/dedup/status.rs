// SPDX-License-Identifier: GPL-2.0-only

//! What a volume counts.

/// In service or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Not activated, or refused.
    Inactive,
    /// Being read, replayed or formatted.
    Activating,
    /// In service.
    Active,
    /// Coming to rest.
    Suspending,
    /// At rest.
    Suspended,
}

/// Events since the activation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Blocks whose data was written.
    pub stored: u64,
    /// Blocks that were found to be there already.
    pub shared: u64,
    /// Of these, with the block of a write under way.
    pub joined: u64,
    /// Hits whose fingerprints were equal and whose data was not.
    pub collisions: u64,
    /// Answers of the index that were of no use.
    pub stale_advice: u64,
    /// Writes that found no free block.
    pub without_space: u64,
    /// Pages that could not be read, each time.
    pub damaged_pages: u64,
    /// Blocks of reads that were compared with their fingerprints.
    pub read_checks: u64,
    /// Of these, blocks that were not what they must be.
    pub read_check_failures: u64,
}

/// How a volume is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Status {
    /// In service or not.
    pub state: State,
    /// A write of metadata has failed.
    pub read_only: bool,
    /// Blocks of the pool.
    pub data_blocks: u64,
    /// Blocks that are referred to.
    pub used_blocks: u64,
    /// Blocks of the volume that refer to them.
    pub mapped_blocks: u64,
    /// Blocks of the journal that replay would read.
    pub journal_taken: u64,
    /// Blocks of the journal.
    pub journal_blocks: u64,
    /// Batches committed since the activation.
    pub batches: u64,
    /// Number of the newest checkpoint.
    pub checkpoint: u64,
    /// Events.
    pub counters: Counters,
    /// Bytes of pages and buffers.
    pub memory_bytes: u64,
}
