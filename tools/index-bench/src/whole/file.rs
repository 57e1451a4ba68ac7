// SPDX-License-Identifier: GPL-2.0-only

//! The file that an index lies in. It should be in memory, such as in /dev/shm: a flush does nothing.

use dm_spare_engine::index::{Extent, IoKind};
use dm_spare_engine::{ErrorClass, BLOCK_BYTES};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// The file, and the bytes that went in and out.
pub struct IndexFile {
    file: File,
    read: AtomicU64,
    written: AtomicU64,
}

impl IndexFile {
    /// Makes a file of so many blocks, or opens it.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn open(path: &Path, blocks: u64) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        file.set_len(blocks * BLOCK_BYTES as u64)?;
        Ok(Self {
            file,
            read: AtomicU64::new(0),
            written: AtomicU64::new(0),
        })
    }

    /// Does an I/O.
    ///
    /// # Errors
    ///
    /// It failed.
    pub fn run(&self, kind: IoKind, memory: &mut Option<Extent>) -> Result<(), ErrorClass> {
        self.try_run(kind, memory).map_err(|_| ErrorClass::Media)
    }

    fn try_run(&self, kind: IoKind, memory: &mut Option<Extent>) -> io::Result<()> {
        let Some(memory) = memory else { return Ok(()) };
        match kind {
            IoKind::Read { block, blocks } => {
                let targets = memory.blocks_mut().iter_mut().take(blocks as usize);
                for (target, block) in targets.zip(block..) {
                    self.file
                        .read_exact_at(&mut target.0, block * BLOCK_BYTES as u64)?;
                }
                let bytes = u64::from(blocks) * BLOCK_BYTES as u64;
                self.read.fetch_add(bytes, Ordering::Relaxed);
            }
            IoKind::Write { block, blocks, .. } => {
                for (source, block) in memory.blocks().iter().take(blocks as usize).zip(block..) {
                    self.file
                        .write_all_at(&source.0, block * BLOCK_BYTES as u64)?;
                }
                let bytes = u64::from(blocks) * BLOCK_BYTES as u64;
                self.written.fetch_add(bytes, Ordering::Relaxed);
            }
            IoKind::Flush => {}
        }
        Ok(())
    }

    /// Bytes read so far.
    pub fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Bytes written so far.
    pub fn bytes_written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}
