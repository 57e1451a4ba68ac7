// SPDX-License-Identifier: GPL-2.0-only

//! Which frame holds a page: a hash table with linear probing, at most half full.

use crate::engine::dedup::units::PageNumber;
use kernel::alloc::{AllocError, Flags, KVVec};

/// The table. A place holds the page in its upper half and the frame, plus one, in its lower; 0 is free.
pub(super) struct PageTable {
    places: KVVec<u64>,
}

fn entry(page: PageNumber, frame: usize) -> u64 {
    // CAST: there are far fewer frames than 2^32.
    (u64::from(page.0) << 32) | (frame as u64 + 1)
}

fn page_of(entry: u64) -> PageNumber {
    // CAST: the upper half.
    PageNumber((entry >> 32) as u32)
}

impl PageTable {
    /// A table for so many pages.
    pub(super) fn new(pages: usize, flags: Flags) -> Result<Self, AllocError> {
        let length = pages.max(1).saturating_mul(2).next_power_of_two();
        Ok(Self {
            places: KVVec::from_elem(0, length, flags)?,
        })
    }

    fn mask(&self) -> usize {
        self.places.len().wrapping_sub(1)
    }

    fn home(&self, page: PageNumber) -> usize {
        let mixed = u64::from(page.0).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // CAST: reduced to the table, whose length is a power of two.
        (mixed >> 32) as usize & self.mask()
    }

    fn at(&self, place: usize) -> u64 {
        self.places.get(place).copied().unwrap_or(0)
    }

    fn put(&mut self, place: usize, entry: u64) {
        if let Some(slot) = self.places.get_mut(place) {
            *slot = entry;
        }
    }

    fn place_of(&self, page: PageNumber) -> Option<usize> {
        let mut place = self.home(page);
        loop {
            let entry = self.at(place);
            if entry == 0 {
                return None;
            }
            if page_of(entry) == page {
                return Some(place);
            }
            place = place.wrapping_add(1) & self.mask();
        }
    }

    /// The frame of a page.
    pub(super) fn find(&self, page: PageNumber) -> Option<usize> {
        let entry = self.at(self.place_of(page)?);
        // CAST: the lower half, which is not 0.
        (entry as u32 as usize).checked_sub(1)
    }

    /// Enters a page that is not there.
    pub(super) fn insert(&mut self, page: PageNumber, frame: usize) {
        let mut place = self.home(page);
        while self.at(place) != 0 {
            place = place.wrapping_add(1) & self.mask();
        }
        self.put(place, entry(page, frame));
    }

    /// Removes a page, and closes the gap.
    pub(super) fn remove(&mut self, page: PageNumber) {
        let Some(mut gap) = self.place_of(page) else {
            return;
        };
        let mask = self.mask();
        let mut place = gap;
        loop {
            place = place.wrapping_add(1) & mask;
            let entry = self.at(place);
            if entry == 0 {
                break;
            }
            let home = self.home(page_of(entry));
            // Whether the way from its home to its place leads over the gap.
            if place.wrapping_sub(home) & mask >= place.wrapping_sub(gap) & mask {
                self.put(gap, entry);
                gap = place;
            }
        }
        self.put(gap, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::{PageNumber, PageTable};
    use kernel::alloc::flags::GFP_KERNEL;

    #[test]
    fn pages_are_found_until_they_are_removed() {
        let mut table = PageTable::new(50, GFP_KERNEL).expect("memory");
        let mut state = 1u64;
        let mut model = [None; 50];
        for _ in 0..20_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let frame = (state >> 33) as usize % 50;
            if let Some(page) = model[frame].take() {
                table.remove(page);
            } else {
                // Neighbours, and pages that collide.
                let page = PageNumber(
                    (state >> 40) as u32 % 64 * if state >> 63 == 0 { 1 } else { 1 << 20 },
                );
                if !model.contains(&Some(page)) {
                    table.insert(page, frame);
                    model[frame] = Some(page);
                }
            }
            for (frame, page) in model.iter().enumerate() {
                if let Some(page) = page {
                    assert_eq!(table.find(*page), Some(frame));
                }
            }
        }
        assert_eq!(table.find(PageNumber(77_777)), None);
    }
}
