// SPDX-License-Identifier: GPL-2.0-only

//! A hash table of fixed size with linear probing. Entries are added and changed, never moved or removed.

use kernel::{
    alloc::{AllocError, Flags, KVVec},
    sync::atomic::{Acquire, Atomic, Relaxed, Release}, //
};

struct Place {
    /// The block plus one; 0 while free.
    key: Atomic<u64>,
    value: Atomic<u64>,
}

pub(super) struct Table {
    places: KVVec<Place>,
    capacity: u64,
    used: Atomic<u64>,
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
        })
    }

    pub(super) fn get(&self, lbn: u64) -> Option<u64> {
        let key = lbn.wrapping_add(1);
        for place in self.probe(lbn) {
            // ORDERING: pairs with the release in `put`: who sees the key sees a value.
            let found = place.key.load(Acquire);
            if found == key {
                // ORDERING: pairs with the release in `put`: what a new value refers to is visible with it.
                return Some(place.value.load(Acquire));
            }
            if found == 0 {
                return None;
            }
        }
        None
    }

    /// Adds or changes an entry; false if there is no room. The engine is the only caller.
    pub(super) fn put(&self, lbn: u64, value: u64) -> bool {
        let key = lbn.wrapping_add(1);
        for place in self.probe(lbn) {
            let found = place.key.load(Relaxed);
            if found == key {
                // ORDERING: see `get`.
                place.value.store(value, Release);
                return true;
            }
            if found == 0 {
                let used = self.used.load(Relaxed);
                if used >= self.capacity {
                    return false;
                }
                place.value.store(value, Relaxed);
                // ORDERING: the value is visible before the key.
                place.key.store(key, Release);
                self.used.store(used + 1, Relaxed);
                return true;
            }
        }
        false
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
    }

    pub(super) fn len(&self) -> u64 {
        self.used.load(Relaxed)
    }

    pub(super) fn positions(&self) -> usize {
        self.places.len()
    }

    pub(super) fn memory(&self) -> u64 {
        self.places.len() as u64 * 16
    }

    /// The places where a block can be, in order.
    fn probe(&self, lbn: u64) -> impl Iterator<Item = &Place> {
        let hash = lbn.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let start = (hash.wrapping_mul(self.places.len() as u64)) >> 32;
        // CAST: less than the number of places.
        let (before, from) = self.places.split_at(start as usize);
        from.iter().chain(before.iter())
    }
}
