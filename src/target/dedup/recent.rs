// SPDX-License-Identifier: GPL-2.0-only

//! The blocks that were written last, still in memory: what is written again soon need not be read to be compared.

use kernel::{
    alloc::{
        AllocError,
        KVVec, //
    },
    prelude::*, //
};

use crate::engine::{
    dedup::Pbn,
    new_buffer,
    Block,
    Buffer, //
};

/// Blocks that are kept.
pub(super) const RECENT: u32 = 256;

struct Kept {
    /// None if the buffer holds nothing that counts.
    pbn: Option<Pbn>,
    buffer: Buffer,
}

/// Blocks as they were written to main, each at the place that its number says, until another one needs that place: where
/// blocks are taken in runs, those are the newest ones.
pub(super) struct Recent(KVVec<Kept>);

impl Recent {
    /// None, with all buffers.
    pub(super) fn new() -> Result<Self, AllocError> {
        // CAST: 32 bits fit into a `usize` on every supported machine.
        let mut places = KVVec::with_capacity(RECENT as usize, GFP_KERNEL)?;
        for _ in 0..RECENT {
            let buffer = new_buffer(GFP_KERNEL)?;
            places.push(Kept { pbn: None, buffer }, GFP_KERNEL)?;
        }
        Ok(Self(places))
    }

    fn place(&mut self, pbn: Pbn) -> Option<&mut Kept> {
        // CAST: reduced to the number of places.
        self.0.get_mut((pbn.0 % u64::from(RECENT)) as usize)
    }

    /// Keeps what was written to a block, which nothing has written to since; returns the buffer whose place it takes.
    pub(super) fn keep(&mut self, pbn: Pbn, buffer: Buffer) -> Buffer {
        match self.place(pbn) {
            Some(kept) => {
                kept.pbn = Some(pbn);
                core::mem::replace(&mut kept.buffer, buffer)
            }
            None => buffer,
        }
    }

    /// The block is about to be written to.
    pub(super) fn forget(&mut self, pbn: Pbn) {
        if let Some(kept) = self.place(pbn).filter(|kept| kept.pbn == Some(pbn)) {
            kept.pbn = None;
        }
    }

    /// What the block holds, if it was kept.
    pub(super) fn find(&mut self, pbn: Pbn) -> Option<&Block> {
        let kept = self.place(pbn)?;
        (kept.pbn == Some(pbn)).then_some(&*kept.buffer)
    }
}
