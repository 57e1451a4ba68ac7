// SPDX-License-Identifier: GPL-2.0-only

//! Checkpoints: where replay begins, and what was the case there.

use super::header::{Header, Invalid, Kind, Place};
use super::layout::Layout;
use crate::engine::block::Block;
use crate::engine::dedup::units::{Leg, Lsn, PageNumber};
use crate::engine::format::bytes::{get_u64, get_u8, put};
use crate::engine::format::Checksum;
use crate::engine::units::BLOCK_BYTES;

const REDO: usize = 48;
const USED: usize = 56;
const FLAGS: usize = 64;
const MAPPED: usize = 72;
/// One bit for each presence page: it is present.
const ROOTS: usize = 80;
/// The most presence pages.
pub const ROOTS_MAXIMUM: u32 = ((BLOCK_BYTES - ROOTS) * 8) as u32;

const FLAG_CLEAN: u8 = 1;

/// A checkpoint, without the bits of the presence pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// Counts the checkpoints of the volume; the first two have 0 and 1.
    pub number: u64,
    /// Replay begins with this block of the journal, if it is there.
    pub redo: Lsn,
    /// Data blocks that were referred to.
    pub used_blocks: u64,
    /// Blocks of the volume that referred to them.
    pub mapped_blocks: u64,
    /// The volume was at rest, and nothing lies behind.
    pub clean: bool,
}

/// Whether a presence page is present.
pub fn root(block: &Block, page: PageNumber) -> bool {
    (get_u8(&block.0, root_byte(page)) >> (page.0 % 8)) & 1 != 0
}

/// Makes a presence page present.
pub fn set_root(block: &mut Block, page: PageNumber) {
    if page.0 < ROOTS_MAXIMUM {
        if let Some(byte) = block.0.get_mut(root_byte(page)) {
            *byte |= 1 << (page.0 % 8);
        }
    }
}

fn root_byte(page: PageNumber) -> usize {
    // CAST: 32 bits fit.
    ROOTS.saturating_add((page.0 / 8) as usize)
}

impl Checkpoint {
    /// Completes a block that holds the bits of the presence pages.
    pub fn seal(&self, leg: Leg, uuid: [u8; 16], block: &mut Block, checksum: Checksum) {
        let bytes = &mut block.0[..];
        put(bytes, REDO, &self.redo.0.to_le_bytes());
        put(bytes, USED, &self.used_blocks.to_le_bytes());
        let flags = if self.clean { FLAG_CLEAN } else { 0 };
        put(bytes, MAPPED, &self.mapped_blocks.to_le_bytes());
        put(bytes, FLAGS, &[flags, 0, 0, 0, 0, 0, 0, 0]);
        let header = Header {
            kind: Kind::Checkpoint,
            place: Place {
                address: Layout::checkpoint_address(self.number),
                uuid,
            },
            sequence: self.number,
            // CAST: 0 or 1.
            part: leg.index() as u32,
            count: 0,
        };
        header.seal(block, checksum);
    }

    /// Reads the checkpoint that was read from block `address` of a leg.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn open(
        block: &Block,
        leg: Leg,
        address: u64,
        layout: &Layout,
        uuid: [u8; 16],
        checksum: Checksum,
    ) -> Result<Self, Invalid> {
        let place = Place { address, uuid };
        let header = Header::open(&block.0, Kind::Checkpoint, &place, checksum)?;
        let checkpoint = Self {
            number: header.sequence,
            redo: Lsn(get_u64(&block.0, REDO)),
            used_blocks: get_u64(&block.0, USED),
            mapped_blocks: get_u64(&block.0, MAPPED),
            clean: get_u8(&block.0, FLAGS) & FLAG_CLEAN != 0,
        };
        if Layout::checkpoint_address(checkpoint.number) != address {
            return Err(Invalid::Sequence(checkpoint.number));
        }
        // CAST: 0 or 1.
        if header.part != leg.index() as u32 {
            return Err(Invalid::Field("leg"));
        }
        if !(Lsn::FIRST.0..Lsn::LIMIT).contains(&checkpoint.redo.0) {
            return Err(Invalid::Field("redo point"));
        }
        if checkpoint.used_blocks > layout.data_blocks {
            return Err(Invalid::Field("number of used blocks"));
        }
        if checkpoint.mapped_blocks > layout.geometry.logical_blocks {
            return Err(Invalid::Field("number of mapped blocks"));
        }
        Ok(checkpoint)
    }
}
