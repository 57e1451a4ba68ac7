// SPDX-License-Identifier: GPL-2.0-only

//! A hash table of fixed size with linear probing, changed by one writer under the eyes of any number of readers.
//!
//! An entry is taken out in two ways. Either its value becomes zero and it keeps its place: then no other entry
//! moves, as whoever walks through the table needs it. Or the entries behind it close the gap (Knuth, The Art of
//! Computer Programming 3, section 6.4, algorithm R), so that searches stay as short as if it had never been.
//!
//! # Readers while entries move
//!
//! An entry is copied to its new place before its old one is used for another or becomes free, and in between
//! `moves` changes. So a reader that missed both copies has seen the old place changed, and with it the new number
//! of moves. A place gets another key by way of [`NOBODY`], and its value changes only meanwhile. So a reader that
//! finds its key twice, with the value read in between and no move around both, has read the value of this key.

#[cfg(test)]
mod tests;

use kernel::{
    alloc::{AllocError, Flags, KVVec},
    sync::atomic::{Acquire, Atomic, Relaxed, Release}, //
};

/// The key of a place that is changing hands; no block has it.
const NOBODY: u64 = u64::MAX;

struct Place {
    /// The block plus one; 0 while free.
    key: Atomic<u64>,
    /// 0 if the entry was taken out and keeps its place.
    value: Atomic<u64>,
}

pub(super) struct Table {
    places: KVVec<Place>,
    capacity: u64,
    used: Atomic<u64>,
    /// Of those in use, places that only wait to be free.
    vacant: Atomic<u64>,
    moves: Atomic<u64>,
}

/// What a search has found.
enum Found {
    Value(u64),
    Nothing,
    /// The place changed hands meanwhile.
    Moved,
}

impl Table {
    /// Room for `capacity` entries at a load of at most three quarters, which costs 21.4 bytes an entry and has a
    /// search that fails look at 8.5 places on average (Knuth, The Art of Computer Programming 3, section 6.4).
    pub(super) fn new(capacity: u64, flags: Flags) -> Result<Self, AllocError> {
        let count = usize::try_from(capacity.saturating_mul(4) / 3 + 1).map_err(|_| AllocError)?;
        let mut places = KVVec::with_capacity(count, flags)?;
        for _ in 0..count {
            places.push(
                Place {
                    key: Atomic::new(0),
                    value: Atomic::new(0),
                },
                flags,
            )?;
        }
        Ok(Self {
            places,
            capacity,
            used: Atomic::new(0),
            vacant: Atomic::new(0),
            moves: Atomic::new(0),
        })
    }

    /// The value of a block; never that of another, nor one that was taken out before the call.
    pub(super) fn get(&self, lbn: u64) -> Option<u64> {
        loop {
            // ORDERING: pairs with the release in `next_move`: what was copied before that move is visible.
            let moves = self.moves.load(Acquire);
            let found = self.search(lbn);
            // ORDERING: behind the acquire loads of the search; see the module's text. Each turn of the loop but the
            // last is owed to a move that the writer has made meanwhile: nobody is waited for.
            if self.moves.load(Relaxed) == moves {
                match found {
                    Found::Value(value) => return Some(value),
                    Found::Nothing => return None,
                    Found::Moved => {}
                }
            }
        }
    }

    fn search(&self, lbn: u64) -> Found {
        let key = lbn.wrapping_add(1);
        for place in self.probe(lbn) {
            // ORDERING: pairs with the release stores of keys: who sees a key sees a value of it, and who sees one
            // gone sees that something has moved.
            let found = place.key.load(Acquire);
            if found == key {
                // ORDERING: pairs with the release stores of values: what a new value refers to is visible with it,
                // and so is the key that the place has lost before it got the value of another.
                let value = place.value.load(Acquire);
                return if place.key.load(Relaxed) == key {
                    Found::Value(value)
                } else {
                    Found::Moved
                };
            }
            if found == 0 {
                return Found::Nothing;
            }
        }
        Found::Nothing
    }

    /// Whether a block has a place, be its value zero or not. For the writer.
    pub(super) fn has_place(&self, lbn: u64) -> bool {
        self.position(lbn).is_some()
    }

    /// Adds or changes an entry; false if there is no room. The engine is the only caller.
    pub(super) fn put(&self, lbn: u64, value: u64) -> bool {
        let key = lbn.wrapping_add(1);
        for place in self.probe(lbn) {
            let found = place.key.load(Relaxed);
            if found == key {
                if place.value.load(Relaxed) == 0 {
                    add(&self.vacant, -1);
                }
                // ORDERING: see `search`.
                place.value.store(value, Release);
                return true;
            }
            if found == 0 {
                if self.used.load(Relaxed) >= self.capacity {
                    return false;
                }
                // ORDERING: a reader may still be at the entry that was here before; see `search`.
                place.value.store(value, Release);
                // ORDERING: the value is visible before the key.
                place.key.store(key, Release);
                add(&self.used, 1);
                return true;
            }
        }
        false
    }

