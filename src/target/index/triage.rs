// SPDX-License-Identifier: GPL-2.0-only

//! The old chapters to which the hooks among some requests have led.

use crate::engine::index::{
    geometry::SPARSE_CACHE_CHAPTERS,
    Chapter, //
};

/// What the other zones are to be told before later requests are handed in: as many chapters as a zone's sparse cache
/// holds, the last ones.
#[derive(Default)]
pub(super) struct Triage {
    chapters: [Option<Chapter>; SPARSE_CACHE_CHAPTERS as usize],
}

impl Triage {
    /// Takes note of a chapter.
    pub(super) fn add(&mut self, chapter: Chapter) {
        self.chapters.rotate_left(1);
        if let Some(last) = self.chapters.last_mut() {
            *last = Some(chapter);
        }
    }

    /// The chapters, in the order in which the hooks came.
    pub(super) fn chapters(&self) -> impl Iterator<Item = Chapter> + '_ {
        self.chapters.iter().filter_map(|chapter| *chapter)
    }
}
