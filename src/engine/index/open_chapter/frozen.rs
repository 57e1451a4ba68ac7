// SPDX-License-Identifier: GPL-2.0-only

//! The table behind an open chapter, which stays as it is once the chapter is closed.
//!
//! Linear probing where the place of a key grows with the key, and entries of one run are kept in order (as in the
//! ordered hash tables of Amble and Knuth, 1974): a scan from the first place to the last meets all entries in the
//! order of their names, so closing a chapter needs no sort.

use super::entry::{Entry, Slot};
use super::key_range::{KeyRange, Scale};
use crate::engine::index::record::Name;
use core::fmt;
use kernel::alloc::{AllocError, Flags, KVVec};

/// An entry lies fewer than this many places behind the place of its key. In a table that is three quarters full
/// of random keys, runs of this length do not occur: the longest of n places is about 27 times the logarithm of n, 530
/// of 2^28. Keys that crowd more than that are refused.
const REACH_MAXIMUM: usize = 1024;

/// Places for keys of a table for so many entries: it is at most three quarters full.
fn key_places(capacity: usize) -> usize {
    capacity.saturating_add(capacity / 3).saturating_add(1)
}

/// How far an entry may lie behind the place of its key.
fn reach(capacity: usize) -> usize {
    capacity.min(REACH_MAXIMUM)
}

/// Places of a table for so many entries: entries of the last key place may go up to the reach behind it, and the last
/// place always stays empty.
fn places(capacity: usize) -> usize {
    key_places(capacity) + reach(capacity)
}

/// Bytes of a table for so many entries.
pub(super) fn table_bytes(capacity: u64) -> u64 {
    let capacity = usize::try_from(capacity).unwrap_or(usize::MAX / 2);
    places(capacity) as u64 * size_of::<Slot>() as u64
}

/// Where a name is or would be, for as long as the table does not change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Position {
    /// There is an entry.
    Found(usize),
    /// There is none; it belongs here.
    Missing(usize),
}

/// A chapter that takes no more entries: shared by its zone, which still looks into it, and by who writes it.
///
/// # Invariants
///
/// All entries lie in the order of their names, each at or behind the place of its key and less than the reach away,
/// with no empty place between. The last place is empty.
pub struct FrozenChapter {
    slots: KVVec<Slot>,
    scale: Scale,
    reach: usize,
    capacity: usize,
    /// Entries, the deleted ones included.
    used: usize,
    /// Entries that are not deleted.
    live: usize,
}

impl FrozenChapter {
    /// An empty table. May sleep.
    ///
    /// # Errors
    ///
    /// Too little memory.
    pub(super) fn new(capacity: usize, range: KeyRange, flags: Flags) -> Result<Self, AllocError> {
        Ok(Self {
            slots: KVVec::from_elem(Slot::EMPTY, places(capacity), flags)?,
            scale: Scale::new(range, key_places(capacity)),
            reach: reach(capacity),
            capacity,
            used: 0,
            live: 0,
        })
    }

    /// What is known about a name, deleted or not.
    pub fn find(&self, name: Name) -> Option<Entry> {
        self.at(self.position(name))
    }

    /// The entry at a position.
    pub(super) fn at(&self, position: Position) -> Option<Entry> {
        match position {
            Position::Found(index) => self.slots.get(index)?.entry(),
            Position::Missing(_) => None,
        }
    }

    /// Reads what [`find`](Self::find) would read first. Calls for several names in turn overlap their cache misses.
    pub fn touch(&self, name: Name) -> u64 {
        let place = self.scale.place(name.key);
        self.slots.get(place).map_or(0, |slot| slot.key)
    }

    /// Entries from a place on in the order of their names, deleted ones included, each with the place behind it, where
    /// a later call continues.
    pub fn entries_from(&self, place: usize) -> impl Iterator<Item = (usize, Entry)> + '_ {
        let rest = self.slots.get(place..).unwrap_or(&[]);
        rest.iter()
            .enumerate()
            .filter_map(move |(offset, slot)| Some((place + offset + 1, slot.entry()?)))
    }

    /// Entries that are not deleted.
    pub fn live(&self) -> usize {
        self.live
    }

    /// Entries, the deleted ones included.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Most entries.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Bytes of memory.
    pub fn memory_bytes(&self) -> u64 {
        (self.slots.len() * size_of::<Slot>()) as u64
    }

    /// The places from `place` on.
    pub(in super::super) fn slots_from(&self, place: usize) -> &[Slot] {
        self.slots.get(place..).unwrap_or(&[])
    }

    /// Where a name is or would be.
    pub(super) fn position(&self, name: Name) -> Position {
        let home = self.scale.place(name.key);
        let run = self.slots.get(home..).unwrap_or(&[]);
        // An empty place has the greatest key, and the last place is empty: the scan ends there at the latest.
        let passed = run.iter().position(|slot| slot.key >= name.key);
        let mut index = home + passed.unwrap_or(run.len());
        while let Some(slot) = self.slots.get(index) {
            if slot.key != name.key || slot.is_empty() || slot.rest > name.rest {
                break;
            }
            if slot.rest == name.rest {
                return Position::Found(index);
            }
            index += 1;
        }
        Position::Missing(index)
    }

    /// Replaces the entry at a place.
    pub(super) fn replace(&mut self, index: usize, entry: &Entry) {
        if let Some(slot) = self.slots.get_mut(index) {
            self.live -= usize::from(slot.is_live());
            self.live += usize::from(!entry.deleted);
            *slot = Slot::of(entry);
        }
    }

    /// Puts an entry at the place that [`position`](Self::position) found for its name; whether there is room within
    /// reach.
    pub(super) fn insert(&mut self, index: usize, entry: &Entry) -> bool {
        let home = self.scale.place(entry.name.key);
        let end = (home + self.reach).min(self.slots.len());
        let Some(run) = self.slots.get_mut(index..end) else {
            return false;
        };
        let Some(empty) = run.iter().position(Slot::is_empty) else {
            return false;
        };
        // INVARIANT: all that move have keys not below that of the entry, so their places are not before `home`, and
        // they stay within reach.
        let mut carried = Slot::of(entry);
        for slot in run.iter_mut().take(empty + 1) {
            core::mem::swap(slot, &mut carried);
        }
        self.used += 1;
        self.live += usize::from(!entry.deleted);
        true
    }

    /// Empties `count` places from `place` on; the place behind them.
    pub(super) fn clear(&mut self, place: usize, count: usize) -> usize {
        let end = place.saturating_add(count).min(self.slots.len());
        if let Some(slots) = self.slots.get_mut(place..end) {
            slots.fill(Slot::EMPTY);
        }
        if end == self.slots.len() {
            self.used = 0;
            self.live = 0;
        }
        end
    }
}

impl fmt::Debug for FrozenChapter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} entries, {} live", self.used, self.live)
    }
}
