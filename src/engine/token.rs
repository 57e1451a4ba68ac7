// SPDX-License-Identifier: GPL-2.0-only

//! Tokens and tickets: who asked, and in which of its steps.
//!
//! 4 bits of owner, 12 bits of index, 16 bits of generation. A generation differs between the steps of one
//! owner, so that an answer that comes too late is told from the one that is waited for.

use super::event::Token;

/// Who asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Owner {
    Job(usize),
    Lane(LaneKind, usize),
    LaneFlush(LaneKind),
    Loader,
}

/// One of the two lanes that write metadata.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LaneKind {
    Commit,
    Checkpoint,
}

impl Owner {
    pub(super) fn token(self, generation: u16) -> Token {
        let (owner, index) = match self {
            Owner::Job(index) => (0, index),
            Owner::Lane(LaneKind::Commit, index) => (1, index),
            Owner::Lane(LaneKind::Checkpoint, index) => (2, index),
            Owner::LaneFlush(LaneKind::Commit) => (3, 0),
            Owner::LaneFlush(LaneKind::Checkpoint) => (4, 0),
            Owner::Loader => (5, 0),
        };
        // CAST: there are at most 64 jobs.
        Token((owner << 28) | ((index as u32 & 0xfff) << 16) | u32::from(generation))
    }

    pub(super) fn of(token: Token) -> Option<(Self, u16)> {
        // CAST: masked to 12 and 16 bits.
        let index = ((token.0 >> 16) & 0xfff) as usize;
        let generation = (token.0 & 0xffff) as u16;
        let owner = match token.0 >> 28 {
            0 => Owner::Job(index),
            1 => Owner::Lane(LaneKind::Commit, index),
            2 => Owner::Lane(LaneKind::Checkpoint, index),
            3 => Owner::LaneFlush(LaneKind::Commit),
            4 => Owner::LaneFlush(LaneKind::Checkpoint),
            5 => Owner::Loader,
            _ => return None,
        };
        Some((owner, generation))
    }
}
