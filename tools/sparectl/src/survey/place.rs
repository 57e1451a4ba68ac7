// SPDX-License-Identifier: GPL-2.0-only

//! One block of metadata: what it says about itself, or why nothing of it can be used.

use crate::storage::BlockSource;
use dm_spare_engine::format::{Header, Invalid, Kind, Record, Superblock, TableBlock};
use dm_spare_engine::{Block, Uuid, BLOCK_BYTES};
use std::fmt;
use std::hash::{DefaultHasher, Hasher};

/// Why nothing of a block can be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It cannot be read, and why.
    Unreadable(String),
    /// It is no valid block of the kind that belongs there.
    Invalid(Invalid),
    /// It is valid and of another set.
    OtherSet(Uuid),
}

impl Fault {
    /// Whether a block that was never written can look so: blank, or what was on the spare before.
    pub fn is_unwritten(&self) -> bool {
        matches!(
            self,
            Fault::Invalid(Invalid::Blank | Invalid::NotOurs) | Fault::OtherSet(_)
        )
    }

    /// Whether the device failed to read it.
    pub fn is_unreadable(&self) -> bool {
        matches!(self, Fault::Unreadable(_))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Unreadable(text) => write!(out, "unreadable: {text}"),
            Fault::Invalid(invalid) => write!(out, "{invalid}"),
            Fault::OtherSet(uuid) => write!(out, "a leftover of set {uuid}"),
        }
    }
}

/// A valid block of a checkpoint or of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    /// What it says about itself.
    pub header: Header,
    /// A digest of its records, by which copies are compared.
    pub digest: u64,
}

/// Reads blocks of one set and counts them for the progress display.
pub(super) struct Reader<'a> {
    source: &'a mut dyn BlockSource,
    uuid: [u8; 16],
    buffer: Block,
    done: u64,
    total: u64,
    progress: &'a mut dyn FnMut(u64, u64),
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        source: &'a mut dyn BlockSource,
        uuid: [u8; 16],
        total: u64,
        progress: &'a mut dyn FnMut(u64, u64),
    ) -> Self {
        Self {
            source,
            uuid,
            buffer: Block([0; BLOCK_BYTES]),
            done: 0,
            total,
            progress,
        }
    }

    pub(super) fn superblock(&mut self, block: u64) -> Result<Superblock, Fault> {
        self.count();
        let superblock = superblock(self.source, &mut self.buffer, block)?;
        if superblock.uuid == self.uuid {
            Ok(superblock)
        } else {
            Err(Fault::OtherSet(Uuid(superblock.uuid)))
        }
    }

    pub(super) fn part(&mut self, block: u64, kind: Kind) -> Result<Part, Fault> {
        self.count();
        self.records(block, kind).map(|(header, records)| Part {
            header,
            digest: digest(&records),
        })
    }

    /// Reads a block with its records, which the survey does not keep.
    pub(super) fn records(
        &mut self,
        block: u64,
        kind: Kind,
    ) -> Result<(Header, Vec<Record>), Fault> {
        self.source
            .read_block(block, &mut self.buffer)
            .map_err(|fault| Fault::Unreadable(fault.text))?;
        let decoded = TableBlock::decode(&self.buffer.0, block, kind, crc32c::crc32c)
            .map_err(Fault::Invalid)?;
        if decoded.header.uuid == self.uuid {
            Ok((decoded.header, decoded.records().collect()))
        } else {
            Err(Fault::OtherSet(Uuid(decoded.header.uuid)))
        }
    }

    fn count(&mut self) {
        self.done = self.done.saturating_add(1);
        (self.progress)(self.done, self.total);
    }
}

/// Reads the superblock at a block, of whatever set.
pub(super) fn superblock(
    source: &mut dyn BlockSource,
    buffer: &mut Block,
    block: u64,
) -> Result<Superblock, Fault> {
    source
        .read_block(block, buffer)
        .map_err(|fault| Fault::Unreadable(fault.text))?;
    Superblock::decode(&buffer.0, block, crc32c::crc32c).map_err(Fault::Invalid)
}

fn digest(records: &[Record]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for record in records {
        hasher.write(&record.pack());
    }
    hasher.finish()
}
