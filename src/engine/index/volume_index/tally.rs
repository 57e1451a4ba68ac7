// SPDX-License-Identifier: GPL-2.0-only

//! What the volume index counts.

use kernel::alloc::{AllocError, Flags, KVVec};

/// Everything that is counted.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counters {
    /// Entries of live chapters.
    pub entries: u64,
    /// Entries, those of expired chapters that still take up a slot included.
    pub stored: u64,
    /// Entries added.
    pub inserted: u64,
    /// Entries that were given another chapter.
    pub moved: u64,
    /// Entries removed on demand.
    pub removed: u64,
    /// Entries of expired chapters whose slot was taken back.
    pub purged: u64,
    /// Entries that went to their other bucket to make room.
    pub kicked: u64,
    /// Names that found no room and were left out.
    pub not_indexed: u64,
    /// Chapters that expired early, for want of room.
    pub early_expired: u64,
    /// Segments swept because the codes of new chapters would have met those of old entries.
    pub forced_sweeps: u64,
    /// Times that a segment has grown.
    pub grown: u64,
    /// Segment images that were not believed.
    pub damaged_images: u64,
}

/// The counters, and the entries of each chapter code.
pub(super) struct Tally {
    pub(super) counters: Counters,
    by_code: KVVec<u32>,
}

impl Tally {
    /// Nothing counted, for so many codes.
    pub(super) fn new(codes: u64, flags: Flags) -> Result<Self, AllocError> {
        // CAST: at most 65536.
        let by_code = KVVec::from_elem(0, codes as usize, flags)?;
        Ok(Self {
            counters: Counters::default(),
            by_code,
        })
    }

    /// Entries stored with this code.
    pub(super) fn of_code(&self, code: u64) -> u64 {
        // CAST: codes have at most 16 bits.
        self.by_code.get(code as usize).map_or(0, |n| u64::from(*n))
    }

    /// An entry of a live chapter came.
    #[inline]
    pub(super) fn add(&mut self, code: u64) {
        self.counters.entries += 1;
        self.counters.stored += 1;
        if let Some(count) = self.by_code.get_mut(code as usize) {
            *count = count.saturating_add(1);
        }
    }

    /// An entry went.
    #[inline]
    pub(super) fn take(&mut self, code: u64, live: bool) {
        self.counters.stored = self.counters.stored.saturating_sub(1);
        if live {
            self.counters.entries = self.counters.entries.saturating_sub(1);
        } else {
            self.counters.purged += 1;
        }
        if let Some(count) = self.by_code.get_mut(code as usize) {
            *count = count.saturating_sub(1);
        }
    }

    /// The chapter of this code has expired.
    pub(super) fn expire(&mut self, code: u64) {
        let entries = self.of_code(code);
        self.counters.entries = self.counters.entries.saturating_sub(entries);
    }

    /// Memory in bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        size_of_val(&self.by_code[..]) as u64
    }
}
