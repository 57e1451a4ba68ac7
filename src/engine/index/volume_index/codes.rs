// SPDX-License-Identifier: GPL-2.0-only

//! Chapter codes: chapters modulo a power of two, told apart by the window.

use crate::engine::index::units::{Chapter, Window};

/// What the codes of the entries mean while a window is in force.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Codes {
    window: Window,
    mask: u64,
    /// Live chapters.
    span: u64,
}

impl Codes {
    pub(super) fn new(code_bits: u32) -> Self {
        Self {
            window: Window::EMPTY,
            // CAST: exact; at most 16 bits.
            mask: (1 << (code_bits & 63)) - 1,
            span: 0,
        }
    }

    pub(super) fn window(&self) -> Window {
        self.window
    }

    /// How many codes there are.
    pub(super) fn count(&self) -> u64 {
        self.mask + 1
    }

    /// The same codes for a later window. No end of a window ever moves back; a window of more chapters than there are
    /// codes begins later than it says.
    pub(super) fn moved_to(&self, window: Window) -> Self {
        let newest = window.newest.max(self.window.newest);
        let first = Chapter(newest.0.saturating_sub(self.mask));
        let oldest = window
            .oldest
            .max(self.window.oldest)
            .max(first)
            .min(newest.next());
        let window = Window { oldest, newest };
        Self {
            window,
            mask: self.mask,
            span: window.chapters(),
        }
    }

    /// The code of a chapter.
    #[inline]
    pub(super) fn code(&self, chapter: Chapter) -> u64 {
        chapter.0 & self.mask
    }

    /// The live chapter with this code.
    #[inline]
    pub(super) fn chapter(&self, code: u64) -> Option<Chapter> {
        let age = code.wrapping_sub(self.window.oldest.0) & self.mask;
        (age < self.span).then(|| Chapter(self.window.oldest.0.wrapping_add(age)))
    }

    /// The codes of entries that were written when `newest` was the newest chapter; none if that is a later one than
    /// is known.
    pub(super) fn until(&self, newest: Chapter) -> Option<Self> {
        let window = Window {
            oldest: self.window.oldest,
            newest,
        };
        (newest <= self.window.newest).then(|| Self {
            window,
            mask: self.mask,
            span: window.chapters(),
        })
    }

    /// What to add to a code so that its lower bits are the age within the window, and what to add to an age so that
    /// it overflows these bits if it is too great.
    #[inline]
    pub(super) fn ages(&self) -> (u64, u64) {
        let oldest = self.window.oldest.0 & self.mask;
        (
            (self.mask + 1 - oldest) & self.mask,
            (self.mask + 1).saturating_sub(self.span),
        )
    }
}
