// SPDX-License-Identifier: GPL-2.0-only

//! The 48 bytes at the beginning of every block.

use crate::engine::block::Block;
use crate::engine::format::bytes::{get_u16, get_u32, get_u64, get_u8, get_uuid, put};
use crate::engine::format::header::is_blank;
use crate::engine::format::Checksum;
use crate::engine::units::BLOCK_BYTES;
use core::fmt;

/// The first four bytes of every block.
pub const MAGIC: [u8; 4] = *b"dsix";
/// The format version written and understood.
pub const VERSION: u8 = 1;
/// Bytes of the header; what the kind defines follows.
pub const HEADER_BYTES: usize = 48;

/// Sequence numbers are below this, so that no sum of a few of them overflows.
const SEQUENCE_LIMIT: u64 = 1 << 62;
/// Where the checksum starts to cover: everything behind itself.
const CHECKED_FROM: usize = 8;

/// What a block is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Describes the index; two copies.
    Superblock,
    /// A part of a chapter's header.
    ChapterPart,
    /// Records of a chapter.
    RecordPage,
    /// Filters of some record pages of a chapter.
    FilterPage,
    /// A part of a segment's image.
    ImageBlock,
    /// Says whether open chapters are saved.
    SaveHeader,
    /// Entries of a saved open chapter.
    SavedPage,
}

impl Kind {
    /// All kinds, each at the place of its code less one.
    pub const ALL: [Self; 7] = [
        Self::Superblock,
        Self::ChapterPart,
        Self::RecordPage,
        Self::FilterPage,
        Self::ImageBlock,
        Self::SaveHeader,
        Self::SavedPage,
    ];

    fn code(self) -> u8 {
        match self {
            Self::Superblock => 1,
            Self::ChapterPart => 2,
            Self::RecordPage => 3,
            Self::FilterPage => 4,
            Self::ImageBlock => 5,
            Self::SaveHeader => 6,
            Self::SavedPage => 7,
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
    /// The block belongs to another index.
    Foreign,
    /// Another chapter or version than expected: an old block where a newer was to be.
    Sequence(u64),
    /// A field holds what it cannot hold.
    Field(&'static str),
}

impl fmt::Display for Invalid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Invalid::Blank => write!(out, "blank"),
            Invalid::NotOurs => write!(out, "not of an index"),
            Invalid::Checksum => write!(out, "damaged, its checksum does not match"),
            Invalid::Version(version) => write!(out, "of format version {version}"),
            Invalid::Kind(kind) => write!(out, "of the wrong kind {kind}"),
            Invalid::Address(address) => write!(out, "misplaced, it belongs to block {address}"),
            Invalid::Foreign => write!(out, "of another index"),
            Invalid::Sequence(sequence) => write!(out, "stale, its sequence number is {sequence}"),
            Invalid::Field(name) => write!(out, "damaged, its {name} cannot be"),
        }
    }
}

/// Where a block was read from, and which index is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Block number, counted from the beginning of the index.
    pub address: u64,
    /// The index.
    pub uuid: [u8; 16],
}

/// What every block says about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// What the block is.
    pub kind: Kind,
    /// Where it belongs.
    pub place: Place,
    /// Which version this is: the chapter, the image, the save; of superblocks the generation.
    pub sequence: u64,
    /// The block's number among those of the same kind and sequence, counted from 0.
    pub part: u32,
    /// Items that follow.
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
        put(bytes, 24, &self.sequence.to_le_bytes());
        put(bytes, 32, &self.place.uuid);
        let sum = bytes.get(CHECKED_FROM..).map_or(0, checksum);
        put(bytes, 4, &sum.to_le_bytes());
    }

    /// Reads and checks the header of a block, of any index.
    ///
    /// # Errors
    ///
    /// Says what is wrong; nothing of an invalid block may be used.
    pub fn open_any(
        bytes: &[u8],
        kind: Kind,
        address: u64,
        checksum: Checksum,
    ) -> Result<Self, Invalid> {
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
        if Kind::from_code(code) != Some(kind) {
            return Err(Invalid::Kind(code));
        }
        let recorded = get_u64(bytes, 16);
        if recorded != address {
            return Err(Invalid::Address(recorded));
        }
        let sequence = get_u64(bytes, 24);
        if sequence >= SEQUENCE_LIMIT {
            return Err(Invalid::Field("sequence number"));
        }
        Ok(Self {
            kind,
            place: Place {
                address,
                uuid: get_uuid(bytes, 32),
            },
            sequence,
            part: get_u32(bytes, 12),
            count: get_u16(bytes, 10),
        })
    }

    /// Reads and checks the header of a block that was read from `place`.
    ///
    /// # Errors
    ///
    /// As [`Header::open_any`], and if the block is of another index.
    pub fn open(
        bytes: &[u8],
        kind: Kind,
        place: &Place,
        checksum: Checksum,
    ) -> Result<Self, Invalid> {
        let header = Self::open_any(bytes, kind, place.address, checksum)?;
        if header.place.uuid != place.uuid {
            return Err(Invalid::Foreign);
        }
        Ok(header)
    }

    /// As [`Header::open`], for a block of one chapter, image or save only.
    ///
    /// # Errors
    ///
    /// As [`Header::open`], and if the sequence number or the part is another one.
    pub fn open_exactly(
        bytes: &[u8],
        kind: Kind,
        place: &Place,
        sequence: u64,
        part: u32,
        checksum: Checksum,
    ) -> Result<Self, Invalid> {
        let header = Self::open(bytes, kind, place, checksum)?;
        if header.sequence != sequence {
            return Err(Invalid::Sequence(header.sequence));
        }
        if header.part != part {
            return Err(Invalid::Field("part"));
        }
        Ok(header)
    }
}
