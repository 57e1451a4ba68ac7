// SPDX-License-Identifier: GPL-2.0-only

//! Where things lie on the spare: a function of its size and the number of copies.
//!
//! A copy is a superblock, two checkpoint areas and the ring of log blocks, in that order. Copy 0 begins at
//! block 0, the last copy ends with the device, further ones lie evenly between. The rest are slots.

use super::table_block::RECORDS_PER_BLOCK;
use crate::engine::units::Slot;

/// Most copies of the metadata.
pub const COPIES_MAXIMUM: usize = 4;
/// Copies of a set for which no number is asked.
pub const COPIES_DEFAULT: u32 = 2;
/// Most entries of a table.
pub const ENTRIES_MAXIMUM: u64 = 1 << 20;
/// Blocks of the spare, from its beginning, that can be slots.
pub const SLOT_WINDOW: u64 = 1 << 22;
/// The largest spare.
pub const SPARE_BLOCKS_MAXIMUM: u64 = 1 << 32;
/// Places where a superblock can lie.
pub const CANDIDATES: usize = 5;

/// Fewest blocks of a ring.
const RING_MINIMUM: u64 = 32;
/// Fewest slots that are worth the trouble.
const SLOTS_MINIMUM: u64 = 8;

/// Where things lie on one spare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    /// Blocks of the spare.
    pub spare_blocks: u64,
    /// Copies of the metadata.
    pub copies: u8,
    /// Most entries of the table.
    pub capacity: u64,
    /// Blocks of one checkpoint area.
    pub area_blocks: u64,
    /// Blocks of the ring.
    pub ring_blocks: u64,
}

impl Layout {
    /// The layout of a spare of `spare_blocks` blocks; none if the copies do not fit.
    pub fn new(spare_blocks: u64, copies: u8) -> Option<Self> {
        let capacity = spare_blocks.min(ENTRIES_MAXIMUM);
        // One block more than the table: a snapshot may repeat the entries of one commit.
        let area_blocks = capacity.div_ceil(RECORDS_PER_BLOCK as u64) + 1;
        let layout = Self {
            spare_blocks,
            copies,
            capacity,
            area_blocks,
            ring_blocks: area_blocks.max(RING_MINIMUM),
        };
        let needed = layout.copy_blocks() * u64::from(copies) + SLOTS_MINIMUM;
        let fits = (2..=COPIES_MAXIMUM as u8).contains(&copies)
            && (needed..=SPARE_BLOCKS_MAXIMUM).contains(&spare_blocks);
        fits.then_some(layout)
    }

    /// Blocks of one copy.
    pub fn copy_blocks(&self) -> u64 {
        1 + 2 * self.area_blocks + self.ring_blocks
    }

    /// The block of a copy's superblock, which is the copy's first.
    pub fn superblock(&self, copy: u8) -> u64 {
        let last = u64::from(self.copies.saturating_sub(1)).max(1);
        let room = self.spare_blocks.saturating_sub(self.copy_blocks());
        room.saturating_mul(u64::from(copy))
            .checked_div(last)
            .unwrap_or(0)
    }

    /// The block of part `index` of a checkpoint in area 0 or 1; none if the area has no such part.
    pub fn checkpoint(&self, copy: u8, area: u8, index: u64) -> Option<u64> {
        let inside = index < self.area_blocks && area < 2;
        inside.then(|| self.superblock(copy) + 1 + u64::from(area) * self.area_blocks + index)
    }

    /// The block of the log that holds a transaction.
    pub fn log(&self, copy: u8, tid: u64) -> u64 {
        self.superblock(copy)
            + 1
            + 2 * self.area_blocks
            + tid.checked_rem(self.ring_blocks).unwrap_or(0)
    }

    /// Whether a block can be a slot.
    pub fn is_slot(&self, slot: Slot) -> bool {
        let block = u64::from(slot.0);
        block < self.window()
            && (0..self.copies).all(|copy| {
                let start = self.superblock(copy);
                !(start..start + self.copy_blocks()).contains(&block)
            })
    }

    /// Blocks from the beginning of the spare among which the slots are.
    pub fn window(&self) -> u64 {
        window(self.spare_blocks)
    }

    /// The blocks where a superblock can lie on a spare of this size, whatever the number of copies.
    pub fn candidates(spare_blocks: u64) -> [u64; CANDIDATES] {
        let mut blocks = [0; CANDIDATES];
        let places = [(2, 0), (2, 1), (3, 1), (4, 1), (4, 2)];
        for (block, (copies, copy)) in blocks.iter_mut().zip(places) {
            // A number of copies that does not fit has no places of its own; block 0 stands in for them.
            *block = Layout::new(spare_blocks, copies).map_or(0, |layout| layout.superblock(copy));
        }
        blocks
    }
}

/// Blocks from the beginning of a spare among which its slots are.
pub(in super::super) fn window(spare_blocks: u64) -> u64 {
    spare_blocks.min(SLOT_WINDOW)
}

/// The smallest spare for a number of copies, in blocks.
pub fn minimum_spare_blocks(copies: u32) -> u64 {
    // A spare this small has areas of two blocks.
    (1 + 2 * 2 + RING_MINIMUM) * u64::from(copies) + SLOTS_MINIMUM
}
