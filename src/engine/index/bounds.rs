// SPDX-License-Identifier: GPL-2.0-only

//! Which page of a chapter a name would be on: the index page map.
//!
//! For each record page of each live chapter the prefix of the first name on it. All records of equal prefixes are on
//! one page, so the page follows without reading anything.
//!
//! Shared by the keeper, which alone adds bounds, and the zones. A zone asks only for chapters of which it was told that
//! they are durable, and that is told after their bounds were added; so nothing here needs an order of its own. If it
//! asked for others, it would get some page or none.

use super::record::Name;
use super::search::bisect;
use super::units::{Chapter, Page};
use kernel::{
    alloc::{AllocError, Flags, KVVec},
    sync::atomic::{Atomic, Relaxed}, //
};

/// The bounds of one slot.
struct Known {
    /// Chapter 0, which does not exist, if none is known.
    chapter: Atomic<u64>,
    pages: Atomic<u32>,
}

/// The bounds of all live chapters.
pub struct Bounds {
    /// One row for each slot.
    prefixes: KVVec<Atomic<u32>>,
    row: usize,
    known: KVVec<Known>,
}

impl Bounds {
    /// Room for the bounds of `slots` chapters of at most `page_blocks` pages. May sleep.
    ///
    /// # Errors
    ///
    /// Too little memory.
    pub fn new(slots: u64, page_blocks: u32, flags: Flags) -> Result<Self, AllocError> {
        let slots = usize::try_from(slots).map_err(|_| AllocError)?;
        let row = usize::try_from(page_blocks).map_err(|_| AllocError)?;
        let count = slots.checked_mul(row).ok_or(AllocError)?;
        let mut prefixes = KVVec::with_capacity(count, flags)?;
        for _ in 0..count {
            prefixes.push(Atomic::new(0), flags)?;
        }
        let mut known = KVVec::with_capacity(slots, flags)?;
        for _ in 0..slots {
            let nothing = Known {
                chapter: Atomic::new(0),
                pages: Atomic::new(0),
            };
            known.push(nothing, flags)?;
        }
        Ok(Self {
            prefixes,
            row,
            known,
        })
    }

    /// Adds bounds of a chapter behind those that are known of it; those of the chapter before it in the same slot are
    /// forgotten. Bounds beyond the greatest number of pages are left out.
    pub fn add(&self, chapter: Chapter, bounds: impl Iterator<Item = u32>) {
        let slot = self.slot(chapter);
        let Some(known) = self.known.get(slot) else {
            return;
        };
        if known.chapter.load(Relaxed) != chapter.0 {
            known.pages.store(0, Relaxed);
            known.chapter.store(chapter.0, Relaxed);
        }
        let mut pages = known.pages.load(Relaxed);
        // CAST: 32 bits fit.
        for (place, bound) in self.row(slot).iter().skip(pages as usize).zip(bounds) {
            place.store(bound, Relaxed);
            pages += 1;
        }
        known.pages.store(pages, Relaxed);
    }

    /// Forgets the bounds of a chapter.
    pub fn forget(&self, chapter: Chapter) {
        if let Some(known) = self.known.get(self.slot(chapter)) {
            if known.chapter.load(Relaxed) == chapter.0 {
                known.chapter.store(0, Relaxed);
                known.pages.store(0, Relaxed);
            }
        }
    }

    /// The prefixes of the first names of a chapter's pages; none of a chapter that is not known.
    pub fn of(&self, chapter: Chapter) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.places(chapter).iter().map(|bound| bound.load(Relaxed))
    }

    fn places(&self, chapter: Chapter) -> &[Atomic<u32>] {
        let slot = self.slot(chapter);
        match self.known.get(slot) {
            Some(known) if known.chapter.load(Relaxed) == chapter.0 => {
                // CAST: 32 bits fit.
                let pages = known.pages.load(Relaxed) as usize;
                self.row(slot).get(..pages).unwrap_or(&[])
            }
            _ => &[],
        }
    }

    fn row(&self, slot: usize) -> &[Atomic<u32>] {
        let start = slot.saturating_mul(self.row);
        let end = start.saturating_add(self.row);
        self.prefixes.get(start..end).unwrap_or(&[])
    }

    /// The page of a chapter that a name would be on; none if the chapter cannot have it, or is not known.
    pub fn page(&self, chapter: Chapter, name: Name) -> Option<Page> {
        page_of(self.places(chapter), name.prefix())
    }

    /// Reads what [`page`](Self::page) would read first. Calls for several names in turn overlap their cache misses.
    pub fn touch(&self, chapter: Chapter, name: Name) -> u32 {
        let bounds = self.places(chapter);
        let near = bounds.get(guess(bounds, name.prefix()));
        near.map_or(0, |bound| bound.load(Relaxed))
    }

    /// Bytes of memory.
    pub fn memory_bytes(&self) -> u64 {
        let bytes = self.prefixes.len() * size_of::<u32>() + self.known.len() * size_of::<Known>();
        bytes as u64
    }

    fn slot(&self, chapter: Chapter) -> usize {
        // CAST: below the number of slots, which is a usize.
        chapter.slot(self.known.len() as u64) as usize
    }
}

/// Where a prefix would be if names were spread with perfect evenness.
fn guess(bounds: &[Atomic<u32>], prefix: u32) -> usize {
    // CAST: the product of a number below one and the number of pages.
    ((u64::from(prefix) * bounds.len() as u64) >> 32) as usize
}

/// The last of the ascending bounds that is not above a prefix.
///
/// Names are spread evenly, so it is near the place that the prefix points to; from there the steps double.
fn page_of(bounds: &[Atomic<u32>], prefix: u32) -> Option<Page> {
    let is_not_above = |index: usize| {
        bounds
            .get(index)
            .is_some_and(|bound| bound.load(Relaxed) <= prefix)
    };
    let guess = guess(bounds, prefix);
    let (mut start, mut end) = (guess, guess);
    let mut step = 1;
    // The first bound that is above lies in `start..=end` in the end.
    while start > 0 && !is_not_above(start - 1) {
        start = start.saturating_sub(step);
        step *= 2;
    }
    step = 1;
    while end < bounds.len() && is_not_above(end) {
        end = (end + step).min(bounds.len());
        step *= 2;
    }
    let above = bisect(start, end, is_not_above);
    // CAST: a chapter has at most 2^22 pages.
    above.checked_sub(1).map(|page| Page(page as u32))
}
