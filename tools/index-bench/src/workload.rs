// SPDX-License-Identifier: GPL-2.0-only

//! Keys of chapters, made anew whenever they are needed.

/// Random numbers; the method is splitmix64.
pub struct Numbers(u64);

impl Numbers {
    /// A sequence of its own for each seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d))
    }

    /// The next one.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// The keys of a chapter, all different from those of others for all practical purposes.
#[derive(Clone, Copy)]
pub struct Chapters {
    /// Records of each.
    pub records: usize,
}

impl Chapters {
    /// The keys of one, in order.
    pub fn sorted(&self, chapter: u64) -> Vec<u64> {
        let mut keys = self.unsorted(chapter);
        keys.sort_unstable();
        keys
    }

    /// The keys of one, in the order in which they came.
    pub fn unsorted(&self, chapter: u64) -> Vec<u64> {
        let mut numbers = Numbers::new(chapter);
        (0..self.records).map(|_| numbers.draw()).collect()
    }
}
