// SPDX-License-Identifier: GPL-2.0-only

//! A frame: the memory of one page, and what is known of it.

use crate::engine::block::Buffer;
use crate::engine::dedup::format::pool_page;
use crate::engine::dedup::units::{Batch, PageNumber};

/// How a frame stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum FrameState {
    /// It holds no page.
    Free,
    /// Its page is being read.
    Loading,
    /// Its page is there.
    Resident,
}

/// A frame.
pub(in super::super) struct Frame {
    pub(in super::super) state: FrameState,
    pub(in super::super) page: PageNumber,
    /// Operations that need the page where it is.
    pub(in super::super) pins: u32,
    /// It was looked at since the hand passed.
    pub(super) used_lately: bool,
    /// The page is present; otherwise it is empty, and nothing was ever written to its place.
    pub(in super::super) present: bool,
    /// The epoch of the journal in which its image or birth was written last.
    pub(in super::super) epoch: u64,
    /// The batch that changed it first since it was copied for being written.
    pub(in super::super) dirty_since: Option<Batch>,
    /// The batch that changed it last.
    pub(in super::super) changed: Batch,
    /// It is being written back.
    pub(in super::super) writing: bool,
    /// Of a pool page: the newest batch that may have freed a block of it.
    pub(in super::super) freed: Batch,
    /// Of a pool page: blocks that are referred to.
    pub(in super::super) used_blocks: u64,
    /// Of a pool page: blocks that were taken for writes under way.
    taken: [u64; TAKEN_WORDS],
    /// The page; away while it is being read.
    pub(in super::super) memory: Option<Buffer>,
}

/// Words with a bit for each block of a pool page.
const TAKEN_WORDS: usize = 4;
const _: () = assert!(pool_page::BLOCKS as usize <= TAKEN_WORDS * 64);

impl Frame {
    /// A frame without a page.
    pub(super) fn new(memory: Buffer) -> Self {
        Self {
            state: FrameState::Free,
            page: PageNumber(0),
            pins: 0,
            used_lately: false,
            present: false,
            epoch: 0,
            dirty_since: None,
            changed: Batch(0),
            writing: false,
            freed: Batch(0),
            used_blocks: 0,
            taken: [0; TAKEN_WORDS],
            memory: Some(memory),
        }
    }

    /// Makes it the frame of another page, of which nothing is known yet.
    pub(super) fn assign(&mut self, page: PageNumber) {
        self.page = page;
        self.present = false;
        self.epoch = 0;
        self.dirty_since = None;
        self.changed = Batch(0);
        self.freed = Batch(0);
        self.used_blocks = 0;
        self.taken = [0; TAKEN_WORDS];
    }

    /// Whether it could hold another page.
    pub(super) fn is_evictable(&self) -> bool {
        self.state == FrameState::Resident
            && self.pins == 0
            && self.dirty_since.is_none()
            && !self.writing
    }

    /// Whether a block was taken.
    pub(in super::super) fn is_taken(&self, index: usize) -> bool {
        self.taken
            .get(index / 64)
            .is_some_and(|word| (word >> (index % 64)) & 1 != 0)
    }

    /// Takes a block for a write, or gives it back.
    pub(in super::super) fn set_taken(&mut self, index: usize, taken: bool) {
        if let Some(word) = self.taken.get_mut(index / 64) {
            let bit = 1 << (index % 64);
            *word = if taken { *word | bit } else { *word & !bit };
        }
    }
}
