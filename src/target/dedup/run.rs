// SPDX-License-Identifier: GPL-2.0-only

//! Neighbours on main that are written, or read, by one bio.

use kernel::{
    alloc::AllocError,
    prelude::*, //
};

use crate::engine::Buffer;

use super::perform::SECTORS;

/// Most blocks of a run: 128 KiB.
pub(super) const RUN_BLOCKS: usize = 32;

/// A block of a run: what it is for, and its data.
pub(super) struct Piece<T> {
    pub(super) task: T,
    pub(super) buffer: Buffer,
}

/// The blocks of a run, in their order on main. Its memory is used again.
pub(super) struct Run<T>(KVec<Piece<T>>);

impl<T> Run<T> {
    /// An empty one, with room for all that it may ever hold.
    pub(super) fn new() -> Result<Self, AllocError> {
        Ok(Self(KVec::with_capacity(RUN_BLOCKS, GFP_KERNEL)?))
    }

    /// Appends a block; there is room for it.
    pub(super) fn push(&mut self, piece: Piece<T>) {
        let _ = self.0.push_within_capacity(piece);
    }

    /// Takes a block out.
    pub(super) fn pop(&mut self) -> Option<Piece<T>> {
        self.0.pop()
    }

    /// How many blocks there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// How many sectors they have.
    pub(super) fn sectors(&self) -> u32 {
        // CAST: at most 32 blocks.
        self.len() as u32 * SECTORS
    }

    /// The data of the blocks.
    pub(super) fn pieces(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.0
            .iter_mut()
            .map(|piece| piece.buffer.0.as_mut_slice())
    }
}
