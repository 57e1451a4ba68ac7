// SPDX-License-Identifier: GPL-2.0-only

//! What is counted.

/// What happened in a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Requests answered.
    pub answers: u64,
    /// Blocks shared with others.
    pub shared: u64,
    /// Of these, with writes under way.
    pub joined: u64,
    /// Fingerprints that were equal without need.
    pub collisions: u64,
    /// Writes without a free block.
    pub without_space: u64,
    /// Batches committed.
    pub batches: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// Journal blocks replayed.
    pub replayed: u64,
    /// Crashes.
    pub crashes: u64,
    /// Requests that failed because metadata is damaged.
    pub damaged: u64,
    /// Reads without the volume.
    pub outside_reads: u64,
    /// Reads of data that had rotted, and was found out.
    pub mismatches: u64,
}

impl Tally {
    /// Adds another run's.
    pub fn add(&mut self, other: &Self) {
        self.answers += other.answers;
        self.shared += other.shared;
        self.joined += other.joined;
        self.collisions += other.collisions;
        self.without_space += other.without_space;
        self.batches += other.batches;
        self.checkpoints += other.checkpoints;
        self.replayed += other.replayed;
        self.crashes += other.crashes;
        self.damaged += other.damaged;
        self.outside_reads += other.outside_reads;
        self.mismatches += other.mismatches;
    }
}
