// SPDX-License-Identifier: GPL-2.0-only

//! The 96 bytes at the beginning of every metadata block.

use super::bytes::{get_u16, get_u32, get_u64, get_u8, get_uuid, put};
use super::Checksum;
use crate::engine::block::Block;
use core::fmt;

/// The first eight bytes of every metadata block.
pub const MAGIC: [u8; 8] = *b"dm-spare";
/// The format version written and understood.
pub const VERSION: u16 = 1;
/// Bytes of the header; the payload follows.
pub const HEADER_BYTES: usize = 96;
/// Flag: the last block of a checkpoint.
pub const FLAG_LAST: u8 = 1;
/// Flag: nothing was active when this log block was written.
pub const FLAG_CLEAN: u8 = 2;

/// Transactions are below this, so that no sum of a few of them overflows.
const TID_LIMIT: u64 = 1 << 62;
/// Where the checksum starts to cover: everything behind itself.
const CHECKED_FROM: usize = 12;

/// What a metadata block is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Describes the set; one a copy.
    Superblock,
    /// Part of a snapshot of the table.
    Checkpoint,
    /// One commit.
    Log,
}

impl Kind {
    fn code(self) -> u16 {
        match self {
            Kind::Superblock => 1,
            Kind::Checkpoint => 2,
            Kind::Log => 3,
        }
    }

    fn from_code(code: u16) -> Option<Self> {
        match code {
            1 => Some(Kind::Superblock),
            2 => Some(Kind::Checkpoint),
            3 => Some(Kind::Log),
            _ => None,
        }
    }
}

/// Why a block is not a valid metadata block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Invalid {
    /// All bytes are zero.
    Blank,
    /// The magic is not there.
    NotOurs,
    /// The checksum does not match: damaged or half written.
    Checksum,
    /// Written by a later program.
    Version(u16),
    /// An unknown kind, or another one than expected.
    Kind(u16),
    /// The block belongs to another place.
    Address(u64),
    /// A field holds what it cannot hold.
    Field(&'static str),
}

impl fmt::Display for Invalid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Invalid::Blank => write!(out, "blank"),
            Invalid::NotOurs => write!(out, "not metadata"),
            Invalid::Checksum => write!(out, "damaged, its checksum does not match"),
            Invalid::Version(version) => write!(out, "of format version {version}"),
            Invalid::Kind(kind) => write!(out, "of the wrong kind {kind}"),
            Invalid::Address(address) => write!(out, "misplaced, it belongs to block {address}"),
            Invalid::Field(name) => write!(out, "damaged, its {name} cannot be"),
        }
    }
}

/// What every metadata block says about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// What the block is.
    pub kind: Kind,
    /// Its own block number on the spare.
    pub address: u64,
    /// Log: the transaction. Checkpoint: the log continues behind this transaction. Superblock: 0.
    pub tid: u64,
    /// The set.
    pub uuid: [u8; 16],
    /// The lineage: log blocks continue only a checkpoint of the same epoch.
    pub epoch: u64,
    /// Checkpoint: differs in each attempt, the same in all blocks of one. Elsewhere 0.
    pub sequence: u64,
    /// Checkpoint: the block's number within the snapshot. Elsewhere 0.
    pub index: u32,
    /// Records that follow.
    pub count: u32,
    /// The copy that the block belongs to.
    pub copy: u8,
    /// Copies of the set.
    pub copies: u8,
    /// One bit for each copy in use when the block was written.
    pub members: u8,
    /// `FLAG_LAST`, `FLAG_CLEAN`.
    pub flags: u8,
}

impl Header {
    /// Writes the header and the checksum over a block whose payload is complete.
    pub fn seal(&self, block: &mut Block, checksum: Checksum) {
        let bytes = &mut block.0[..];
        put(bytes, 0, &MAGIC);
        put(bytes, 12, &self.kind.code().to_le_bytes());
        put(bytes, 14, &VERSION.to_le_bytes());
        put(bytes, 16, &self.address.to_le_bytes());
        put(bytes, 24, &self.tid.to_le_bytes());
        put(bytes, 32, &self.uuid);
        put(bytes, 48, &self.epoch.to_le_bytes());
        put(bytes, 56, &self.sequence.to_le_bytes());
        put(bytes, 64, &self.index.to_le_bytes());
        put(bytes, 68, &self.count.to_le_bytes());
        put(
            bytes,
            72,
            &[self.copy, self.copies, self.members, self.flags],
        );
        put(bytes, 76, &[0; 20]);
        let sum = bytes.get(CHECKED_FROM..).map_or(0, checksum);
        put(bytes, 8, &sum.to_le_bytes());
    }

    /// Reads and checks the header of the block that was read from block `address` of the spare.
    ///
    /// # Errors
    ///
    /// Says what is wrong; nothing of an invalid block may be used.
    pub fn open(
        bytes: &[u8],
        address: u64,
        kind: Kind,
        checksum: Checksum,
    ) -> Result<Self, Invalid> {
        if !has_magic(bytes) {
            return Err(if is_blank(bytes) {
                Invalid::Blank
            } else {
                Invalid::NotOurs
            });
        }
        let sum = bytes.get(CHECKED_FROM..).map_or(0, checksum);
        if !seeded!("unchecked_checksum") && get_u32(bytes, 8) != sum {
            return Err(Invalid::Checksum);
        }
        let version = get_u16(bytes, 14);
        if version != VERSION {
            return Err(Invalid::Version(version));
        }
        let code = get_u16(bytes, 12);
        if Kind::from_code(code) != Some(kind) {
            return Err(Invalid::Kind(code));
        }
        let recorded = get_u64(bytes, 16);
        if recorded != address {
            return Err(Invalid::Address(recorded));
        }
        let header = Self {
            kind,
            address,
            tid: get_u64(bytes, 24),
            uuid: get_uuid(bytes, 32),
            epoch: get_u64(bytes, 48),
            sequence: get_u64(bytes, 56),
            index: get_u32(bytes, 64),
            count: get_u32(bytes, 68),
            copy: get_u8(bytes, 72),
            copies: get_u8(bytes, 73),
            members: get_u8(bytes, 74),
            flags: get_u8(bytes, 75),
        };
        if header.tid >= TID_LIMIT {
            return Err(Invalid::Field("transaction"));
        }
        if !(2..=4).contains(&header.copies) || header.copy >= header.copies {
            return Err(Invalid::Field("number of copies"));
        }
        Ok(header)
    }
}

/// Whether the block begins with the magic, valid or not.
pub fn has_magic(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// The version that a block with the magic claims, valid or not.
pub fn claimed_version(bytes: &[u8]) -> u16 {
    get_u16(bytes, 14)
}

/// Whether all bytes are zero.
pub fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}
