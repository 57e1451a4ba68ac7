// SPDX-License-Identifier: GPL-2.0-only

//! The disk of an index: a volatile cache, crashes that tear blocks into sectors, bad sectors and bit rot.

use crate::rng::Rng;
use dm_spare_engine::index::Extent;
use dm_spare_engine::{BLOCK_BYTES, SECTOR_BYTES};
use std::collections::{HashMap, HashSet};

type Bytes = Box<[u8; BLOCK_BYTES]>;

/// A write that is not durable yet.
#[derive(Clone)]
struct Pending {
    number: u64,
    block: u64,
    bytes: Bytes,
    is_complete: bool,
}

/// The disk.
#[derive(Clone, Default)]
pub struct Disk {
    durable: HashMap<u64, Bytes>,
    pending: Vec<Pending>,
    unreadable: HashSet<u64>,
    numbers: u64,
    /// How often what a crash may leave behind has changed.
    pub changes: u64,
    /// Writes fail from now on.
    pub fails_writes: bool,
    /// So many writes and flushes succeed, then one fails.
    pub fails_behind: Option<u64>,
    /// Blocks that were damaged.
    pub damaged: u64,
}

impl Disk {
    /// Begins to write the first blocks of a memory; the number of the write.
    pub fn begin_write(&mut self, block: u64, blocks: u32, memory: &Extent) -> u64 {
        self.numbers += 1;
        self.changes += 1;
        for (offset, content) in memory.blocks().iter().take(blocks as usize).enumerate() {
            self.pending.push(Pending {
                number: self.numbers,
                block: block + offset as u64,
                bytes: Box::new(content.0),
                is_complete: false,
            });
        }
        self.numbers
    }

    /// Ends a write; with FUA it is durable.
    pub fn end_write(&mut self, number: u64, fua: bool) {
        for write in self.pending.iter_mut() {
            if write.number == number {
                write.is_complete = true;
                self.unreadable.remove(&write.block);
            }
        }
        if fua {
            self.settle(|write| write.number == number);
        }
    }

    /// Whether the write or flush that ends now fails.
    pub fn is_failing(&mut self) -> bool {
        let is_it = self.fails_behind == Some(0);
        self.fails_behind = self.fails_behind.and_then(|left| left.checked_sub(1));
        self.fails_writes || is_it
    }

    /// A write that failed leaves what it left.
    pub fn fail_write(&mut self, number: u64, random: &mut Rng) {
        let mut failed: Vec<Pending> = Vec::new();
        self.pending.retain_mut(|write| {
            let is_it = write.number == number;
            if is_it {
                failed.push(Pending {
                    number,
                    block: write.block,
                    bytes: write.bytes.clone(),
                    is_complete: true,
                });
            }
            !is_it
        });
        for write in failed {
            if random.one_in(2) {
                self.durable.insert(write.block, write.bytes);
            }
        }
    }

    /// Begins a flush: the number up to which writes that are complete become durable.
    pub fn begin_flush(&self) -> Vec<u64> {
        let complete = self.pending.iter().filter(|write| write.is_complete);
        complete.map(|write| write.number).collect()
    }

    /// Ends a flush.
    pub fn end_flush(&mut self, covered: &[u64]) {
        self.settle(|write| covered.contains(&write.number));
    }

    fn settle(&mut self, is_settled: impl Fn(&Pending) -> bool) {
        let pending = std::mem::take(&mut self.pending);
        for write in pending {
            if is_settled(&write) {
                self.durable.insert(write.block, write.bytes);
                self.changes += 1;
            } else {
                self.pending.push(write);
            }
        }
    }

    /// Reads into the first blocks of a memory; false if a sector of one of them is unreadable.
    pub fn read(&self, block: u64, blocks: u32, memory: &mut Extent) -> bool {
        for (offset, target) in memory
            .blocks_mut()
            .iter_mut()
            .take(blocks as usize)
            .enumerate()
        {
            let block = block + offset as u64;
            if self.unreadable.contains(&block) {
                return false;
            }
            target.0 = *self.content(block);
        }
        true
    }

