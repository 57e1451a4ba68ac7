// SPDX-License-Identifier: GPL-2.0-only

//! A part of a disk that lies: writes that are acknowledged and never stored, or stored elsewhere in the part, and
//! reads that are answered with what a sector held before.
//!
//! No set survives a write that is lost everywhere, so the part is one copy of the metadata.

use super::Sector;
use crate::rng::Rng;
use crate::sector::mix;
use std::collections::BTreeMap;
use std::ops::Range;

/// What becomes of a write that is acknowledged as if nothing were wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lie {
    /// It is never stored.
    Lost,
    /// It is stored in the place behind its own, or at the part's beginning if there is none.
    Misdirected,
}

/// When a part lies.
#[derive(Clone, Debug)]
pub enum Habit {
    /// About one write, counted from 0 from now on.
    Once {
        /// Which.
        number: u64,
        /// What becomes of it.
        lie: Lie,
    },
    /// About one of so many writes; and one of so many blocks reads as it was before its last write, the same ones
    /// until the next crash. (A block that reads now so and now so while a set is loaded may get it refused.)
    Often {
        /// Draws.
        rng: Rng,
        /// How many.
        one_in: usize,
    },
}

/// A part of a disk that lies.
#[derive(Clone, Debug)]
pub struct Liar {
    range: Range<u64>,
    habit: Habit,
    writes: u64,
    /// Decides which blocks are stale.
    mood: u64,
    /// Where the writes of which it lied begin; none for nowhere.
    fates: BTreeMap<u64, Option<u64>>,
    /// What sectors held before their last write.
    previous: BTreeMap<u64, Sector>,
}

impl Liar {
    /// A part with a habit.
    pub fn new(range: Range<u64>, habit: Habit) -> Self {
        Self {
            range,
            habit,
            writes: 0,
            mood: 0,
            fates: BTreeMap::new(),
            previous: BTreeMap::new(),
        }
    }

    /// Writes into the part so far.
    pub fn writes(&self) -> u64 {
        self.writes
    }

    /// Where a new write really goes; none for nowhere.
    pub(super) fn submit(&mut self, write: u64, sector: u64, sectors: u64) -> Option<u64> {
        if !self.range.contains(&sector) {
            return Some(sector);
        }
        let number = self.writes;
        self.writes += 1;
        let lie = match &mut self.habit {
            Habit::Once { number: of, lie } => (*of == number).then_some(*lie),
            Habit::Often { rng, one_in } => rng.one_in(*one_in).then(|| {
                if rng.one_in(2) {
                    Lie::Lost
                } else {
                    Lie::Misdirected
                }
            }),
        };
        let fate = match lie {
            None => return Some(sector),
            Some(Lie::Lost) => None,
            Some(Lie::Misdirected) if sector + 2 * sectors <= self.range.end => {
                Some(sector + sectors)
            }
            Some(Lie::Misdirected) => Some(self.range.start),
        };
        self.fates.insert(write, fate);
        fate
    }

    /// Where a write that ends has gone; none for nowhere.
    pub(super) fn complete(&mut self, write: u64, sector: u64) -> Option<u64> {
        self.fates.remove(&write).unwrap_or(Some(sector))
    }

    /// A sector has been overwritten.
    pub(super) fn overwritten(&mut self, at: u64, old: &Sector) {
        if self.range.contains(&at) {
            self.previous.insert(at, old.clone());
        }
    }

    /// Whether reads of this sector's block are answered with old content.
    pub(super) fn is_stale(&self, sector: u64) -> bool {
        match &self.habit {
            Habit::Often { one_in, .. } if self.range.contains(&sector) => {
                mix(self.mood, sector / 8) % *one_in as u64 == 0
            }
            _ => false,
        }
    }

    /// What a sector held before, if it was ever overwritten.
    pub(super) fn before(&self, at: u64) -> Option<&Sector> {
        self.previous.get(&at)
    }

    /// Forgets what was in flight; other blocks are stale from now on.
    pub(super) fn crashed(&self) -> Self {
        Self {
            fates: BTreeMap::new(),
            mood: mix(self.mood, 1),
            ..self.clone()
        }
    }
}
