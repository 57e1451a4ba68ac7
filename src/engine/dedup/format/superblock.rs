// SPDX-License-Identifier: GPL-2.0-only

//! The superblock: what the volume is. It never changes.
//!
//! All that is not zero lies within the first 512 bytes, so that writing it over a block of zeros cannot tear.

use super::header::{Header, Invalid, Kind, Place};
use super::layout::{Geometry, Layout, SUPERBLOCK};
use crate::engine::block::Block;
use crate::engine::dedup::units::Leg;
use crate::engine::format::bytes::{get_u64, get_u8, get_uuid, put};
use crate::engine::format::Checksum;

/// Features, as of ext4: what a program must know of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Features {
    /// It may ignore these.
    pub compatible: u64,
    /// With one that it does not know it must not write.
    pub read_only_compatible: u64,
    /// With one that it does not know it must not even read.
    pub incompatible: u64,
}

/// How fingerprints are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// A fast hash that is keyed by the volume's secret.
    Fast,
    /// A cryptographic hash, of which the first 128 bits are kept.
    Cryptographic,
}

/// What the volume is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Superblock {
    /// The volume.
    pub uuid: [u8; 16],
    /// What must be known.
    pub features: Features,
    /// What the layout follows from.
    pub geometry: Geometry,
    /// Blocks of the spare.
    pub spare_blocks: u64,
    /// How fingerprints are made.
    pub method: Method,
    /// The secret that keys the fast hash.
    pub secret: [u8; 16],
}

const COMPATIBLE: usize = 48;
const READ_ONLY_COMPATIBLE: usize = 56;
const INCOMPATIBLE: usize = 64;
const MAIN_BLOCKS: usize = 72;
const SPARE_BLOCKS: usize = 80;
const LOGICAL_BLOCKS: usize = 88;
const JOURNAL_BLOCKS: usize = 96;
const INDEX_BLOCKS: usize = 104;
/// Follows from the geometry, and shows whether a program computes the same layout.
const DATA_START: usize = 112;
const SECRET: usize = 120;
const METHOD: usize = 136;

impl Superblock {
    /// Fills a block with the superblock for one leg.
    pub fn encode(&self, leg: Leg, block: &mut Block, checksum: Checksum) {
        block.0.fill(0);
        let bytes = &mut block.0[..];
        let data_start = Layout::new(self.geometry).map_or(0, |layout| layout.data_start);
        let numbers = [
            (COMPATIBLE, self.features.compatible),
            (READ_ONLY_COMPATIBLE, self.features.read_only_compatible),
            (INCOMPATIBLE, self.features.incompatible),
            (MAIN_BLOCKS, self.geometry.main_blocks),
            (SPARE_BLOCKS, self.spare_blocks),
            (LOGICAL_BLOCKS, self.geometry.logical_blocks),
            (JOURNAL_BLOCKS, self.geometry.journal_blocks),
            (INDEX_BLOCKS, self.geometry.index_blocks),
            (DATA_START, data_start),
        ];
        for (at, number) in numbers {
            put(bytes, at, &number.to_le_bytes());
        }
        put(bytes, SECRET, &self.secret);
        let method = match self.method {
            Method::Fast => 0,
            Method::Cryptographic => 1,
        };
        put(bytes, METHOD, &[method]);
        let header = Header {
            kind: Kind::Superblock,
            place: Place {
                address: SUPERBLOCK,
                uuid: self.uuid,
            },
            sequence: 0,
            // CAST: 0 or 1.
            part: leg.index() as u32,
            count: 0,
        };
        header.seal(block, checksum);
    }

    /// Reads the superblock that was read from block 0 of a leg, of whatever volume it is.
    ///
    /// # Errors
    ///
    /// What is wrong with it; a geometry from which another layout follows here than is recorded is wrong.
    pub fn decode(block: &Block, leg: Leg, checksum: Checksum) -> Result<Self, Invalid> {
        let bytes = &block.0[..];
        let header = Header::open_kind(bytes, Kind::Superblock, SUPERBLOCK, checksum)?;
        // CAST: 0 or 1.
        if header.part != leg.index() as u32 {
            return Err(Invalid::Field("leg"));
        }
        let geometry = Geometry {
            main_blocks: get_u64(bytes, MAIN_BLOCKS),
            logical_blocks: get_u64(bytes, LOGICAL_BLOCKS),
            journal_blocks: get_u64(bytes, JOURNAL_BLOCKS),
            index_blocks: get_u64(bytes, INDEX_BLOCKS),
        };
        let layout = Layout::new(geometry).ok_or(Invalid::Field("geometry"))?;
        if layout.data_start != get_u64(bytes, DATA_START) {
            return Err(Invalid::Field("layout"));
        }
        let method = match get_u8(bytes, METHOD) {
            0 => Method::Fast,
            1 => Method::Cryptographic,
            _ => return Err(Invalid::Field("fingerprint method")),
        };
        Ok(Self {
            uuid: header.place.uuid,
            features: Features {
                compatible: get_u64(bytes, COMPATIBLE),
                read_only_compatible: get_u64(bytes, READ_ONLY_COMPATIBLE),
                incompatible: get_u64(bytes, INCOMPATIBLE),
            },
            geometry,
            spare_blocks: get_u64(bytes, SPARE_BLOCKS),
            method,
            secret: get_uuid(bytes, SECRET),
        })
    }
}
