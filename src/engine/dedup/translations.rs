// SPDX-License-Identifier: GPL-2.0-only

//! Where blocks of the volume are, for whoever reads them without asking the volume.
//!
//! A table in which each block has one place that it shares with others; what was read or changed lately is there.
//! The volume alone changes it, in the same step as the map; any number of readers look at it meanwhile. What they find is
//! what the map says, or said when they began to look: a place is one word, so no block is ever taken for another.
//!
//! A data block that was found here may be freed at any moment. It is not used again before the shell has said that all
//! reads which may have found it have ended: see [`Action::AwaitReaders`](super::Action::AwaitReaders).

use super::format::Entry;
use super::units::{Lbn, Pbn};
use kernel::alloc::{AllocError, Flags, KVVec};
use kernel::sync::atomic::{Acquire, Atomic, Relaxed, Release};

/// Bits of a place that say which of its blocks is there.
const TAG_BITS: u32 = u64::BITS - Pbn::BITS;
/// Fewest places.
const PLACES_MINIMUM: usize = 64;

/// The table.
pub struct Translations {
    /// The data block in the lower bits, what is left of the number of the block of the volume in the upper ones; 0 if
    /// nothing is known. A power of two of them.
    places: KVVec<Atomic<u64>>,
}

impl Translations {
    /// A table of at least so many places, 8 bytes each. May sleep.
    ///
    /// # Errors
    ///
    /// Too little memory.
    pub fn new(places: usize, flags: Flags) -> Result<Self, AllocError> {
        let count = places
            .max(PLACES_MINIMUM)
            .checked_next_power_of_two()
            .ok_or(AllocError)?;
        let mut places = KVVec::with_capacity(count, flags)?;
        for _ in 0..count {
            places.push(Atomic::new(0), flags)?;
        }
        Ok(Self { places })
    }

    /// Bytes of memory.
    pub fn memory_bytes(&self) -> u64 {
        (self.places.len() * size_of::<u64>()) as u64
    }

    /// The data block of a block, and how many blocks from there on, up to `most`, are neighbours in the volume and on
    /// main; none if that is not known. Any context.
    #[inline]
    pub fn run(&self, first: Lbn, most: u64) -> Option<(Pbn, u64)> {
        let pbn = self.get(first)?;
        let mut blocks = 1;
        while blocks < most {
            let next = self.get(Lbn(first.0.checked_add(blocks)?));
            if next != Some(Pbn(pbn.0 + blocks)) {
                break;
            }
            blocks += 1;
        }
        Some((pbn, blocks))
    }

    /// Takes note of what a block is.
    pub(super) fn set(&self, lbn: Lbn, entry: Entry) {
        let Some((place, tag)) = self.place(lbn) else {
            return;
        };
        match entry.block() {
            // ORDERING: pairs with the acquire of `get`: whoever finds the block finds its data.
            Some(pbn) => place.store(tag | pbn.0, Release),
            None if is_of(place.load(Relaxed), tag) => place.store(0, Relaxed),
            None => {}
        }
    }

    #[inline]
    fn get(&self, lbn: Lbn) -> Option<Pbn> {
        let (place, tag) = self.place(lbn)?;
        // ORDERING: pairs with the release of `set`.
        let word = place.load(Acquire);
        (word != 0 && is_of(word, tag)).then_some(Pbn(word & ((1 << Pbn::BITS) - 1)))
    }

    /// The place of a block, and the block's tag there; none of one that is too far behind to have one.
    #[inline]
    fn place(&self, lbn: Lbn) -> Option<(&Atomic<u64>, u64)> {
        let bits = self.places.len().trailing_zeros();
        let tag = lbn.0 >> bits;
        // CAST: reduced to the table, whose length is a power of two.
        let place = self
            .places
            .get(lbn.0 as usize & self.places.len().wrapping_sub(1))?;
        (tag >> TAG_BITS == 0).then_some((place, tag << Pbn::BITS))
    }
}

/// Whether a word has this tag.
#[inline]
fn is_of(word: u64, tag: u64) -> bool {
    word >> Pbn::BITS == tag >> Pbn::BITS
}

#[cfg(test)]
mod tests {
    use super::{Entry, Lbn, Pbn, Translations};
    use kernel::alloc::flags::GFP_KERNEL;

    #[test]
    fn neighbours_are_found_as_far_as_they_are_known() {
        let table = Translations::new(64, GFP_KERNEL).expect("memory");
        assert_eq!(table.run(Lbn(5), 8), None);
        for block in 0..4 {
            table.set(Lbn(5 + block), Entry::Block(Pbn(100 + block)));
        }
        assert_eq!(table.run(Lbn(5), 8), Some((Pbn(100), 4)));
        assert_eq!(table.run(Lbn(6), 2), Some((Pbn(101), 2)));
        table.set(Lbn(7), Entry::Block(Pbn(500)));
        assert_eq!(table.run(Lbn(5), 8), Some((Pbn(100), 2)));
        table.set(Lbn(5), Entry::Unmapped);
        assert_eq!(table.run(Lbn(5), 8), None);
    }

    #[test]
    fn no_block_is_taken_for_another_in_its_place() {
        let table = Translations::new(64, GFP_KERNEL).expect("memory");
        table.set(Lbn(5), Entry::Block(Pbn(100)));
        table.set(Lbn(5 + 64), Entry::Zero);
        assert_eq!(table.run(Lbn(5), 1), Some((Pbn(100), 1)));
        assert_eq!(table.run(Lbn(5 + 64), 1), None);
        table.set(Lbn(5 + 64), Entry::Block(Pbn(200)));
        assert_eq!(table.run(Lbn(5), 1), None);
        assert_eq!(table.run(Lbn(5 + 64), 1), Some((Pbn(200), 1)));
        // Too far behind.
        table.set(Lbn(5 + (64 << 24)), Entry::Block(Pbn(300)));
        assert_eq!(table.run(Lbn(5 + (64 << 24)), 1), None);
        assert_eq!(table.run(Lbn(5 + 64), 1), Some((Pbn(200), 1)));
        assert_eq!(table.run(Lbn(u64::MAX), 2), None);
    }
}
