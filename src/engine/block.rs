// SPDX-License-Identifier: GPL-2.0-only

//! The memory of one block.

use super::units::{BLOCK_BYTES, SECTOR_BYTES};
use kernel::alloc::{AllocError, Flags, KBox};

/// The content of one block, aligned to its own size.
#[derive(Clone)]
// On the host, the stand-in for the kernel's crate has its own way to say it.
#[cfg_attr(CONFIG_RUST, derive(kernel::prelude::Zeroable))]
#[repr(C, align(4096))]
pub struct Block(
    /// The bytes.
    pub [u8; BLOCK_BYTES],
);

/// An owned block. Whoever holds it is the only one who can touch it; an I/O in flight owns its buffer.
pub type Buffer = KBox<Block>;

/// Allocates a block of zeros. Called at construction only.
///
/// # Errors
///
/// Too little memory.
pub fn new_buffer(flags: Flags) -> Result<Buffer, AllocError> {
    // Not made on the stack, where it would take twice its size.
    KBox::zeroed(flags)
}

/// Writes zeros over the sectors in `mask`.
pub(super) fn clear_sectors(block: &mut Block, mask: u8) {
    for (index, sector) in block.0.chunks_mut(SECTOR_BYTES).enumerate() {
        if mask & (1 << index) != 0 {
            sector.fill(0);
        }
    }
}
