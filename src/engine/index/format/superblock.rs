// SPDX-License-Identifier: GPL-2.0-only

//! The first and the last block of an index: what it is.
//!
//! All that is not zero lies within the first 512 bytes, so that writing it over a block of zeros cannot tear.

use super::header::{Header, Invalid, Kind, Place, HEADER_BYTES};
use crate::engine::block::Block;
use crate::engine::format::bytes::{get_u32, get_u64, put};
use crate::engine::format::Checksum;
use crate::engine::index::geometry::{Geometry, Parameters};
use crate::engine::index::layout::Layout;

/// Numbers that follow from the parameters, and are recorded so that a program that would derive others notices.
const DERIVED: usize = 12;
/// Where they begin.
const DERIVED_AT: usize = 88;

/// What an index is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Superblock {
    /// The index.
    pub uuid: [u8; 16],
    /// Counts the versions of the superblock.
    pub generation: u64,
    /// What its geometry follows from.
    pub parameters: Parameters,
    /// Features that a program may ignore.
    pub compatible: u64,
    /// Features that a program must know.
    pub incompatible: u64,
    /// The recorded sizes agree with those that this program derives. If not, the index cannot be used.
    pub geometry_known: bool,
}

impl Superblock {
    /// Fills a block with the superblock of an index of this geometry, which the parameters agree with.
    pub fn encode(&self, geometry: &Geometry, address: u64, block: &mut Block, checksum: Checksum) {
        block.0.fill(0);
        let bytes = &mut block.0[..];
        let parameters = &geometry.parameters;
        for (at, value) in [
            (HEADER_BYTES, parameters.pages),
            (52, parameters.dense_chapters),
            (56, parameters.sparse_chapters),
            (60, parameters.checkpoint_chapters),
            (64, parameters.bucket_bits),
        ] {
            put(bytes, at, &value.to_le_bytes());
        }
        put(bytes, 72, &self.compatible.to_le_bytes());
        put(bytes, 80, &self.incompatible.to_le_bytes());
        for (index, value) in derived(geometry).into_iter().enumerate() {
            put(bytes, DERIVED_AT + index * 8, &value.to_le_bytes());
        }
        let header = Header {
            kind: Kind::Superblock,
            place: Place {
                address,
                uuid: self.uuid,
            },
            sequence: self.generation,
            part: 0,
            count: 0,
        };
        header.seal(block, checksum);
    }

    /// Reads the superblock that was read from block `address` of an index.
    ///
    /// # Errors
    ///
    /// As [`Header::open_kind`].
    pub fn decode(bytes: &[u8], address: u64, checksum: Checksum) -> Result<Self, Invalid> {
        let header = Header::open_kind(bytes, Kind::Superblock, address, checksum)?;
        let parameters = Parameters {
            pages: get_u32(bytes, HEADER_BYTES),
            dense_chapters: get_u32(bytes, 52),
            sparse_chapters: get_u32(bytes, 56),
            checkpoint_chapters: get_u32(bytes, 60),
            bucket_bits: get_u32(bytes, 64),
        };
        let geometry_known = Geometry::new(parameters).is_some_and(|geometry| {
            let recorded = |index: usize| get_u64(bytes, DERIVED_AT + index * 8);
            derived(&geometry)
                .into_iter()
                .enumerate()
                .all(|(index, value)| recorded(index) == value)
                && Layout::new(&geometry).superblocks().contains(&address)
        });
        Ok(Self {
            uuid: header.place.uuid,
            generation: header.sequence,
            parameters,
            compatible: get_u64(bytes, 72),
            incompatible: get_u64(bytes, 80),
            geometry_known,
        })
    }
}

fn derived(geometry: &Geometry) -> [u64; DERIVED] {
    let index = geometry.index;
    let hooks = geometry.hooks;
    [
        Layout::new(geometry).blocks,
        geometry.page_blocks.into(),
        geometry.filter_blocks.into(),
        geometry.header_blocks.into(),
        geometry.image_blocks.into(),
        geometry.image_slots,
        geometry.save_blocks,
        index.segments().into(),
        index.image_bytes() as u64,
        index.code_bits().into(),
        hooks.map_or(0, |hooks| hooks.image_bytes() as u64),
        hooks.map_or(0, |hooks| hooks.code_bits().into()),
    ]
}
