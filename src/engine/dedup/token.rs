// SPDX-License-Identifier: GPL-2.0-only

//! Tokens: who asked for an I/O of metadata. Each is answered once, so a number is enough.

use crate::engine::event::Token;

/// Who asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Owner {
    /// A frame of the cache that is being filled.
    Frame(usize),
    /// The page of this frame is written back.
    WriteBack(usize),
    /// A block of a batch.
    Journal,
    /// A flush for a batch.
    JournalFlush,
    /// A flush or a block of a checkpoint.
    Checkpoint,
    /// What is read and written at activation, by number.
    Loader(usize),
}

const INDEX_BITS: u32 = 28;

impl Owner {
    pub(super) fn token(self) -> Token {
        let (owner, index) = match self {
            Self::Frame(index) => (0, index),
            Self::WriteBack(index) => (1, index),
            Self::Journal => (2, 0),
            Self::JournalFlush => (3, 0),
            Self::Checkpoint => (4, 0),
            Self::Loader(index) => (5, index),
        };
        // CAST: there are fewer frames, and fewer reads at once, than 2^28.
        Token((owner << INDEX_BITS) | (index as u32 & ((1 << INDEX_BITS) - 1)))
    }

    pub(super) fn of(token: Token) -> Option<Self> {
        // CAST: 28 bits.
        let index = (token.0 & ((1 << INDEX_BITS) - 1)) as usize;
        match token.0 >> INDEX_BITS {
            0 => Some(Self::Frame(index)),
            1 => Some(Self::WriteBack(index)),
            2 => Some(Self::Journal),
            3 => Some(Self::JournalFlush),
            4 => Some(Self::Checkpoint),
            5 => Some(Self::Loader(index)),
            _ => None,
        }
    }
}
