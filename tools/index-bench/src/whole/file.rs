// SPDX-License-Identifier: GPL-2.0-only

//! The file that an index lies in. It should be in memory, such as in /dev/shm: a flush does nothing.

use dm_spare_engine::index::{Extent, IoKind};
use dm_spare_engine::{Block, ErrorClass, BLOCK_BYTES};
use rustix::io::pwritev;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes written at once where nothing has been written yet.
const PIECE_BYTES: usize = 1 << 20;
/// Blocks that one system call takes.
const SLICES_MAXIMUM: usize = 256;

/// What an index lies in.
pub trait Storage {
    /// Does an I/O.
    ///
    /// # Errors
    ///
    /// It failed.
    fn run(&self, kind: IoKind, memory: &mut Option<Extent>) -> Result<(), ErrorClass>;

    /// Bytes read so far.
    fn bytes_read(&self) -> u64;
}

/// Opens a file of so many blocks, and makes it if need be. What it lacks of them is filled with zeros, so that its
/// memory is there before anything is measured, as a device's is.
///
/// # Errors
///
/// The system's.
pub(super) fn open(path: &Path, blocks: u64) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    let bytes = blocks * BLOCK_BYTES as u64;
    let zeros = vec![0; PIECE_BYTES];
    let mut end = file.metadata()?.len();
    while end < bytes {
        let piece = (bytes - end).min(PIECE_BYTES as u64);
        file.write_all_at(&zeros[..piece as usize], end)?;
        end += piece;
    }
    Ok(file)
}

/// A file that is read by a system call for each block, and written by one for all that lie side by side.
pub struct CalledFile {
    file: File,
    read: AtomicU64,
}

impl CalledFile {
    /// Opens a file of so many blocks, and makes it if need be.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn open(path: &Path, blocks: u64) -> io::Result<Self> {
        Ok(Self {
            file: open(path, blocks)?,
            read: AtomicU64::new(0),
        })
    }

    fn write(&self, blocks: &[Block], start: u64) -> io::Result<()> {
        let slices: Vec<IoSlice<'_>> = blocks.iter().map(|block| IoSlice::new(&block.0)).collect();
        let written = pwritev(&self.file, &slices, start)?;
        if written == size_of_val(blocks) {
            Ok(())
        } else {
            Err(io::ErrorKind::WriteZero.into())
        }
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
                let sources = memory.blocks().chunks(SLICES_MAXIMUM);
                let mut left = blocks as usize;
                let mut start = block * BLOCK_BYTES as u64;
                for sources in sources {
                    let sources = sources.get(..left).unwrap_or(sources);
                    self.write(sources, start)?;
                    left -= sources.len();
                    start += size_of_val(sources) as u64;
                }
            }
            IoKind::Flush => {}
        }
        Ok(())
    }
}

impl Storage for CalledFile {
    fn run(&self, kind: IoKind, memory: &mut Option<Extent>) -> Result<(), ErrorClass> {
        self.try_run(kind, memory).map_err(|_| ErrorClass::Media)
    }

    fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}
