// SPDX-License-Identifier: GPL-2.0-only

//! A block device that is read and written past every cache.

use crate::sector;
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// The most sectors of one request.
pub(crate) const CHUNK_MAXIMUM: u32 = 2048;

/// The data of one request. Direct I/O wants its memory aligned as the blocks of a device are.
#[repr(align(4096))]
pub(crate) struct Buffer([u8; CHUNK_MAXIMUM as usize * sector::BYTES]);

impl Buffer {
    pub(crate) fn new() -> Box<Self> {
        Box::new(Self([0; CHUNK_MAXIMUM as usize * sector::BYTES]))
    }

    /// The first `count` sectors of it, at most [`CHUNK_MAXIMUM`].
    pub(crate) fn sectors(&mut self, count: u32) -> &mut [u8] {
        &mut self.0[..count.min(CHUNK_MAXIMUM) as usize * sector::BYTES]
    }
}

/// What a device is opened for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
    /// A write ends when the data is durable.
    DurableWrite,
}

/// An open block device.
pub(crate) struct Device {
    file: File,
    /// Sectors of a logical block: the least that can be read.
    pub(crate) logical_sectors: u32,
}

impl Device {
    /// Opens a block device.
    ///
    /// # Errors
    ///
    /// A sentence: it cannot be opened, or is no block device.
    pub(crate) fn open(path: &Path, access: Access) -> Result<Self, String> {
        let mut flags = OFlags::DIRECT;
        if access == Access::DurableWrite {
            flags |= OFlags::DSYNC;
        }
        let reads = access == Access::Read;
        let file = OpenOptions::new()
            .read(reads)
            .write(!reads)
            // CAST: flags of open fit an int.
            .custom_flags(flags.bits() as i32)
            .open(path)
            .map_err(|error| format!("{} cannot be opened: {error}", path.display()))?;
        if !file
            .metadata()
            .is_ok_and(|data| data.file_type().is_block_device())
        {
            return Err(format!(
                "{} is not a block device: name one",
                path.display()
            ));
        }
        let bytes = rustix::fs::ioctl_blksszget(&file)
            .map_err(|error| format!("{} does not tell its block size: {error}", path.display()))?;
        Ok(Self {
            file,
            // CAST: 512.
            logical_sectors: (bytes / sector::BYTES as u32).max(1),
        })
    }

    /// Reads whole sectors from sector `start` on.
    pub(crate) fn read(&self, start: u64, into: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(into, start * sector::BYTES as u64)
    }

    /// Writes whole sectors from sector `start` on, in one request.
    pub(crate) fn write(&self, start: u64, from: &[u8]) -> io::Result<()> {
        match self.file.write_at(from, start * sector::BYTES as u64)? {
            length if length == from.len() => Ok(()),
            _ => Err(io::ErrorKind::WriteZero.into()),
        }
    }

    /// Reads what comes next, as much as there is; 0 at the end.
    pub(crate) fn read_next(&self, into: &mut [u8]) -> io::Result<usize> {
        io::Read::read(&mut &self.file, into)
    }
}

/// The name of an error, as errno.h has it.
pub(crate) fn name(error: &io::Error) -> String {
    let known = match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::AGAIN) => "EAGAIN",
        Some(Errno::BADE) => "EBADE",
        Some(Errno::BUSY) => "EBUSY",
        Some(Errno::ILSEQ) => "EILSEQ",
        Some(Errno::INVAL) => "EINVAL",
        Some(Errno::IO) => "EIO",
        Some(Errno::NODATA) => "ENODATA",
        Some(Errno::NODEV) => "ENODEV",
        Some(Errno::NOLINK) => "ENOLINK",
        Some(Errno::NOMEM) => "ENOMEM",
        Some(Errno::NOSPC) => "ENOSPC",
        Some(Errno::NXIO) => "ENXIO",
        Some(Errno::NOTSUP) => "ENOTSUP",
        Some(Errno::OVERFLOW) => "EOVERFLOW",
        Some(Errno::PERM) => "EPERM",
        Some(Errno::REMOTEIO) => "EREMOTEIO",
        Some(Errno::ROFS) => "EROFS",
        Some(Errno::TIME) => "ETIME",
        Some(Errno::TIMEDOUT) => "ETIMEDOUT",
        Some(Errno::TOOMANYREFS) => "ETOOMANYREFS",
        _ => return error.to_string(),
    };
    known.to_string()
}