    /// What a read of a block would find.
    fn content(&self, block: u64) -> Bytes {
        let newest = self
            .pending
            .iter()
            .rev()
            .find(|write| write.block == block && write.is_complete);
        match newest {
            Some(write) => write.bytes.clone(),
            None => self.durable_content(block),
        }
    }

    /// What a block holds if all caches are lost.
    pub fn durable_content(&self, block: u64) -> Bytes {
        match self.durable.get(&block) {
            Some(bytes) => bytes.clone(),
            None => Box::new([0; BLOCK_BYTES]),
        }
    }

    /// The power goes: each sector holds its durable value, or that of any write that is not durable.
    pub fn crash(&mut self, random: &mut Rng) {
        let style = random.below(4);
        self.crash_keeping(|_| match style {
            0 => 0,
            1 => u8::MAX,
            2 if random.one_in(2) => 0,
            2 => u8::MAX,
            // CAST: eight bits.
            _ => random.below(256) as u8,
        });
    }

    /// The power goes, and of the block with each number among those that are not durable the sectors in a bit mask are
    /// stored.
    pub fn crash_keeping(&mut self, mut kept: impl FnMut(usize) -> u8) {
        for (number, write) in std::mem::take(&mut self.pending).into_iter().enumerate() {
            let target = self
                .durable
                .entry(write.block)
                .or_insert_with(|| Box::new([0; BLOCK_BYTES]));
            let mask = kept(number);
            for sector in (0..BLOCK_BYTES / SECTOR_BYTES).filter(|sector| (mask >> sector) & 1 != 0)
            {
                let range = sector * SECTOR_BYTES..(sector + 1) * SECTOR_BYTES;
                target[range.clone()].copy_from_slice(&write.bytes[range]);
            }
        }
    }

    /// Blocks that are not durable.
    pub fn volatile_blocks(&self) -> usize {
        self.pending.len()
    }

    /// Everything that is complete or on its way reaches the disk.
    pub fn settle_all(&mut self) {
        self.settle(|_| true);
    }

    /// Flips a bit of a random block that holds something, between two addresses.
    pub fn rot(&mut self, from: u64, to: u64, random: &mut Rng) {
        if let Some(block) = self.some_block(from, to, random) {
            if let Some(bytes) = self.durable.get_mut(&block) {
                let at = random.below(BLOCK_BYTES);
                bytes[at] ^= 1 << random.below(8);
                self.damaged += 1;
            }
        }
    }

    /// Makes a random block that holds something unreadable, until it is written again.
    pub fn spoil(&mut self, from: u64, to: u64, random: &mut Rng) {
        if let Some(block) = self.some_block(from, to, random) {
            self.unreadable.insert(block);
            self.damaged += 1;
        }
    }

    /// A block holds this, durably.
    pub fn put(&mut self, block: u64, content: &[u8]) {
        let mut bytes: Bytes = Box::new([0; BLOCK_BYTES]);
        bytes.copy_from_slice(content);
        self.durable.insert(block, bytes);
    }

    /// Zeros take the place of whatever blocks hold, from the first address to before the second.
    pub fn wipe(&mut self, from: u64, to: u64) {
        self.settle_all();
        self.durable.retain(|block, _| !(from..to).contains(block));
        self.damaged += 1;
    }

    /// The content of one block is that of another one.
    pub fn misplace(&mut self, from: u64, to: u64, random: &mut Rng) {
        let source = self.some_block(from, to, random);
        let target = self.some_block(from, to, random);
        if let (Some(source), Some(target)) = (source, target) {
            let bytes = self.durable_content(source);
            self.durable.insert(target, bytes);
            self.damaged += 1;
        }
    }

    fn some_block(&self, from: u64, to: u64, random: &mut Rng) -> Option<u64> {
        let range = from..to;
        let mut blocks: Vec<u64> = self.durable.keys().copied().collect();
        blocks.retain(|block| range.contains(block));
        blocks.sort_unstable();
        (!blocks.is_empty()).then(|| blocks[random.below(blocks.len())])
    }

    /// A copy of the disk after everything was made durable.
    pub fn copy(&self) -> Self {
        Self {
            durable: self.durable.clone(),
            unreadable: self.unreadable.clone(),
            damaged: self.damaged,
            ..Self::default()
        }
    }
}
