// SPDX-License-Identifier: GPL-2.0-only

//! The volume index against plain models.

mod basic;
mod buckets;
mod images;
mod model;
mod operations;
mod shapes;
mod tails;

use super::{Shape, Tail, VolumeIndex};
use crate::engine::index::units::{Chapter, Segment, Window};
use kernel::alloc::flags::GFP_KERNEL;

/// A generator of keys; the method is splitmix64.
pub(super) struct Keys(pub(super) u64);

impl Keys {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// An index of one zone, all segments resident and empty.
pub(super) fn empty_index(shape: Shape) -> VolumeIndex {
    let mut index = VolumeIndex::new(shape, 0..shape.segments(), GFP_KERNEL).expect("memory");
    for segment in 0..shape.segments() {
        index
            .make_empty(Segment(segment), &Tail::new(), GFP_KERNEL)
            .expect("memory");
    }
    index
}

pub(super) fn window(oldest: u64, newest: u64) -> Window {
    Window {
        oldest: Chapter(oldest),
        newest: Chapter(newest),
    }
}
