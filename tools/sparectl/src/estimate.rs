// SPDX-License-Identifier: GPL-2.0-only

//! What deduplication would save: how many blocks of files, folders and devices are distinct.

mod distinct;
mod holes;
mod walk;

pub use distinct::Distinct;
pub use walk::{Met, Walk};

use crate::leg::Leg;
use crate::storage::BlockSource;
use dm_spare_engine::dedup::{fingerprint, is_zero};
use dm_spare_engine::{Block, BLOCK_BYTES, SECTORS_PER_BLOCK};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// Blocks that are read at once: 1 MiB.
const RUN: usize = 256;

/// Blocks that were looked at.
pub struct Tally {
    /// All of them, those of zeros too.
    pub blocks: u64,
    /// Those of zeros, which take no room.
    pub zero_blocks: u64,
    /// The others, each once.
    pub distinct: Distinct,
    secret: [u8; 16],
    memory: Vec<Block>,
}

impl Tally {
    /// Nothing yet; with so many MiB for what is remembered, and a random number against content that was made to collide.
    pub fn new(mebibytes: u32, secret: [u8; 16]) -> Self {
        Self {
            blocks: 0,
            zero_blocks: 0,
            distinct: Distinct::new(mebibytes),
            secret,
            memory: vec![Block([0; BLOCK_BYTES]); RUN],
        }
    }

    /// Percent of all blocks that would not be stored; 0 of nothing.
    pub fn saving_percent(&self) -> f64 {
        if self.blocks == 0 {
            return 0.0;
        }
        let stored = self.distinct.count().min(self.blocks);
        let percent = 100.0 * (1.0 - stored as f64 / self.blocks as f64);
        (percent * 100.0).round() / 100.0
    }

    /// Looks at a block device; `progress` is told of blocks as they are read.
    ///
    /// # Errors
    ///
    /// Why a block cannot be read.
    pub fn add_device(
        &mut self,
        device: &mut Leg,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), String> {
        let end = device.sectors() / SECTORS_PER_BLOCK;
        let mut memory = std::mem::take(&mut self.memory);
        let mut next = 0;
        let mut result = Ok(());
        while next < end && result.is_ok() {
            let count = end.saturating_sub(next).min(RUN as u64);
            // CAST: at most 256.
            let run = memory.get_mut(..count as usize).unwrap_or(&mut []);
            result = device.read_blocks(next, run).map_err(|fault| fault.text);
            if result.is_ok() {
                run.iter().for_each(|block| self.add(block));
                next = next.saturating_add(count);
                progress(count);
            }
        }
        self.memory = memory;
        result
    }

    /// Looks at a file of so many bytes; the last block is filled up with zeros, as a file system does. Holes are not read.
    ///
    /// # Errors
    ///
    /// Why it cannot be read.
    pub fn add_file(
        &mut self,
        file: &mut File,
        bytes: u64,
        progress: &mut dyn FnMut(u64),
    ) -> io::Result<()> {
        let mut memory = std::mem::take(&mut self.memory);
        let result = self.add_pieces(file, bytes, &mut memory, progress);
        self.memory = memory;
        result
    }

    fn add_pieces(
        &mut self,
        file: &mut File,
        bytes: u64,
        memory: &mut [Block],
        progress: &mut dyn FnMut(u64),
    ) -> io::Result<()> {
        let end = bytes.div_ceil(BLOCK_BYTES as u64);
        let mut next = 0;
        while next < end {
            let piece = holes::next_piece(file, next, end);
            self.add_zeros(piece.start.saturating_sub(next));
            progress(piece.start.saturating_sub(next));
            next = piece.end;
            file.seek(SeekFrom::Start(
                piece.start.saturating_mul(BLOCK_BYTES as u64),
            ))?;
            let mut left = piece.end.saturating_sub(piece.start);
            while left > 0 {
                // CAST: at most 256.
                let count = left.min(RUN as u64) as usize;
                let run = memory.get_mut(..count).unwrap_or(&mut []);
                for block in &mut *run {
                    read_padded(file, block)?;
                }
                run.iter().for_each(|block| self.add(block));
                left = left.saturating_sub(count as u64);
                progress(count as u64);
            }
        }
        Ok(())
    }

    fn add(&mut self, block: &Block) {
        self.blocks = self.blocks.saturating_add(1);
        if is_zero(block) {
            self.zero_blocks = self.zero_blocks.saturating_add(1);
        } else {
            self.distinct.add(fingerprint(self.secret, block));
        }
    }

    fn add_zeros(&mut self, blocks: u64) {
        self.blocks = self.blocks.saturating_add(blocks);
        self.zero_blocks = self.zero_blocks.saturating_add(blocks);
    }
}

/// Reads a block, with zeros behind the end of the file.
fn read_padded(file: &mut File, block: &mut Block) -> io::Result<()> {
    let mut rest = &mut block.0[..];
    while !rest.is_empty() {
        match file.read(rest) {
            Ok(0) => {
                rest.fill(0);
                return Ok(());
            }
            Ok(count) => rest = rest.get_mut(count..).unwrap_or(&mut []),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
