// SPDX-License-Identifier: GPL-2.0-only

//! Long reads and writes in order: a few lanes, each with memory for some blocks.

use crate::engine::event::ErrorClass;
use crate::engine::index::extent::Extent;
use crate::engine::index::units::{Chapter, Page};
use kernel::alloc::{AllocError, Flags, KVec};

/// Lanes.
pub(super) const LANES: usize = 4;
/// Blocks of one lane.
pub(super) const LANE_BLOCKS: u32 = 8;

/// What a lane is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Piece {
    /// The first block.
    pub(super) block: u64,
    /// How many.
    pub(super) blocks: u32,
    /// Whose pages they are, if they are record pages.
    pub(super) chapter: Chapter,
    /// The first of them.
    pub(super) page: Page,
}

enum State {
    Free,
    Reading,
    Writing,
    /// Read, and to be used when it is its turn.
    Read(Result<(), ErrorClass>),
    /// With a zone.
    Lent,
}

struct Lane {
    state: State,
    piece: Piece,
    sequence: u64,
    memory: Option<Extent>,
}

/// The lanes.
pub(super) struct Stream {
    lanes: KVec<Lane>,
    /// The number of the next piece that is begun, and of the next that is used.
    begun: u64,
    used: u64,
}

impl Stream {
    pub(super) fn new(flags: Flags) -> Result<Self, AllocError> {
        let mut lanes = KVec::with_capacity(LANES, flags)?;
        for _ in 0..LANES {
            lanes.push(
                Lane {
                    state: State::Free,
                    piece: Piece {
                        block: 0,
                        blocks: 0,
                        chapter: Chapter(0),
                        page: Page(0),
                    },
                    sequence: 0,
                    // CAST: a small number.
                    memory: Some(Extent::new(LANE_BLOCKS as usize, flags)?),
                },
                flags,
            )?;
        }
        Ok(Self {
            lanes,
            begun: 0,
            used: 0,
        })
    }

    /// A lane that nothing uses.
    pub(super) fn free_lane(&self) -> Option<usize> {
        self.lanes
            .iter()
            .position(|lane| matches!(lane.state, State::Free))
    }

    /// Whether nothing is under way, waits to be used, or is with a zone.
    pub(super) fn is_idle(&self) -> bool {
        self.lanes
            .iter()
            .all(|lane| matches!(lane.state, State::Free))
    }

    /// Begins to read a piece on a free lane; the memory to read into.
    pub(super) fn begin_read(&mut self, lane: usize, piece: Piece) -> Option<Extent> {
        let lane = self.lanes.get_mut(lane)?;
        lane.state = State::Reading;
        lane.piece = piece;
        lane.sequence = self.begun;
        self.begun += 1;
        lane.memory.take()
    }

    /// The memory of a free lane, to be filled and written.
    pub(super) fn memory(&mut self, lane: usize) -> Option<&mut Extent> {
        self.lanes.get_mut(lane)?.memory.as_mut()
    }

    /// Begins to write what was filled; the memory.
    pub(super) fn begin_write(&mut self, lane: usize) -> Option<Extent> {
        let lane = self.lanes.get_mut(lane)?;
        lane.state = State::Writing;
        lane.memory.take()
    }

    /// Takes the end of an I/O; whether it was a read.
    pub(super) fn done(
        &mut self,
        lane: usize,
        result: Result<(), ErrorClass>,
        memory: Extent,
    ) -> bool {
        let Some(lane) = self.lanes.get_mut(lane) else {
            return false;
        };
        lane.memory = Some(memory);
        if matches!(lane.state, State::Reading) {
            lane.state = State::Read(result);
            true
        } else {
            lane.state = State::Free;
            false
        }
    }

    /// The next piece in the order in which they were begun, once it was read: its lane, and what the read said. The
    /// lane is free again, unless it is lent.
    pub(super) fn next_read(&mut self) -> Option<(usize, Piece, Result<(), ErrorClass>)> {
        let next = self.used;
        let (index, lane) = self
            .lanes
            .iter_mut()
            .enumerate()
            .find(|(_, lane)| lane.sequence == next && matches!(lane.state, State::Read(_)))?;
        let State::Read(result) = core::mem::replace(&mut lane.state, State::Free) else {
            return None;
        };
        self.used += 1;
        Some((index, lane.piece, result))
    }

    /// Takes the memory of a lane away, to be given to a zone.
    pub(super) fn lend(&mut self, lane: usize) -> Option<(Piece, Extent)> {
        let lane = self.lanes.get_mut(lane)?;
        lane.state = State::Lent;
        Some((lane.piece, lane.memory.take()?))
    }

    /// What a lane was last used for.
    pub(super) fn piece(&self, lane: usize) -> Option<Piece> {
        self.lanes.get(lane).map(|lane| lane.piece)
    }

    /// Takes the memory back.
    pub(super) fn take_back(&mut self, lane: usize, memory: Extent) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.memory = Some(memory);
            lane.state = State::Free;
        }
    }

    /// Bytes of memory.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.lanes
            .iter()
            .filter_map(|lane| lane.memory.as_ref())
            .map(Extent::memory_bytes)
            .sum()
    }
}
