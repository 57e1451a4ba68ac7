// SPDX-License-Identifier: GPL-2.0-only

//! The file of an index, mapped.
//!
//! In the kernel no system call lies between the index and its storage, and a device puts the data into the index's
//! memory. Here the processor copies each block, which is more than it does there, and no more than that.

use super::file::{self, Storage};
use dm_spare_engine::index::{Extent, IoKind};
use dm_spare_engine::{ErrorClass, BLOCK_BYTES};
use rustix::mm::{mmap, munmap, MapFlags, ProtFlags};
use std::cell::Cell;
use std::io;
use std::path::Path;
use std::ptr::null_mut;

/// A mapped file, for one thread.
///
/// # Invariants
///
/// So many blocks are mapped from `start` on, and nothing else accesses them.
pub struct MappedFile {
    start: *mut u8,
    blocks: u64,
    read: Cell<u64>,
}

impl MappedFile {
    /// Opens a file of so many blocks, and makes it if need be. Nobody else may use the file meanwhile.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn open(path: &Path, blocks: u64) -> io::Result<Self> {
        let file = file::open(path, blocks)?;
        let bytes = blocks as usize * BLOCK_BYTES;
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::SHARED | MapFlags::POPULATE;
        // SAFETY: the kernel chooses an address where nothing is mapped.
        let start = unsafe { mmap(null_mut(), bytes, protection, flags, file, 0) }?;
        // INVARIANT: they are mapped, the file has so many blocks, and no pointer to them leaves this value.
        Ok(Self {
            start: start.cast(),
            blocks,
            read: Cell::new(0),
        })
    }

    /// The place of a block.
    fn at(&self, block: u64) -> Result<*mut u8, ErrorClass> {
        if block >= self.blocks {
            return Err(ErrorClass::Media);
        }
        Ok(self.start.wrapping_add(block as usize * BLOCK_BYTES))
    }
}

impl Storage for MappedFile {
    fn run(&self, kind: IoKind, memory: &mut Option<Extent>) -> Result<(), ErrorClass> {
        let Some(memory) = memory else { return Ok(()) };
        match kind {
            IoKind::Read { block, blocks } => {
                let targets = memory.blocks_mut().iter_mut().take(blocks as usize);
                for (target, block) in targets.zip(block..) {
                    let source = self.at(block)?;
                    // SAFETY: by the invariant there is a block, which no reference is to.
                    unsafe { source.copy_to_nonoverlapping(target.0.as_mut_ptr(), BLOCK_BYTES) };
                }
                let bytes = u64::from(blocks) * BLOCK_BYTES as u64;
                self.read.set(self.read.get() + bytes);
            }
            IoKind::Write { block, blocks, .. } => {
                for (source, block) in memory.blocks().iter().take(blocks as usize).zip(block..) {
                    let target = self.at(block)?;
                    // SAFETY: by the invariant there is room for a block, which no reference is to.
                    unsafe { target.copy_from_nonoverlapping(source.0.as_ptr(), BLOCK_BYTES) };
                }
            }
            IoKind::Flush => {}
        }
        Ok(())
    }

    fn bytes_read(&self) -> u64 {
        self.read.get()
    }
}

impl Drop for MappedFile {
    fn drop(&mut self) {
        // SAFETY: by the invariant they are mapped, and nothing uses them any more.
        let unmapped = unsafe { munmap(self.start.cast(), self.blocks as usize * BLOCK_BYTES) };
        debug_assert!(unmapped.is_ok());
    }
}
