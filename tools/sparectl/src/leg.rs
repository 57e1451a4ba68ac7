// SPDX-License-Identifier: GPL-2.0-only

//! One of the two devices of a set, opened: a block device, or an image file.

use crate::failure::Failure;
use crate::storage::{BlockSource, ReadFault, Storage};
use dm_spare_engine::{Block, ErrorClass, BLOCK_BYTES, SECTOR_BYTES};
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSliceMut, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Most buffers of one system call: IOV_MAX of Linux.
const PARTS_MAXIMUM: usize = 1024;

/// Whether a leg is only read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Reads only.
    Read,
    /// Reads and writes.
    Write,
}

/// An open block device or image file.
#[derive(Debug)]
pub struct Leg {
    file: File,
    path: PathBuf,
    sectors: u64,
    logical_block_sectors: u32,
    /// Device number of a block device, else file system and inode.
    identity: (bool, u64, u64),
}

impl Leg {
    /// Opens a leg that nobody else uses: not mounted, not part of a mapped device or an array. Image files
    /// carry no such mark and are always opened. A device that is only read is read past the page cache, where
    /// something older may linger while another program has it open.
    ///
    /// # Errors
    ///
    /// The leg does not exist, is neither a block device nor a file, or is in use.
    pub fn open_unused(path: &Path, access: Access) -> Result<Self, Failure> {
        let flags = match (is_block_device(path)?, access) {
            (true, Access::Read) => OFlags::EXCL | OFlags::DIRECT,
            (true, Access::Write) => OFlags::EXCL,
            (false, _) => OFlags::empty(),
        };
        Self::open(path, access, flags).map_err(|error| {
            if error.raw_os_error() == Some(rustix::io::Errno::BUSY.raw_os_error()) {
                Failure::new(format!(
                    "{} is in use: unmount it, or remove the mapped device or array that holds it, and try again",
                    path.display()
                ))
            } else {
                Failure::io("open", path, &error)
            }
        })
    }

    /// Opens a leg for reading that a mapped device may be using: past the page cache, which knows nothing of
    /// what the mapped device writes.
    ///
    /// # Errors
    ///
    /// The leg does not exist or is neither a block device nor a file.
    pub fn open_shared(path: &Path) -> Result<Self, Failure> {
        let direct = if is_block_device(path)? {
            OFlags::DIRECT
        } else {
            OFlags::empty()
        };
        Self::open(path, Access::Read, direct).map_err(|error| Failure::io("open", path, &error))
    }

    fn open(path: &Path, access: Access, flags: OFlags) -> io::Result<Self> {
        // CAST: flags of open fit an int.
        let mut file = OpenOptions::new()
            .read(true)
            .write(access == Access::Write)
            .custom_flags(flags.bits() as i32)
            .open(path)?;
        let metadata = file.metadata()?;
        let block_device = metadata.file_type().is_block_device();
        let sectors = file.seek(SeekFrom::End(0))? / SECTOR_BYTES as u64;
        let logical_block_sectors = if block_device {
            rustix::fs::ioctl_blksszget(&file)? / SECTOR_BYTES as u32
        } else {
            1
        };
        let identity = if block_device {
            (true, metadata.rdev(), 0)
        } else {
            (false, metadata.dev(), metadata.ino())
        };
        Ok(Self {
            file,
            path: path.to_owned(),
            sectors,
            logical_block_sectors,
            identity,
        })
    }

    /// The path that it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Size in sectors of 512 bytes.
    pub fn sectors(&self) -> u64 {
        self.sectors
    }

    /// Logical block in sectors; 1 for image files.
    pub fn logical_block_sectors(&self) -> u32 {
        self.logical_block_sectors
    }

    /// Whether it is a block device.
    pub fn is_block_device(&self) -> bool {
        self.identity.0
    }

    /// Whether two paths lead to the same device or file.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.identity == other.identity
    }
}

fn is_block_device(path: &Path) -> Result<bool, Failure> {
    let kind = std::fs::metadata(path)
        .map_err(|error| Failure::io("open", path, &error))?
        .file_type();
    if kind.is_block_device() || kind.is_file() {
        Ok(kind.is_block_device())
    } else {
        Err(Failure::new(format!(
            "{} is neither a block device nor an image file: name one of these",
            path.display()
        )))
    }
}

impl BlockSource for Leg {
    fn read_block(&mut self, block: u64, into: &mut Block) -> Result<(), ReadFault> {
        self.file
            .read_exact_at(&mut into.0, block.saturating_mul(BLOCK_BYTES as u64))
            .map_err(|error| ReadFault::of(&error))
    }

    fn read_blocks(&mut self, first: u64, into: &mut [Block]) -> Result<(), ReadFault> {
        let mut at = first.saturating_mul(BLOCK_BYTES as u64);
        let mut left = into;
        while !left.is_empty() {
            let mut parts: Vec<IoSliceMut<'_>> = left
                .iter_mut()
                .take(PARTS_MAXIMUM)
                .map(|block| IoSliceMut::new(&mut block.0))
                .collect();
            let read = rustix::io::preadv(&self.file, &mut parts, at)
                .map_err(|errno| ReadFault::of(&errno.into()))?;
            let whole = read / BLOCK_BYTES;
            if whole == 0 {
                return Err(ReadFault::of(&io::ErrorKind::UnexpectedEof.into()));
            }
            // What was read of a further block is read again.
            at = at.saturating_add((whole * BLOCK_BYTES) as u64);
            left = left.get_mut(whole..).unwrap_or(&mut []);
        }
        Ok(())
    }
}

impl Storage for Leg {
    fn read(&mut self, sector: u64, into: &mut [u8]) -> Result<(), ErrorClass> {
        self.file
            .read_exact_at(into, sector.saturating_mul(SECTOR_BYTES as u64))
            .map_err(|error| ReadFault::of(&error).class)
    }

    fn write(&mut self, sector: u64, data: &[u8]) -> Result<(), ErrorClass> {
        self.file
            .write_all_at(data, sector.saturating_mul(SECTOR_BYTES as u64))
            .map_err(|error| ReadFault::of(&error).class)
    }

    fn flush(&mut self) -> Result<(), ErrorClass> {
        self.file
            .sync_data()
            .map_err(|error| ReadFault::of(&error).class)
    }
}
