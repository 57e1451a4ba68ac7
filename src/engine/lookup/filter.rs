// SPDX-License-Identifier: GPL-2.0-only

//! One bit for each region of main: clear means that no block of it has an entry.

use kernel::{
    alloc::{AllocError, Flags, KVec},
    sync::atomic::{Atomic, Relaxed}, //
};

/// Most regions; 8 KiB of bits.
const REGIONS_MAXIMUM: u64 = 1 << 16;

pub(super) struct Filter {
    /// A region is `1 << shift` blocks.
    shift: u32,
    words: KVec<Atomic<u64>>,
}

impl Filter {
    pub(super) fn new(main_blocks: u64, flags: Flags) -> Result<Self, AllocError> {
        let mut shift = 0;
        while main_blocks >> shift >= REGIONS_MAXIMUM {
            shift += 1;
        }
        let count = (main_blocks >> shift) / 64 + 1;
        // CAST: at most 1025.
        let mut words = KVec::with_capacity(count as usize, flags)?;
        for _ in 0..count {
            words.push(Atomic::new(0), flags)?;
        }
        Ok(Self { shift, words })
    }

    /// Whether a block from `first` to `last` may have an entry.
    pub(super) fn may_hold(&self, first: u64, last: u64) -> bool {
        let (first, last) = (first >> self.shift, last >> self.shift);
        let (mut word, last_word) = (first / 64, last / 64);
        while word <= last_word {
            let mut bits = self.word(word).map_or(0, |word| word.load(Relaxed));
            if word == first / 64 {
                bits &= u64::MAX << (first % 64);
            }
            if word == last_word {
                bits &= u64::MAX >> (63 - last % 64);
            }
            if bits != 0 {
                return true;
            }
            word += 1;
        }
        false
    }

    /// The first block of the region behind the one of `lbn`.
    pub(super) fn next_region(&self, lbn: u64) -> u64 {
        ((lbn >> self.shift) + 1) << self.shift
    }

    pub(super) fn mark(&self, lbn: u64) {
        let region = lbn >> self.shift;
        if let Some(word) = self.word(region / 64) {
            // The engine is the only writer, so no read-modify-write is needed.
            word.store(word.load(Relaxed) | (1 << (region % 64)), Relaxed);
        }
    }

    pub(super) fn clear(&self) {
        for word in self.words.iter() {
            word.store(0, Relaxed);
        }
    }

    pub(super) fn memory(&self) -> u64 {
        self.words.len() as u64 * 8
    }

    fn word(&self, index: u64) -> Option<&Atomic<u64>> {
        self.words.get(usize::try_from(index).ok()?)
    }
}