    /// Takes an entry out; its place stays taken until [`Table::sweep`], and no other entry moves. For the writer.
    pub(super) fn vacate(&self, lbn: u64) {
        let place = self.position(lbn).and_then(|at| self.places.get(at));
        if let Some(place) = place.filter(|place| place.value.load(Relaxed) != 0) {
            place.value.store(0, Release);
            add(&self.vacant, 1);
        }
    }

    /// Takes an entry out, and closes the gap. For the writer.
    pub(super) fn remove(&self, lbn: u64) {
        self.vacate(lbn);
        if let Some(at) = self.position(lbn) {
            self.close_gap(at);
        }
    }

    /// Frees the places of all entries that were taken out. For the writer.
    pub(super) fn sweep(&self) {
        let mut at = 0;
        while self.vacant.load(Relaxed) != 0 && at < self.places.len() {
            let vacant = self.places.get(at).is_some_and(|place| {
                place.key.load(Relaxed) != 0 && place.value.load(Relaxed) == 0
            });
            if vacant {
                // Another one may have moved to this place.
                self.close_gap(at);
            } else {
                at += 1;
            }
        }
    }

    /// Whether a sweep would free a place.
    pub(super) fn has_vacant(&self) -> bool {
        self.vacant.load(Relaxed) != 0
    }

    /// Moves entries into the vacant place `gap`, and then into the gap that this leaves, until one may stay free.
    fn close_gap(&self, mut gap: usize) {
        let count = self.places.len();
        let mut at = gap;
        self.give_up(gap);
        for _ in 0..count {
            at = if at + 1 < count { at + 1 } else { 0 };
            let Some(place) = self.places.get(at) else {
                break;
            };
            let key = place.key.load(Relaxed);
            if key == 0 {
                break;
            }
            // It may move if the gap lies between where its search begins and where it is.
            let home = self.home(key.wrapping_sub(1));
            let from_home = |to: usize| (to + count - home) % count;
            if from_home(gap) > from_home(at) {
                continue;
            }
            if let Some(free) = self.places.get(gap) {
                // ORDERING: the place has nobody's key by now, and gets the new one last; see `search`.
                free.value.store(place.value.load(Relaxed), Release);
                free.key.store(key, Release);
            }
            gap = at;
            self.give_up(gap);
        }
        if let Some(place) = self.places.get(gap) {
            place.key.store(0, Release);
        }
        add(&self.used, -1);
        add(&self.vacant, -1);
    }

    /// Takes a place from its key, whose entry is in another place by now, or in none.
    fn give_up(&self, at: usize) {
        // ORDERING: what was copied is visible before the number, the number before the key is gone; see `get`.
        self.moves
            .store(self.moves.load(Relaxed).wrapping_add(1), Release);
        if let Some(place) = self.places.get(at) {
            place.key.store(NOBODY, Release);
        }
    }

    pub(super) fn at(&self, position: usize) -> Option<(u64, u64)> {
        let place = self.places.get(position)?;
        match place.key.load(Relaxed) {
            0 => None,
            key => Some((key - 1, place.value.load(Relaxed))),
        }
    }

    pub(super) fn clear(&self) {
        for place in self.places.iter() {
            place.key.store(0, Relaxed);
        }
        self.used.store(0, Relaxed);
        self.vacant.store(0, Relaxed);
    }

    /// Places in use, those of entries that were taken out and keep theirs included.
    pub(super) fn len(&self) -> u64 {
        self.used.load(Relaxed)
    }

    pub(super) fn positions(&self) -> usize {
        self.places.len()
    }

    pub(super) fn memory(&self) -> u64 {
        self.places.len() as u64 * 16
    }

    /// Where the entry of a block is. For the writer.
    fn position(&self, lbn: u64) -> Option<usize> {
        let (key, home) = (lbn.wrapping_add(1), self.home(lbn));
        for (step, place) in self.probe(lbn).enumerate() {
            match place.key.load(Relaxed) {
                found if found == key => return (home + step).checked_rem(self.places.len()),
                0 => return None,
                _ => {}
            }
        }
        None
    }

    /// Where the search for a block begins.
    fn home(&self, lbn: u64) -> usize {
        let hash = lbn.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        // CAST: less than the number of places.
        (hash.wrapping_mul(self.places.len() as u64) >> 32) as usize
    }

    /// The places where a block can be, in order.
    fn probe(&self, lbn: u64) -> impl Iterator<Item = &Place> {
        let (before, from) = self.places.split_at(self.home(lbn));
        from.iter().chain(before.iter())
    }
}

/// Adds to a number that only the writer changes.
fn add(number: &Atomic<u64>, by: i64) {
    number.store(number.load(Relaxed).saturating_add_signed(by), Relaxed);
}
