// SPDX-License-Identifier: GPL-2.0-only

//! What can happen to one copy of the metadata while nobody looks. The others must be enough.

use super::SPARE_MARKS;
use crate::disk::Disk;
use crate::sector::marked;
use dm_spare_engine::format::Layout;
use std::ops::Range;

/// The byte of a block that holds the low half of the first record's slot.
const FIRST_RECORD_SLOT: usize = 104;

/// What happens to a copy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Damage {
    /// It is full of rubbish.
    Destroyed,
    /// One bit is flipped in the first record of every block.
    Rotten,
    /// No block of it can be read.
    Unreadable,
    /// It holds what it held once: every write since was lost.
    Stale,
}

/// Everything that is tried.
pub const DAMAGES: [Damage; 4] = [
    Damage::Destroyed,
    Damage::Rotten,
    Damage::Unreadable,
    Damage::Stale,
];

/// The sectors of a copy.
pub fn sectors_of(layout: &Layout, copy: u8) -> Range<u64> {
    let first = layout.superblock(copy) * 8;
    first..first + layout.copy_blocks() * 8
}

/// A disk full of rubbish that nobody has ever written.
pub fn rubbish(sectors: u64) -> Disk {
    Disk::new(sectors, |at| marked(SPARE_MARKS + (1 << 20) + at))
}

impl Damage {
    /// Damages a copy, durably. `rubbish` is a disk like [`rubbish`]'s, `once` the spare as it was.
    pub fn apply(self, spare: &mut Disk, [rubbish, once]: [&Disk; 2], layout: &Layout, copy: u8) {
        let range = sectors_of(layout, copy);
        match self {
            Damage::Destroyed => spare.damage(range, |at| rubbish.durable(at).clone()),
            Damage::Rotten => {
                for at in range.step_by(8) {
                    spare.flip(at, FIRST_RECORD_SLOT);
                }
            }
            Damage::Unreadable => {
                for at in range {
                    spare.make_unreadable(at);
                }
            }
            Damage::Stale => spare.damage(range, |at| once.durable(at).clone()),
        }
    }
}
