// SPDX-License-Identifier: GPL-2.0-only

//! The record pages that a zone has in memory, and those that are on their way.
//!
//! A fixed number of pages. The victim is found with a clock: a page that was used since the hand passed last is
//! passed over once. A page that is being read has a list of the requests that wait for it, so no page is read
//! twice at once.

#[cfg(test)]
mod tests;

use super::extent::Extent;
use super::parked::List;
use super::units::{Chapter, Page};
use crate::engine::block::Block;
use kernel::alloc::{AllocError, Flags, KVVec};

/// Which page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PageKey {
    pub(super) chapter: Chapter,
    pub(super) page: Page,
}

/// How a page stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lookup {
    /// In this slot.
    Cached(usize),
    /// On its way to this slot.
    Reading(usize),
    /// Not here.
    Absent,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Free,
    Reading,
    /// Being read, and not wanted any more.
    Doomed,
    Cached,
}

struct Slot {
    state: State,
    key: PageKey,
    used: bool,
    /// Away while it is being read.
    memory: Option<Extent>,
    waiting: List,
}

/// The pages.
pub(super) struct PageCache {
    slots: KVVec<Slot>,
    /// A hash table with linear probing: numbers of slots, one more than they are; 0 is free.
    table: KVVec<u32>,
    hand: usize,
    reading: usize,
}

impl PageCache {
    /// A cache of `pages` pages, at least one.
    pub(super) fn new(pages: usize, flags: Flags) -> Result<Self, AllocError> {
        let pages = pages.max(1);
        let mut slots = KVVec::with_capacity(pages, flags)?;
        for _ in 0..pages {
            slots.push(
                Slot {
                    state: State::Free,
                    key: PageKey {
                        chapter: Chapter(0),
                        page: Page(0),
                    },
                    used: false,
                    memory: Some(Extent::new(1, flags)?),
                    waiting: List::EMPTY,
                },
                flags,
            )?;
        }
        let places = pages.saturating_mul(2).next_power_of_two();
        let mut table = KVVec::with_capacity(places, flags)?;
        for _ in 0..places {
            table.push(0, flags)?;
        }
        Ok(Self {
            slots,
            table,
            hand: 0,
            reading: 0,
        })
    }

    /// Pages on their way.
    pub(super) fn reading(&self) -> usize {
        self.reading
    }

    /// How a page stands.
    pub(super) fn find(&mut self, key: PageKey) -> Lookup {
        let Some(index) = self.place_of(key).and_then(|place| self.slot_at(place)) else {
            return Lookup::Absent;
        };
        match self.slots.get_mut(index) {
            Some(slot) if slot.state == State::Cached => {
                slot.used = true;
                Lookup::Cached(index)
            }
            Some(_) => Lookup::Reading(index),
            None => Lookup::Absent,
        }
    }

    /// The content of a cached page.
    pub(super) fn page(&self, index: usize) -> Option<&Block> {
        self.slots.get(index)?.memory.as_ref()?.blocks().first()
    }

    /// The requests that wait for a page.
    pub(super) fn waiting(&mut self, index: usize) -> Option<&mut List> {
        self.slots.get_mut(index).map(|slot| &mut slot.waiting)
    }

    /// Makes room for a page that is not here, and says where it is to be read to; none while all are being read.
    pub(super) fn begin(&mut self, key: PageKey) -> Option<(usize, Extent)> {
        let index = self.victim()?;
        self.unlink(index);
        let slot = self.slots.get_mut(index)?;
        let memory = slot.memory.take()?;
        slot.state = State::Reading;
        slot.key = key;
        slot.used = true;
        self.reading += 1;
        self.link(key, index);
        Some((index, memory))
    }

    /// Takes a page that was being read; `good` says that it may stay. What waited for it is to be taken from
    /// [`waiting`](Self::waiting).
    pub(super) fn finish(&mut self, index: usize, memory: Extent, good: bool) {
        let Some(slot) = self.slots.get_mut(index) else {
            return;
        };
        slot.memory = Some(memory);
        self.reading -= 1;
        if good && slot.state == State::Reading {
            slot.state = State::Cached;
        } else {
            self.drop_page(index);
        }
    }

