// SPDX-License-Identifier: GPL-2.0-only

//! The answer to a lookup.

use crate::engine::index::units::Chapter;

/// Most chapters of one answer.
pub const CANDIDATES_MAXIMUM: usize = 4;

/// The chapters that may hold a name, the newest first. Of more than [`CANDIDATES_MAXIMUM`] the oldest are left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidates {
    chapters: [Chapter; CANDIDATES_MAXIMUM],
    count: usize,
}

impl Candidates {
    /// No chapter.
    pub const NONE: Self = Self {
        chapters: [Chapter(0); CANDIDATES_MAXIMUM],
        count: 0,
    };

    /// Adds a chapter, unless it is there already.
    pub(super) fn add(&mut self, chapter: Chapter) {
        let at = self
            .as_slice()
            .iter()
            .position(|other| *other <= chapter)
            .unwrap_or(self.count);
        let Some(behind) = self.chapters.get_mut(at..) else {
            return;
        };
        // The one that is at the end falls out, or was unused.
        if let Some(first) = behind.first_mut() {
            if *first == chapter {
                return;
            }
            behind.rotate_right(1);
        }
        if let Some(first) = behind.first_mut() {
            *first = chapter;
            self.count = (self.count + 1).min(CANDIDATES_MAXIMUM);
        }
    }

    /// The chapters, the newest first.
    pub fn as_slice(&self) -> &[Chapter] {
        self.chapters.get(..self.count).unwrap_or(&[])
    }

    /// Whether no chapter holds the name.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}
