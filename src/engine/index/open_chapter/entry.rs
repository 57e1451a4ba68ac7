// SPDX-License-Identifier: GPL-2.0-only

//! An entry of an open chapter, and how it is kept in 24 bytes.

use crate::engine::index::record::{Data, Name};
use crate::engine::index::units::ChapterCode;

/// Where the state begins in the word of an entry: the data lie below.
const STATE_SHIFT: u32 = 48;
/// The state of an entry that neither is deleted nor replaces anything.
const PLAIN: u64 = 1;
/// The largest state.
const STATE_MAXIMUM: u64 = PLAIN + 1 + 2 * (ChapterCode::LIMIT as u64);

/// What an open chapter knows about a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The name.
    pub name: Name,
    /// What the record says.
    pub data: Data,
    /// The closed chapter for which the volume index still has an entry of this name.
    pub replaces: Option<ChapterCode>,
    /// The name was deleted: the record is not found and not written, what it replaces still is to be removed.
    pub deleted: bool,
}

impl Entry {
    /// Data and state in one word, which is never 0.
    pub fn word(&self) -> u64 {
        let replaces = self.replaces.map_or(0, |code| u64::from(code.0) + 1);
        let state = PLAIN + u64::from(self.deleted) + 2 * replaces;
        self.data.bits() | (state << STATE_SHIFT)
    }

    /// The entry that has this word; none if there is no such word.
    pub fn from_word(name: Name, word: u64) -> Option<Self> {
        let state = word >> STATE_SHIFT;
        if !(PLAIN..=STATE_MAXIMUM).contains(&state) {
            return None;
        }
        let (replaces, deleted) = ((state - PLAIN) / 2, (state - PLAIN) % 2);
        Some(Self {
            name,
            data: Data::from_bits(word),
            // CAST: at most ChapterCode::LIMIT.
            replaces: replaces.checked_sub(1).map(|code| ChapterCode(code as u16)),
            deleted: deleted != 0,
        })
    }
}

/// A place for an entry.
///
/// # Invariants
///
/// An empty place has the greatest key, and a word of 0; no entry has such a word.
#[derive(Clone, Copy)]
pub(in super::super) struct Slot {
    pub(in super::super) key: u64,
    pub(in super::super) rest: u64,
    pub(in super::super) word: u64,
}

impl Slot {
    /// An empty place.
    pub(in super::super) const EMPTY: Self = Self {
        key: u64::MAX,
        rest: 0,
        word: 0,
    };

    /// The place of an entry.
    pub(in super::super) fn of(entry: &Entry) -> Self {
        Self {
            key: entry.name.key,
            rest: entry.name.rest,
            word: entry.word(),
        }
    }

    /// Whether there is no entry.
    pub(in super::super) fn is_empty(&self) -> bool {
        self.word == 0
    }

    /// The name of the entry.
    pub(in super::super) fn name(&self) -> Name {
        Name {
            key: self.key,
            rest: self.rest,
        }
    }

    /// The entry, if there is one.
    pub(in super::super) fn entry(&self) -> Option<Entry> {
        Entry::from_word(self.name(), self.word)
    }

    /// Whether there is an entry that is not deleted.
    pub(in super::super) fn is_live(&self) -> bool {
        // PLAIN is odd: of live entries the state is.
        (self.word >> STATE_SHIFT) & 1 == 1
    }
}
