// SPDX-License-Identifier: GPL-2.0-only

//! The 48 bytes at the beginning of every block of a deduplicated volume, and of an index: what the block is, where it
//! belongs, and which version of it this is.

use super::bytes::{get_u16, get_u32, get_u64, get_u8, get_uuid, put};
use super::header::is_blank;
use super::Checksum;
use crate::engine::block::Block;
use crate::engine::units::BLOCK_BYTES;
use core::fmt;

/// Bytes of the header; what the kind defines follows.
pub const HEADER_BYTES: usize = 48;

/// Sequence numbers are below this, so that no sum of a few of them overflows.
pub const SEQUENCE_LIMIT: u64 = 1 << 62;
/// Where the checksum starts to cover: everything behind itself.
const CHECKED_FROM: usize = 8;

/// What the blocks of one format can be.
pub trait BlockKind: Copy + PartialEq + 'static {
    /// The first four bytes of every block.
    const MAGIC: [u8; 4];
    /// The format version written and understood.
    const VERSION: u8;
    /// All kinds, each at the place of its code less one.
    const ALL: &'static [Self];

    /// The number that stands for this kind.
    fn code(self) -> u8;

    /// The kind that has this code.
    fn from_code(code: u8) -> Option<Self> {
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
    /// The block belongs to another volume or index.
    Foreign,
    /// Another version, block of the journal, or page than expected.
    Sequence(u64),
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
            Invalid::Foreign => write!(out, "foreign, its UUID is another one"),
            Invalid::Sequence(sequence) => write!(out, "stale, its number is {sequence}"),
            Invalid::Field(name) => write!(out, "damaged, its {name} cannot be"),
        }
    }
}

/// Where a block was read from, and which volume or index is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Block number on its leg, or from the beginning of the index.
    pub address: u64,
    /// The volume, or the index.
    pub uuid: [u8; 16],
}

/// What every block says about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlockHeader<K> {
    /// What the block is.
    pub kind: K,
    /// Where it belongs.
    pub place: Place,
    /// Which version this is; what is counted depends on the kind.
    pub sequence: u64,
    /// Which of the blocks of the same kind and sequence; what is counted depends on the kind.
    pub part: u32,
    /// Items that follow; of some kinds something else.
    pub count: u16,
}

impl<K: BlockKind> BlockHeader<K> {
    /// Writes the header and the checksum over a block whose other bytes are complete.
    pub fn seal(&self, block: &mut Block, checksum: Checksum) {
        let bytes = &mut block.0[..];
        put(bytes, 0, &K::MAGIC);
        put(bytes, 8, &[self.kind.code(), K::VERSION]);
        put(bytes, 10, &self.count.to_le_bytes());
        put(bytes, 12, &self.part.to_le_bytes());
        put(bytes, 16, &self.place.address.to_le_bytes());
        put(bytes, 24, &self.sequence.to_le_bytes());
        put(bytes, 32, &self.place.uuid);
        let sum = bytes.get(CHECKED_FROM..).map_or(0, checksum);
        put(bytes, 4, &sum.to_le_bytes());
    }

    /// Reads and checks the header of a block of any volume or index, and of any kind, that was read from `address`.
    ///
    /// # Errors
    ///
    /// Says what is wrong; nothing of an invalid block may be used.
    pub fn open_any(bytes: &[u8], address: u64, checksum: Checksum) -> Result<Self, Invalid> {
        if bytes.len() != BLOCK_BYTES || !bytes.starts_with(&K::MAGIC) {
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
        if version != K::VERSION {
            return Err(Invalid::Version(version));
        }
        let code = get_u8(bytes, 8);
        let kind = K::from_code(code).ok_or(Invalid::Kind(code))?;
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

    /// As [`open_any`](Self::open_any), for one kind only.
    ///
    /// # Errors
    ///
    /// Those of `open_any`, and if the block is of another kind.
    pub fn open_kind(
        bytes: &[u8],
        kind: K,
        address: u64,
        checksum: Checksum,
    ) -> Result<Self, Invalid> {
        let header = Self::open_any(bytes, address, checksum)?;
        if header.kind != kind {
            return Err(Invalid::Kind(header.kind.code()));
        }
        Ok(header)
    }

    /// As [`open_kind`](Self::open_kind), for one volume or index only.
    ///
    /// # Errors
    ///
    /// Those of `open_kind`, and if the block is of another volume or index.
    pub fn open(bytes: &[u8], kind: K, place: &Place, checksum: Checksum) -> Result<Self, Invalid> {
        let header = Self::open_kind(bytes, kind, place.address, checksum)?;
        if header.place.uuid != place.uuid {
            return Err(Invalid::Foreign);
        }
        Ok(header)
    }

    /// As [`open`](Self::open), for one version and part only.
    ///
    /// # Errors
    ///
    /// Those of `open`, and if the sequence number or the part is another one.
    pub fn open_exactly(
        bytes: &[u8],
        kind: K,
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
