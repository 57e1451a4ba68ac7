// SPDX-License-Identifier: GPL-2.0-only

//! The first block of each copy: what the set is.
//!
//! All that is not zero lies within the first 512 bytes, so that writing it over a block of zeros cannot tear.

use super::bytes::{get_u32, get_u64, put};
use super::header::{Header, Invalid, Kind, HEADER_BYTES};
use super::layout::Layout;
use super::Checksum;
use crate::engine::block::Block;
use crate::engine::units::SECTORS_PER_BLOCK;

/// What the set is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Superblock {
    /// The set.
    pub uuid: [u8; 16],
    /// The copy that this superblock belongs to.
    pub copy: u8,
    /// Copies of the metadata.
    pub copies: u8,
    /// Size of main in sectors.
    pub main_sectors: u64,
    /// Size of the spare in sectors.
    pub spare_sectors: u64,
    /// Features that a program may ignore.
    pub compatible: u64,
    /// Features that a program must know.
    pub incompatible: u64,
    /// The recorded places agree with those of this version.
    pub geometry_known: bool,
}

impl Superblock {
    /// Fills a block with the superblock.
    pub fn encode(&self, layout: &Layout, block: &mut Block, checksum: Checksum) {
        block.0.fill(0);
        let bytes = &mut block.0[..];
        put(bytes, HEADER_BYTES, &self.main_sectors.to_le_bytes());
        put(bytes, 104, &self.spare_sectors.to_le_bytes());
        put(bytes, 112, &layout.capacity.to_le_bytes());
        put(bytes, 120, &low_half(layout.area_blocks).to_le_bytes());
        put(bytes, 124, &low_half(layout.ring_blocks).to_le_bytes());
        put(bytes, 128, &self.compatible.to_le_bytes());
        put(bytes, 136, &self.incompatible.to_le_bytes());
        let header = Header {
            kind: Kind::Superblock,
            address: layout.superblock(self.copy),
            tid: 0,
            uuid: self.uuid,
            epoch: 0,
            sequence: 0,
            index: 0,
            count: 0,
            copy: self.copy,
            copies: self.copies,
            members: 0,
            flags: 0,
        };
        header.seal(block, checksum);
    }

    /// Reads the superblock that was read from block `address` of the spare.
    ///
    /// # Errors
    ///
    /// As [`Header::open`].
    pub fn decode(bytes: &[u8], address: u64, checksum: Checksum) -> Result<Self, Invalid> {
        let header = Header::open(bytes, address, Kind::Superblock, checksum)?;
        let spare_sectors = get_u64(bytes, 104);
        let layout = Layout::new(spare_sectors / SECTORS_PER_BLOCK, header.copies);
        let geometry_known = layout.is_some_and(|layout| {
            layout.capacity == get_u64(bytes, 112)
                && low_half(layout.area_blocks) == get_u32(bytes, 120)
                && low_half(layout.ring_blocks) == get_u32(bytes, 124)
                && layout.superblock(header.copy) == address
        });
        Ok(Self {
            uuid: header.uuid,
            copy: header.copy,
            copies: header.copies,
            main_sectors: get_u64(bytes, HEADER_BYTES),
            spare_sectors,
            compatible: get_u64(bytes, 128),
            incompatible: get_u64(bytes, 136),
            geometry_known,
        })
    }
}

/// A block count of a layout, which is far below 2^32.
fn low_half(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
