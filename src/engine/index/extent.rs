// SPDX-License-Identifier: GPL-2.0-only

//! The memory of consecutive blocks.

use crate::engine::block::Block;
use crate::engine::units::BLOCK_BYTES;
use core::fmt;
use kernel::alloc::{AllocError, Flags, KVVec};

/// Zeros to copy: a block of them on a stack would be a quarter of a kernel's.
static ZEROS: [Block; 1] = [Block([0; BLOCK_BYTES])];

/// The content of consecutive blocks of the disk. Whoever holds it is the only one who can touch it; an I/O in
/// flight owns its memory.
pub struct Extent(KVVec<Block>);

impl Extent {
    /// Allocates zeros. Called at construction only.
    ///
    /// # Errors
    ///
    /// Too little memory.
    pub fn new(blocks: usize, flags: Flags) -> Result<Self, AllocError> {
        let mut memory = KVVec::with_capacity(blocks, flags)?;
        for _ in 0..blocks {
            memory.extend_from_slice(&ZEROS, flags)?;
        }
        Ok(Self(memory))
    }

    /// All blocks.
    pub fn blocks(&self) -> &[Block] {
        &self.0
    }

    /// All blocks, to be written.
    pub fn blocks_mut(&mut self) -> &mut [Block] {
        &mut self.0
    }

    /// Bytes of memory.
    pub(super) fn memory_bytes(&self) -> u64 {
        (self.0.len() * BLOCK_BYTES) as u64
    }
}

impl fmt::Debug for Extent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} blocks", self.0.len())
    }
}
