// SPDX-License-Identifier: GPL-2.0-only

//! Where metadata is read from and written to, as the survey and the engine see it.

use dm_spare_engine::{Block, ErrorClass, SECTORS_PER_BLOCK, SECTOR_BYTES};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::io;

/// A block that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReadFault {
    /// What the engine is told.
    pub class: ErrorClass,
    /// What the user is told.
    pub text: String,
}

impl ReadFault {
    /// The fault that a system call reported.
    pub fn of(error: &io::Error) -> Self {
        let number = error.raw_os_error().unwrap_or(0);
        let media = [Errno::IO, Errno::NODATA].map(|errno| errno.raw_os_error());
        let class = if media.contains(&number) {
            ErrorClass::Media
        } else {
            ErrorClass::Other(u8::try_from(number).unwrap_or(u8::MAX))
        };
        Self {
            class,
            text: error.to_string(),
        }
    }
}

/// Something made of 4 KiB blocks that can be read.
pub trait BlockSource {
    /// Reads one block of 4096 bytes, counted from the beginning.
    ///
    /// # Errors
    ///
    /// The block cannot be read, or lies beyond the end.
    fn read_block(&mut self, block: u64, into: &mut Block) -> Result<(), ReadFault>;

    /// Reads consecutive blocks at once, from block `first` on.
    ///
    /// # Errors
    ///
    /// One of them cannot be read, and nothing of `into` may be used; by [`read_block`](Self::read_block) the others can.
    fn read_blocks(&mut self, first: u64, into: &mut [Block]) -> Result<(), ReadFault> {
        (first..)
            .zip(into)
            .try_for_each(|(block, into)| self.read_block(block, into))
    }
}

/// A leg as the engine drives it, in sectors of 512 bytes.
pub trait Storage {
    /// Reads whole sectors.
    ///
    /// # Errors
    ///
    /// How the read failed.
    fn read(&mut self, sector: u64, into: &mut [u8]) -> Result<(), ErrorClass>;

    /// Writes whole sectors.
    ///
    /// # Errors
    ///
    /// How the write failed.
    fn write(&mut self, sector: u64, data: &[u8]) -> Result<(), ErrorClass>;

    /// Makes what was written durable.
    ///
    /// # Errors
    ///
    /// How the flush failed.
    fn flush(&mut self) -> Result<(), ErrorClass>;
}

/// A leg whose writes go to memory: the engine may load from it, and the device stays as it is.
pub struct Overlay<'a> {
    below: &'a mut dyn BlockSource,
    written: BTreeMap<u64, [u8; SECTOR_BYTES]>,
}

impl<'a> Overlay<'a> {
    /// An overlay over a device that is only read.
    pub fn new(below: &'a mut dyn BlockSource) -> Self {
        Self {
            below,
            written: BTreeMap::new(),
        }
    }

    /// Puts what was written over what was read from `block`; how many of its sectors were written.
    fn cover(&self, block: u64, into: &mut Block) -> u64 {
        let first = block.saturating_mul(SECTORS_PER_BLOCK);
        let mut covered = 0;
        for (sector, value) in self
            .written
            .range(first..first.saturating_add(SECTORS_PER_BLOCK))
        {
            let within = usize::try_from(sector.saturating_sub(first)).unwrap_or(0);
            if let Some(chunk) = into.0.chunks_mut(SECTOR_BYTES).nth(within) {
                chunk.copy_from_slice(value);
                covered += 1;
            }
        }
        covered
    }
}

impl BlockSource for Overlay<'_> {
    fn read_block(&mut self, block: u64, into: &mut Block) -> Result<(), ReadFault> {
        let read = self.below.read_block(block, into);
        let covered = self.cover(block, into);
        if covered == SECTORS_PER_BLOCK {
            Ok(())
        } else {
            read
        }
    }

    fn read_blocks(&mut self, first: u64, into: &mut [Block]) -> Result<(), ReadFault> {
        self.below.read_blocks(first, into)?;
        for (block, into) in (first..).zip(into) {
            self.cover(block, into);
        }
        Ok(())
    }
}

impl Storage for Overlay<'_> {
    fn read(&mut self, sector: u64, into: &mut [u8]) -> Result<(), ErrorClass> {
        let mut block = Block([0; dm_spare_engine::BLOCK_BYTES]);
        let mut held = None;
        for (at, chunk) in (sector..).zip(into.chunks_mut(SECTOR_BYTES)) {
            if let Some(value) = self.written.get(&at) {
                chunk.copy_from_slice(value);
                continue;
            }
            let number = at / SECTORS_PER_BLOCK;
            if held != Some(number) {
                self.below
                    .read_block(number, &mut block)
                    .map_err(|fault| fault.class)?;
                held = Some(number);
            }
            let within = usize::try_from(at % SECTORS_PER_BLOCK).unwrap_or(0);
            if let Some(source) = block.0.chunks(SECTOR_BYTES).nth(within) {
                chunk.copy_from_slice(source);
            }
        }
        Ok(())
    }

    fn write(&mut self, sector: u64, data: &[u8]) -> Result<(), ErrorClass> {
        for (at, chunk) in (sector..).zip(data.chunks_exact(SECTOR_BYTES)) {
            let mut value = [0; SECTOR_BYTES];
            value.copy_from_slice(chunk);
            self.written.insert(at, value);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ErrorClass> {
        Ok(())
    }
}