    /// The page that is being read to a slot.
    pub(super) fn key(&self, index: usize) -> Option<PageKey> {
        self.slots.get(index).map(|slot| slot.key)
    }

    /// Drops all pages of chapters before `oldest`.
    pub(super) fn forget_before(&mut self, oldest: Chapter) {
        self.forget(|key| key.chapter < oldest);
    }

    /// Drops all pages.
    pub(super) fn forget_all(&mut self) {
        self.forget(|_| true);
    }

    /// Bytes of memory.
    pub(super) fn memory_bytes(&self) -> u64 {
        let slot = size_of::<Slot>() + crate::engine::units::BLOCK_BYTES;
        (self.slots.len() * slot + self.table.len() * size_of::<u32>()) as u64
    }

    fn forget(&mut self, unwanted: impl Fn(PageKey) -> bool) {
        for index in 0..self.slots.len() {
            match self.slots.get_mut(index) {
                Some(slot) if slot.state == State::Cached && unwanted(slot.key) => {
                    self.drop_page(index);
                }
                Some(slot) if slot.state == State::Reading && unwanted(slot.key) => {
                    slot.state = State::Doomed;
                }
                _ => {}
            }
        }
    }

    fn drop_page(&mut self, index: usize) {
        self.unlink(index);
        if let Some(slot) = self.slots.get_mut(index) {
            slot.state = State::Free;
            slot.used = false;
        }
    }

    /// A slot that is free or can be freed. Looks at each slot at most twice.
    fn victim(&mut self) -> Option<usize> {
        for _ in 0..self.slots.len().saturating_mul(2) {
            let index = self.hand;
            self.hand = if index + 1 < self.slots.len() {
                index + 1
            } else {
                0
            };
            match self.slots.get_mut(index) {
                Some(slot) if slot.state == State::Free => return Some(index),
                Some(slot) if slot.state == State::Cached => {
                    if !core::mem::take(&mut slot.used) {
                        return Some(index);
                    }
                }
                _ => {}
            }
        }
        None
    }

    fn home(&self, key: PageKey) -> usize {
        let mixed = (key.chapter.0 ^ (u64::from(key.page.0) << 32))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // CAST: reduced to the table, whose length is a power of two.
        (mixed >> 32) as usize & (self.table.len() - 1)
    }

    fn after(&self, place: usize) -> usize {
        (place + 1) & (self.table.len() - 1)
    }

    fn slot_at(&self, place: usize) -> Option<usize> {
        // CAST: 32 bits fit.
        let number = *self.table.get(place)? as usize;
        number.checked_sub(1)
    }

    /// Where in the table a page is. The table is at most half full, so the search ends.
    fn place_of(&self, key: PageKey) -> Option<usize> {
        let mut place = self.home(key);
        while let Some(index) = self.slot_at(place) {
            if self.key(index) == Some(key) {
                return Some(place);
            }
            place = self.after(place);
        }
        None
    }

    fn link(&mut self, key: PageKey, index: usize) {
        let mut place = self.home(key);
        while self.slot_at(place).is_some() {
            place = self.after(place);
        }
        if let Some(entry) = self.table.get_mut(place) {
            // CAST: far fewer pages than 2^32.
            *entry = index as u32 + 1;
        }
    }

    /// Takes a slot's page out of the table, and closes the gap.
    fn unlink(&mut self, index: usize) {
        let Some(key) = self.key(index) else { return };
        let Some(mut gap) = self.place_of(key) else {
            return;
        };
        if self.slot_at(gap) != Some(index) {
            return;
        }
        let mut place = self.after(gap);
        while let Some(other) = self.slot_at(place) {
            let home = self.key(other).map_or(place, |key| self.home(key));
            // Whether the way from its home to its place leads over the gap.
            let mask = self.table.len() - 1;
            if place.wrapping_sub(home) & mask >= place.wrapping_sub(gap) & mask {
                self.table.swap(gap, place);
                gap = place;
            }
            place = self.after(place);
        }
        if let Some(entry) = self.table.get_mut(gap) {
            *entry = 0;
        }
    }
}
