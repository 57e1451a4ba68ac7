// SPDX-License-Identifier: GPL-2.0-only

//! A spare in memory, of which only what was written takes room.

use dm_spare_engine::{Block, ErrorClass, BLOCK_BYTES, SECTORS_PER_BLOCK};
use sparectl::storage::Storage;
use std::collections::BTreeMap;

/// The blocks that were written; all others are zero. Reads and writes are of whole blocks.
#[derive(Default)]
pub(crate) struct Memory {
    /// Content by block number.
    pub(crate) blocks: BTreeMap<u64, [u8; BLOCK_BYTES]>,
}

impl Memory {
    /// Puts a block in its place.
    pub(crate) fn put(&mut self, number: u64, block: &Block) {
        self.blocks.insert(number, block.0);
    }
}

impl Storage for Memory {
    fn read(&mut self, sector: u64, into: &mut [u8]) -> Result<(), ErrorClass> {
        into.fill(0);
        if let Some(block) = self.blocks.get(&(sector / SECTORS_PER_BLOCK)) {
            let length = into.len().min(BLOCK_BYTES);
            into[..length].copy_from_slice(&block[..length]);
        }
        Ok(())
    }

    fn write(&mut self, sector: u64, data: &[u8]) -> Result<(), ErrorClass> {
        let mut block = [0; BLOCK_BYTES];
        let length = data.len().min(BLOCK_BYTES);
        block[..length].copy_from_slice(&data[..length]);
        self.blocks.insert(sector / SECTORS_PER_BLOCK, block);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ErrorClass> {
        Ok(())
    }
}
