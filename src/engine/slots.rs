// SPDX-License-Identifier: GPL-2.0-only

//! Which blocks of the spare are taken.

#[cfg(test)]
mod tests;

use super::format::{layout, Layout};
use super::units::Slot;
use kernel::alloc::{AllocError, Flags, KVVec};

/// A bit for each block among which the slots are: set while it is taken, bad, or no slot at all.
pub(super) struct Slots {
    words: KVVec<u64>,
    next: u64,
    total: u64,
    used: u64,
    bad: u64,
}

impl Slots {
    pub(super) fn new(spare_blocks: u64, flags: Flags) -> Result<Self, AllocError> {
        let count =
            usize::try_from(layout::window(spare_blocks).div_ceil(64)).map_err(|_| AllocError)?;
        let mut words = KVVec::with_capacity(count, flags)?;
        for _ in 0..count {
            words.push(u64::MAX, flags)?;
        }
        Ok(Self {
            words,
            next: 0,
            total: 0,
            used: 0,
            bad: 0,
        })
    }

    /// Frees every slot of a layout.
    pub(super) fn reset(&mut self, layout: &Layout) {
        self.words.iter_mut().for_each(|word| *word = u64::MAX);
        (self.next, self.total, self.used, self.bad) = (0, 0, 0, 0);
        for block in 0..layout.window() {
            self.mark(block, false);
        }
        self.total = layout.window();
        for copy in 0..layout.copies {
            let first = layout.superblock(copy);
            for block in first..(first + layout.copy_blocks()).min(layout.window()) {
                self.mark(block, true);
                self.total -= 1;
            }
        }
    }

    /// Takes the next free slot.
    pub(super) fn allocate(&mut self) -> Option<Slot> {
        let count = self.words.len() as u64;
        let start = self.next / 64;
        for step in 0..=count {
            let index = (start + step).checked_rem(count)?;
            let word = *self.words.get(usize::try_from(index).ok()?)?;
            // The word where the search starts is looked at from `next` on first, and whole in the end.
            let skipped = if step == 0 {
                (1u64 << (self.next % 64)) - 1
            } else {
                0
            };
            let free = !(word | skipped);
            if free != 0 {
                let block = index * 64 + u64::from(free.trailing_zeros());
                let slot = Slot(u32::try_from(block).ok()?);
                if !seeded!("slot_given_twice") {
                    self.next = block + 1;
                    self.set(slot, true);
                }
                self.used += 1;
                if self.next >= count * 64 {
                    self.next = 0;
                }
                return Some(slot);
            }
        }
        None
    }

    /// Goes on so many blocks further with the next slot: bad ones lie side by side.
    pub(super) fn skip(&mut self, blocks: u64) {
        let end = self.words.len() as u64 * 64;
        let next = self.next.saturating_add(blocks);
        self.next = next.checked_rem(end).unwrap_or(0);
    }

    /// Marks a slot of the table as taken; false if it is taken already or is no slot.
    pub(super) fn claim(&mut self, slot: Slot) -> bool {
        if self.is_taken(slot) {
            return false;
        }
        self.set(slot, true);
        self.used += 1;
        true
    }

    /// Gives a slot back that no record refers to.
    pub(super) fn release(&mut self, slot: Slot) {
        if self.is_taken(slot) {
            self.set(slot, false);
            self.used = self.used.saturating_sub(1);
        }
    }

    /// Leaves a slot out for as long as the engine lives.
    pub(super) fn mark_bad(&mut self, slot: Slot) {
        self.set(slot, true);
        self.used = self.used.saturating_sub(1);
        self.bad += 1;
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    pub(super) fn used(&self) -> u64 {
        self.used
    }

    pub(super) fn bad(&self) -> u64 {
        self.bad
    }

    pub(super) fn left(&self) -> u64 {
        self.total
            .saturating_sub(self.used)
            .saturating_sub(self.bad)
    }

    pub(super) fn memory(&self) -> u64 {
        self.words.len() as u64 * 8
    }

    fn is_taken(&self, slot: Slot) -> bool {
        // CAST: u32 fits usize on every machine that runs this.
        self.words
            .get(slot.0 as usize / 64)
            .is_none_or(|word| word & (1 << (slot.0 % 64)) != 0)
    }

    fn set(&mut self, slot: Slot, taken: bool) {
        self.mark(slot.0.into(), taken);
    }

    fn mark(&mut self, block: u64, taken: bool) {
        // CAST: blocks of the window are below 2^22.
        if let Some(word) = self.words.get_mut(block as usize / 64) {
            let bit = 1 << (block % 64);
            *word = if taken { *word | bit } else { *word & !bit };
        }
    }
}
