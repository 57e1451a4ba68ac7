// SPDX-License-Identifier: GPL-2.0-only

//! What a volume index should hold, in a map.

use crate::engine::index::units::{Chapter, Window};
use crate::engine::index::volume_index::shape::{Place, Shape, Tag};
use std::collections::BTreeMap;

/// Names that a volume index cannot tell apart: the same segment, tag and pair of buckets.
type Alike = (u32, usize, usize, u64);

/// The entries of each name, or of names alike, with their chapters in any order.
pub(super) struct Model {
    shape: Shape,
    pub(super) window: Window,
    entries: BTreeMap<Alike, Vec<u64>>,
}

impl Model {
    pub(super) fn new(shape: Shape) -> Self {
        Self {
            shape,
            window: Window::EMPTY,
            entries: BTreeMap::new(),
        }
    }

    fn alike(&self, key: u64) -> Alike {
        let Place {
            segment,
            first,
            second,
            tag: Tag {
                mini_bucket,
                remainder,
            },
        } = self.shape.place(key);
        (segment.0, first.min(second), mini_bucket, remainder)
    }

    pub(super) fn insert(&mut self, key: u64, chapter: u64) {
        let alike = self.alike(key);
        self.entries.entry(alike).or_default().push(chapter);
    }

    pub(super) fn remove(&mut self, key: u64, chapter: u64) -> bool {
        let alike = self.alike(key);
        let live = self.window.contains(Chapter(chapter));
        let chapters = self.entries.entry(alike).or_default();
        let found = chapters.iter().position(|other| live && *other == chapter);
        if let Some(at) = found {
            chapters.swap_remove(at);
        }
        found.is_some()
    }

    /// The chapters that a lookup should answer.
    pub(super) fn candidates(&self, key: u64) -> Vec<Chapter> {
        let mut chapters: Vec<Chapter> = self
            .entries
            .get(&self.alike(key))
            .into_iter()
            .flatten()
            .map(|chapter| Chapter(*chapter))
            .filter(|chapter| self.window.contains(*chapter))
            .collect();
        chapters.sort();
        chapters.dedup();
        chapters.reverse();
        chapters.truncate(4);
        chapters
    }

    /// Live entries.
    pub(super) fn len(&self) -> u64 {
        let live = |chapter: &&u64| self.window.contains(Chapter(**chapter));
        self.entries.values().flatten().filter(live).count() as u64
    }
}
