// SPDX-License-Identifier: GPL-2.0-only

//! Which page of a chapter a name would be on: the index page map.
//!
//! For each record page of each live chapter the prefix of the first name on it. All records of equal prefixes are on
//! one page, so the page follows without reading anything.

use super::record::Name;
use super::search::bisect;
use super::units::{Chapter, Page};
use kernel::alloc::{AllocError, Flags, KVVec};

/// The bounds of one slot.
#[derive(Clone, Copy)]
struct Known {
    /// Chapter 0, which does not exist, if none is known.
    chapter: Chapter,
    pages: u32,
}

/// The bounds of all live chapters.
pub struct Bounds {
    /// One row for each slot.
    prefixes: KVVec<u32>,
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
        let nothing = Known {
            chapter: Chapter(0),
            pages: 0,
        };
        Ok(Self {
            prefixes: KVVec::from_elem(0, count, flags)?,
            row,
            known: KVVec::from_elem(nothing, slots, flags)?,
        })
    }

    /// Adds bounds of a chapter behind those that are known of it; those of the chapter before it in the same slot are
    /// forgotten. Bounds beyond the greatest number of pages are left out.
    pub fn add(&mut self, chapter: Chapter, bounds: impl Iterator<Item = u32>) {
        let slot = self.slot(chapter);
        let Some(known) = self.known.get_mut(slot) else {
            return;
        };
        if known.chapter != chapter {
            *known = Known { chapter, pages: 0 };
        }
        let (start, end) = (slot * self.row, (slot + 1) * self.row);
        let row = self.prefixes.get_mut(start..end).unwrap_or(&mut []);
        let rest = row.iter_mut().skip(known.pages as usize);
        for (place, bound) in rest.zip(bounds) {
            *place = bound;
            known.pages += 1;
        }
    }

    /// Forgets the bounds of a chapter.
    pub fn forget(&mut self, chapter: Chapter) {
        let slot = self.slot(chapter);
        if let Some(known) = self.known.get_mut(slot) {
            if known.chapter == chapter {
                known.chapter = Chapter(0);
            }
        }
    }

    /// The prefixes of the first names of a chapter's pages; none of a chapter that is not known.
    pub fn of(&self, chapter: Chapter) -> &[u32] {
        let slot = self.slot(chapter);
        match self.known.get(slot) {
            Some(known) if known.chapter == chapter => {
                let start = slot * self.row;
                self.prefixes
                    .get(start..start + known.pages as usize)
                    .unwrap_or(&[])
            }
            _ => &[],
        }
    }

    /// The page of a chapter that a name would be on; none if the chapter cannot have it, or is not known.
    pub fn page(&self, chapter: Chapter, name: Name) -> Option<Page> {
        page_of(self.of(chapter), name.prefix())
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

/// The last of the ascending bounds that is not above a prefix.
///
/// Names are spread evenly, so it is near the place that the prefix points to; from there the steps double.
fn page_of(bounds: &[u32], prefix: u32) -> Option<Page> {
    let is_not_above = |index: usize| bounds.get(index).is_some_and(|bound| *bound <= prefix);
    // CAST: the product of a number below one and the number of pages.
    let guess = ((u64::from(prefix) * bounds.len() as u64) >> 32) as usize;
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
