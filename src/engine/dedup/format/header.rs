// SPDX-License-Identifier: GPL-2.0-only

//! The 48 bytes at the beginning of every metadata block.

use crate::engine::block::Block;
use crate::engine::dedup::units::Lsn;
use crate::engine::format::bytes::{get_u16, get_u32, get_u64, get_u8, get_uuid, put};
use crate::engine::format::header::is_blank;
use crate::engine::format::Checksum;
use crate::engine::units::BLOCK_BYTES;
use core::fmt;

/// The first four bytes of every block.
pub const MAGIC: [u8; 4] = *b"dspd";
/// The format version written and understood.
pub const VERSION: u8 = 1;
/// Bytes of the header; what the kind defines follows.
pub const HEADER_BYTES: usize = 48;

/// Where the checksum starts to cover: everything behind itself.
const CHECKED_FROM: usize = 8;

/// What a block is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// What the volume is.
    Superblock,
    /// Where replay begins.
    Checkpoint,
    /// Which map and pool pages are present, and which pool pages are full.
    Presence,
    /// Entries of consecutive blocks of the volume.
    Map,
    /// Counts and fingerprints of consecutive data blocks.
    Pool,
    /// Records of the journal.
    Records,
    /// A page, in the journal.
    Image,
}

impl Kind {
    /// All kinds, each at the place of its code less one.
    pub const ALL: [Self; 7] = [
        Self::Superblock,
        Self::Checkpoint,
        Self::Presence,
        Self::Map,
        Self::Pool,
        Self::Records,
        Self::Image,
    ];

    fn code(self) -> u8 {
        match self {
            Self::Superblock => 1,
            Self::Checkpoint => 2,
            Self::Presence => 3,
            Self::Map => 4,
            Self::Pool => 5,
            Self::Records => 6,
            Self::Image => 7,
        }
    }

    /// The kind that has this code.
    pub fn from_code(code: u8) -> Option<Self> {
        let index = usize::from(code).checked_sub(1)?;
        Self::ALL.get(index).copied()
    }
}

/// Why a block is not what was looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Invalid {
    /// All bytes are zero.
    Blank,
    /// The magic is not there, or the block is not whole.
    NotOurs,
    /// The checksum does not match: damaged or half written.
    Checksum,
    /// Written by a later program.
    Version(u8),
    /// An unknown kind, or another one than expected.
    Kind(u8),
    /// The block belongs to another place.
    Address(u64),
    /// The block belongs to another volume.
    Foreign,
    /// Another block of the journal, or another page, than expected.
    Sequence(u64),
    /// A field holds what it cannot hold.
    Field(&'static str),
}

impl fmt::Display for Invalid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Invalid::Blank => write!(out, "blank"),
            Invalid::NotOurs => write!(out, "not of a deduplicated volume"),
            Invalid::Checksum => write!(out, "damaged, its checksum does not match"),
            Invalid::Version(version) => write!(out, "of format version {version}"),
            Invalid::Kind(kind) => write!(out, "of the wrong kind {kind}"),
            Invalid::Address(address) => write!(out, "misplaced, it belongs to block {address}"),
            Invalid::Foreign => write!(out, "of another volume"),
            Invalid::Sequence(sequence) => write!(out, "stale, its number is {sequence}"),
            Invalid::Field(name) => write!(out, "damaged, its {name} cannot be"),
        }
    }
}

/// Where a block was read from, and which volume is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Block number on its leg.
    pub address: u64,
    /// The volume.
    pub uuid: [u8; 16],
}

/// What every block says about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// What the block is.
    pub kind: Kind,
    /// Where it belongs.
    pub place: Place,
    /// Of the journal: its own. Of a page: everything up to this one is in it. Of a checkpoint: its number. Of a
    /// superblock: 0.
    pub lsn: Lsn,
    /// Of a page, and of an image: the page. Of records: blocks of the same batch before this one. Of superblock and
    /// checkpoint: the leg.
    pub part: u32,
    /// Of records: how many. Of an image: blocks of the same batch before this one. Elsewhere 0.
    pub count: u16,
}

impl Header {
    /// Writes the header and the checksum over a block whose other bytes are complete.
    pub fn seal(&self, block: &mut Block, checksum: Checksum) {
        let bytes = &mut block.0[..];
        put(bytes, 0, &MAGIC);
        put(bytes, 8, &[self.kind.code(), VERSION]);
        put(bytes, 10, &self.count.to_le_bytes());
        put(bytes, 12, &self.part.to_le_bytes());
        put(bytes, 16, &self.place.address.to_le_bytes());
        put(bytes, 24, &self.lsn.0.to_le_bytes());
        put(bytes, 32, &self.place.uuid);
        let sum = bytes.get(CHECKED_FROM..).map_or(0, checksum);
        put(bytes, 4, &sum.to_le_bytes());
    }

    /// Reads and checks the header of a block of any volume and kind that was read from block `address`.
    ///
    /// # Errors
    ///
    /// Says what is wrong; nothing of an invalid block may be used.
    pub fn open_any(bytes: &[u8], address: u64, checksum: Checksum) -> Result<Self, Invalid> {
        if bytes.len() != BLOCK_BYTES || !bytes.starts_with(&MAGIC) {
            return Err(if !bytes.is_empty() && is_blank(bytes) {
                Invalid::Blank
            } else {
                Invalid::NotOurs
            });
        }
        let sum = bytes.get(CHECKED_FROM..).map_or(0, checksum);
        if get_u32(bytes, 4) != sum {
            return Err(Invalid::Checksum);
        }
        let version = get_u8(bytes, 9);
        if version != VERSION {
            return Err(Invalid::Version(version));
        }
        let code = get_u8(bytes, 8);
        let kind = Kind::from_code(code).ok_or(Invalid::Kind(code))?;
        let recorded = get_u64(bytes, 16);
        if recorded != address {
            return Err(Invalid::Address(recorded));
        }
        let lsn = get_u64(bytes, 24);
        if lsn >= Lsn::LIMIT {
            return Err(Invalid::Field("LSN"));
        }
        Ok(Self {
            kind,
            place: Place {
                address,
                uuid: get_uuid(bytes, 32),
            },
            lsn: Lsn(lsn),
            part: get_u32(bytes, 12),
            count: get_u16(bytes, 10),
        })
    }

    /// Reads and checks the header of a block that was read from `place`.
    ///
    /// # Errors
    ///
    /// As [`Header::open_any`], and if the block is of another volume or kind.
    pub fn open(
        bytes: &[u8],
        kind: Kind,
        place: &Place,
        checksum: Checksum,
    ) -> Result<Self, Invalid> {
        let header = Self::open_any(bytes, place.address, checksum)?;
        if header.kind != kind {
            return Err(Invalid::Kind(header.kind.code()));
        }
        if header.place.uuid != place.uuid {
            return Err(Invalid::Foreign);
        }
        Ok(header)
    }
}
