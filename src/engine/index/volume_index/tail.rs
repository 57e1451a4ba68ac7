// SPDX-License-Identifier: GPL-2.0-only

//! The keys of the newest chapters, kept while segment images that are older than these chapters are being loaded.

use super::shape::Shape;
use crate::engine::index::units::{Chapter, Segment};
use kernel::alloc::{AllocError, Flags, KVVec, KVec};

struct TailChapter {
    chapter: Chapter,
    /// In order.
    keys: KVVec<u64>,
}

/// The keys of the newest chapters, chapter by chapter.
#[derive(Default)]
pub struct Tail {
    chapters: KVec<TailChapter>,
}

impl Tail {
    /// No chapter.
    pub const fn new() -> Self {
        Self {
            chapters: KVec::new(),
        }
    }

    /// Adds a chapter; the oldest comes first. `keys` are those of its records, in order.
    pub fn push(
        &mut self,
        chapter: Chapter,
        keys: KVVec<u64>,
        flags: Flags,
    ) -> Result<(), AllocError> {
        self.chapters.push(TailChapter { chapter, keys }, flags)
    }

    /// Forgets every chapter.
    pub fn clear(&mut self) {
        self.chapters = KVec::new();
    }

    /// Memory in bytes.
    pub fn memory_bytes(&self) -> u64 {
        let keys: usize = self
            .chapters
            .iter()
            .map(|chapter| size_of_val(&chapter.keys[..]))
            .sum();
        (keys + size_of_val(&self.chapters[..])) as u64
    }

    /// The keys of a segment in each chapter after `mark`, the oldest chapter first.
    pub(super) fn after<'a>(
        &'a self,
        mark: Chapter,
        shape: &'a Shape,
        segment: Segment,
    ) -> impl Iterator<Item = (Chapter, &'a [u64])> + Clone + 'a {
        let first = shape.first_key(segment);
        let end = shape.first_key(Segment(segment.0.saturating_add(1)));
        self.chapters
            .iter()
            .filter(move |chapter| chapter.chapter > mark)
            .map(move |chapter| {
                let place = |key: Option<u64>| {
                    key.map_or(chapter.keys.len(), |key| {
                        chapter.keys.partition_point(|other| *other < key)
                    })
                };
                let keys = chapter.keys.get(place(first)..place(end));
                (chapter.chapter, keys.unwrap_or(&[]))
            })
    }
}
