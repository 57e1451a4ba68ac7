// SPDX-License-Identifier: GPL-2.0-only

//! Taking free blocks for writes.

use super::operation::{Pin, Wait};
use super::pages::Got;
use super::Volume;
use crate::engine::dedup::action::Out;
use crate::engine::dedup::format::{pool_page, presence_page};
use crate::engine::dedup::units::{PageNumber, Pbn};

/// What came of the search for a free block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Taken {
    /// This one, whose pool page is held.
    Block(Pbn),
    /// Not yet.
    Wait(Wait),
    /// There is none.
    NoSpace,
}

impl Volume {
    /// Takes a free block for a write: the next one of the current page, or of the next page that is not full.
    pub(super) fn take_block(&mut self, index: u32, out: Out<'_>) -> Taken {
        loop {
            let taken = self.pool.used_blocks + self.pool.taken_blocks;
            if taken >= self.target.layout.data_blocks {
                return Taken::NoSpace;
            }
            match self.hold(index, Pin::After, self.pool.current, out) {
                Got::Wait(wait) => return Taken::Wait(wait),
                Got::Frame(frame) => {
                    if let Some(pbn) = self.take_from(frame) {
                        self.pool.restart();
                        return Taken::Block(pbn);
                    }
                }
                Got::Failed => {}
            }
            self.let_go(index, Pin::After);
            self.pool.tried += 1;
            let pages = u64::from(self.target.layout.pool_pages);
            if self.pool.tried > pages.saturating_sub(self.pool.full_pages) {
                let wait = self.pool.some_held_back;
                self.pool.restart();
                if !wait {
                    return Taken::NoSpace;
                }
                self.commit_wanted = true;
                self.some_wait_for_space = true;
                return Taken::Wait(Wait::Space);
            }
            self.pool.current = self.next_page_with_room();
            self.pool.next_index = 0;
        }
    }

    /// Gives a block back that was taken and not used; its page is held.
    pub(super) fn give_block_back(&mut self, frame: usize, pbn: Pbn) {
        let place = self.target.layout.pool_place(pbn);
        if let (Some((_, index)), Some(frame)) = (place, self.cache.get_mut(frame)) {
            frame.set_taken(index, false);
            self.pool.taken_blocks = self.pool.taken_blocks.saturating_sub(1);
            self.space_may_be_free();
        }
    }

    fn take_from(&mut self, frame: usize) -> Option<Pbn> {
        // CAST: at most 224.
        let blocks = self.capacity(frame) as usize;
        let next = self.pool.next_index;
        let place = self.cache.get(frame)?;
        let page = place.memory.as_deref()?;
        let is_free =
            |index: &usize| pool_page::count(page, *index) == 0 && !place.is_taken(*index);
        let found = (next..blocks)
            .find(is_free)
            .or_else(|| (0..next.min(blocks)).find(is_free))?;
        let (freed, number) = (place.freed, place.page);
        if freed >= self.pool.safe_before {
            // Whoever begins to read later belongs to a later batch than the durable ones.
            let next = self.journal.durable().next();
            let next = next.min(self.unread_before());
            let oldest = self.operations.oldest_reader();
            self.pool.safe_before = oldest.map_or(next, |oldest| oldest.min(next));
            if freed >= self.pool.safe_before {
                self.pool.some_held_back = true;
                return None;
            }
        }
        let is_marked = !seeded!("dedup_block_taken_twice");
        self.cache.get_mut(frame)?.set_taken(found, is_marked);
        self.pool.taken_blocks += 1;
        if !seeded!("dedup_block_taken_twice") {
            self.pool.next_index = found + 1;
        }
        Some(self.target.layout.pool_block(number, found))
    }

    /// The next pool page behind the current one, in a circle, that is not full; the next one at all if all are.
    fn next_page_with_room(&self) -> PageNumber {
        let layout = &self.target.layout;
        let first = layout.first_pool_page().0;
        let end = first.saturating_add(layout.pool_pages);
        let next = self.pool.current.0.saturating_add(1);
        let start = if next < end { next } else { first };
        self.not_full(start, end)
            .or_else(|| self.not_full(first, start))
            .unwrap_or(PageNumber(start))
    }

    /// The first page of a range that is not full. Words of 32 pages are passed over at once.
    fn not_full(&self, from: u32, to: u32) -> Option<PageNumber> {
        self.find_page(from, to, |word| !(word >> 1))
    }

    /// The first page of a range whose lower bit is set in what is made of the word of its two bits.
    pub(super) fn find_page(
        &self,
        from: u32,
        to: u32,
        bits: impl Fn(u64) -> u64,
    ) -> Option<PageNumber> {
        const LOWER: u64 = 0x5555_5555_5555_5555;
        // CAST: 32.
        let step = presence_page::PAGES_PER_WORD as usize;
        let mut page = from;
        while page < to {
            let (presence, index) = self.target.layout.presence_place(PageNumber(page))?;
            // CAST: 32 bits fit.
            let block = self.page(presence.0 as usize)?;
            let within = index % step;
            let word = bits(presence_page::word(block, index / step)) & LOWER;
            let rest = word >> (2 * within);
            // CAST: at most 32.
            let skipped = (rest.trailing_zeros() / 2) as usize;
            let found = page.saturating_add(skipped as u32);
            if rest != 0 {
                return (found < to).then_some(PageNumber(found));
            }
            page = page.saturating_add((step - within) as u32);
        }
        None
    }
}
