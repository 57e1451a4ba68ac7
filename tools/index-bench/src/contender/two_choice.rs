// SPDX-License-Identifier: GPL-2.0-only

//! dm-spare's own volume index.

use super::{oldest, Contender, CHECKPOINT_CHAPTERS, CODE_BITS};
use dm_spare_engine::index::volume_index::{Change, Shape, Tail, VolumeIndex, BUCKET_BITS_MAXIMUM};
use dm_spare_engine::index::{Chapter, Segment, Window};
use kernel::alloc::flags::GFP_KERNEL;
use std::hint::black_box;

/// The index, and a buffer for the images of its segments.
pub struct TwoChoice {
    index: VolumeIndex,
    image: Vec<u8>,
    /// The segment whose image comes next.
    next: u32,
}

impl TwoChoice {
    /// An empty one for so many records.
    ///
    /// # Panics
    ///
    /// If there is no such index.
    pub fn new(records: u64) -> Self {
        let shape = Shape::new(records, CODE_BITS, BUCKET_BITS_MAXIMUM).expect("a shape");
        let mut index = VolumeIndex::new(shape, 0..shape.segments(), GFP_KERNEL).expect("memory");
        for segment in 0..shape.segments() {
            index
                .make_empty(Segment(segment), &Tail::new(), GFP_KERNEL)
                .expect("memory");
        }
        Self {
            image: vec![0; shape.image_bytes()],
            index,
            next: 0,
        }
    }
}

impl Contender for TwoChoice {
    fn name(&self) -> &'static str {
        "two-choice buckets"
    }

    fn open(&mut self, chapter: u64, records: u64) {
        self.index.prepare(records, GFP_KERNEL).expect("memory");
        self.index.set_window(Window {
            oldest: Chapter(oldest(chapter)),
            newest: Chapter(chapter),
        });
    }

    fn apply(&mut self, chapter: u64, keys: &[u64]) {
        let changes = keys.iter().map(|key| Change {
            key: *key,
            replaces: None,
        });
        self.index.apply(Chapter(chapter), changes);
    }

    fn checkpoint(&mut self, chapter: u64) -> u64 {
        let segments = u64::from(self.index.shape().segments());
        let due = segments * chapter / CHECKPOINT_CHAPTERS
            - segments * (chapter - 1) / CHECKPOINT_CHAPTERS;
        let mut bytes = 0;
        for _ in 0..due {
            let length = self.index.image(Segment(self.next), &mut self.image);
            bytes += length.expect("a resident segment") as u64;
            black_box(&self.image);
            self.next = (self.next + 1) % self.index.shape().segments();
        }
        bytes
    }

    fn look_up(&mut self, keys: &[u64]) -> usize {
        if keys.len() > 1 {
            let touched = keys.iter().fold(0, |sum, key| sum ^ self.index.touch(*key));
            black_box(touched);
        }
        keys.iter()
            .map(|key| self.index.candidates(*key).as_slice().len())
            .sum()
    }

    fn has(&mut self, key: u64, chapter: u64) -> bool {
        let found = self.index.candidates(key);
        found.as_slice().contains(&Chapter(chapter))
    }

    fn bytes(&self) -> u64 {
        self.index.memory_bytes()
    }

    fn lost(&self) -> u64 {
        self.index.counters().not_indexed
    }
}
