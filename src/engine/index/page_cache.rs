// SPDX-License-Identifier: GPL-2.0-only

//! The record pages that a zone has in memory, and those that are on their way.
//!
//! A fixed number of pages. Most pages of an index are looked at once, so a page first comes to one of a few slots on
//! probation, whose memory the processor's cache holds; only when it is looked at again it moves on to the others. There
//! the victim is found with a clock: a page that was used since the hand passed last is passed over once. (As S3-FIFO
//! of Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023, without its list of ghosts.) A page that is being read has a list of the requests that wait for it, so no page is read
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
    /// Times that it was looked at, up to a few: since it came, or since the hand passed.
    uses: u8,
    /// Away while it is being read.
    memory: Option<Extent>,
    waiting: List,
}

/// The pages.
pub(super) struct PageCache {
    slots: KVVec<Slot>,
    /// A hash table with linear probing: numbers of slots, one more than they are; 0 is free.
    table: KVVec<u32>,
    /// The first slots are on probation: so many.
    probation: usize,
    /// Which slot comes next, on probation and of the others.
    next_on_probation: usize,
    hand: usize,
    reading: usize,
}

/// Most slots on probation: 256 KiB.
const PROBATION_MAXIMUM: usize = 64;
/// A page on probation that was looked at so often stays. Once is what it was read for.
const USES_TO_STAY: u8 = 2;

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
                    uses: 0,
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
            probation: (pages / 4).min(PROBATION_MAXIMUM),
            next_on_probation: 0,
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
                slot.uses = slot.uses.saturating_add(1);
                Lookup::Cached(index)
            }
            Some(_) => Lookup::Reading(index),
            None => Lookup::Absent,
        }
    }

    /// Whether a page is in a slot, as when it was found there.
    pub(super) fn is_at(&mut self, index: usize, key: PageKey) -> bool {
        match self.slots.get_mut(index) {
            Some(slot) if slot.state == State::Cached && slot.key == key => {
                slot.uses = slot.uses.saturating_add(1);
                true
            }
            _ => false,
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
        let on_probation = self.victim_on_probation();
        let index = on_probation.or_else(|| self.victim())?;
        self.unlink(index);
        let slot = self.slots.get_mut(index)?;
        let memory = slot.memory.take()?;
        slot.state = State::Reading;
        slot.key = key;
        slot.uses = u8::from(on_probation.is_none());
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
            slot.uses = 0;
        }
    }

    /// The next slot on probation that is not being read to. A page that is to stay leaves it first.
    fn victim_on_probation(&mut self) -> Option<usize> {
        for _ in 0..self.probation {
            let index = self.next_on_probation;
            self.next_on_probation = if index + 1 < self.probation {
                index + 1
            } else {
                0
            };
            match self.slots.get(index) {
                Some(slot) if slot.state == State::Free => return Some(index),
                Some(slot) if slot.state == State::Cached => {
                    if slot.uses >= USES_TO_STAY {
                        if let Some(other) = self.victim() {
                            self.swap(index, other);
                        }
                    }
                    return Some(index);
                }
                _ => {}
            }
        }
        None
    }

    /// Exchanges the pages of two slots, none of which is being read to.
    fn swap(&mut self, one: usize, other: usize) {
        let place_of = |index| {
            let place = self.key(index).and_then(|key| self.place_of(key));
            place.filter(|place| self.slot_at(*place) == Some(index))
        };
        let places = [(place_of(one), other), (place_of(other), one)];
        self.slots.swap(one, other);
        for (place, index) in places {
            if let Some(entry) = place.and_then(|place| self.table.get_mut(place)) {
                // CAST: far fewer pages than 2^32.
                *entry = index as u32 + 1;
            }
        }
    }

    /// A slot that is free or can be freed, of those that are not on probation. Looks at each at most twice.
    fn victim(&mut self) -> Option<usize> {
        let first = self.probation;
        for _ in 0..self.slots.len().saturating_sub(first).saturating_mul(2) {
            let index = self.hand.max(first);
            self.hand = if index + 1 < self.slots.len() {
                index + 1
            } else {
                first
            };
            match self.slots.get_mut(index) {
                Some(slot) if slot.state == State::Free => return Some(index),
                Some(slot) if slot.state == State::Cached => {
                    let uses = core::mem::take(&mut slot.uses);
                    if uses == 0 {
                        return Some(index);
                    }
                }
                _ => {}
            }
        }
        None
    }

    fn home(&self, key: PageKey) -> usize {
        let mixed =
            (key.chapter.0 ^ (u64::from(key.page.0) << 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
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
