// SPDX-License-Identifier: GPL-2.0-only

//! The pool as a whole: how many blocks are used, and where allocation goes on.

use super::units::{Batch, PageNumber};

/// What is known of the pool.
pub(super) struct Pool {
    /// Blocks that are referred to.
    pub(super) used_blocks: u64,
    /// Blocks of the volume that refer to them.
    pub(super) mapped_blocks: u64,
    /// Blocks that were taken for writes under way.
    pub(super) taken_blocks: u64,
    /// Pool pages without a free block.
    pub(super) full_pages: u64,
    /// The page of which blocks are taken.
    pub(super) current: PageNumber,
    /// The block of that page at which the search begins.
    pub(super) next_index: usize,
    /// Pages that were looked at in vain since a block was found.
    pub(super) tried: u64,
    /// One of these has free blocks that are held back.
    pub(super) some_held_back: bool,
    /// Blocks that were freed in earlier batches are held back by nothing; nor will they be.
    pub(super) safe_before: Batch,
}

impl Pool {
    pub(super) fn new(first: PageNumber) -> Self {
        Self {
            used_blocks: 0,
            mapped_blocks: 0,
            taken_blocks: 0,
            full_pages: 0,
            current: first,
            next_index: 0,
            tried: 0,
            some_held_back: false,
            safe_before: Batch(0),
        }
    }

    /// Begins another search.
    pub(super) fn restart(&mut self) {
        self.tried = 0;
        self.some_held_back = false;
    }
}
