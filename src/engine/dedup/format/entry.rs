// SPDX-License-Identifier: GPL-2.0-only

//! What a block of the volume is.

use crate::engine::dedup::units::Pbn;

/// What a block of the volume is, as a number of 40 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entry {
    /// Never written, or discarded: reads zeros.
    Unmapped,
    /// Written with zeros.
    Zero,
    /// Its content is known to be lost: reads fail until it is overwritten.
    Poisoned,
    /// The content of a data block.
    Block(Pbn),
}

impl Entry {
    /// The entry as a number.
    pub fn number(self) -> u64 {
        match self {
            Self::Unmapped => 0,
            Self::Zero => 1,
            Self::Poisoned => 2,
            Self::Block(pbn) => pbn.0,
        }
    }

    /// The entry of a number; none if it means nothing. Whether a block is one of the pool is for the caller to check.
    pub fn from_number(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::Unmapped),
            1 => Some(Self::Zero),
            2 => Some(Self::Poisoned),
            _ => (number >= Pbn::FIRST.0).then_some(Self::Block(Pbn(number))),
        }
    }

    /// The data block, if it is one.
    pub fn block(self) -> Option<Pbn> {
        match self {
            Self::Block(pbn) => Some(pbn),
            _ => None,
        }
    }
}
