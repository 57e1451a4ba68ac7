// SPDX-License-Identifier: GPL-2.0-only

//! Ranges of blocks whose data is on the move.

use kernel::{
    alloc::{AllocError, Flags, KVec},
    sync::atomic::{Acquire, Atomic, Relaxed, Release}, //
};

/// Bits of a packed range that hold its length in blocks.
const LENGTH_BITS: u32 = 24;
/// The packed range that covers everything.
const EVERYTHING: u64 = u64::MAX;

/// The ranges. Number 0 is kept for "everything"; the others belong to one repair each.
pub(super) struct Busy {
    count: Atomic<u32>,
    ranges: KVec<Atomic<u64>>,
}

impl Busy {
    pub(super) fn new(ranges: u32, flags: Flags) -> Result<Self, AllocError> {
        // CAST: u32 fits usize on every machine that runs this.
        let mut list = KVec::with_capacity(ranges as usize + 1, flags)?;
        list.push(Atomic::new(EVERYTHING), flags)?;
        for _ in 0..ranges {
            list.push(Atomic::new(0), flags)?;
        }
        Ok(Self {
            count: Atomic::new(1),
            ranges: list,
        })
    }

    pub(super) fn overlaps(&self, first: u64, last: u64) -> bool {
        // ORDERING: pairs with the release in `change`: who sees a range gone sees what was published before.
        if self.count.load(Acquire) == 0 {
            return false;
        }
        self.ranges.iter().any(|range| {
            // ORDERING: pairs with the release store in `change`, for a count that other ranges keep above zero.
            let packed = range.load(Acquire);
            if packed == 0 || packed == EVERYTHING {
                return packed == EVERYTHING;
            }
            let start = packed >> LENGTH_BITS;
            let end = start + (packed & ((1 << LENGTH_BITS) - 1));
            first < end && last >= start
        })
    }

    pub(super) fn set(&self, range: usize, first: u64, last: u64) {
        let length = last
            .saturating_sub(first)
            .saturating_add(1)
            .min((1 << LENGTH_BITS) - 1);
        self.change(range.saturating_add(1), (first << LENGTH_BITS) | length);
    }

    pub(super) fn clear(&self, range: usize) {
        self.change(range.saturating_add(1), 0);
    }

    pub(super) fn open(&self) {
        self.change(0, 0);
    }

    pub(super) fn close(&self) {
        self.change(0, EVERYTHING);
    }

    /// Sets one range and keeps the count of those in use. The engine is the only caller.
    fn change(&self, index: usize, packed: u64) {
        let Some(range) = self.ranges.get(index) else {
            return;
        };
        let old = range.load(Relaxed);
        // ORDERING: entries published before are visible to whoever sees the new value, or the count below.
        range.store(packed, Release);
        let count = self.count.load(Relaxed);
        if old == 0 && packed != 0 {
            self.count.store(count + 1, Release);
        } else if old != 0 && packed == 0 {
            self.count.store(count.saturating_sub(1), Release);
        }
    }
}
