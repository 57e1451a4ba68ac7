// SPDX-License-Identifier: GPL-2.0-only

//! Units: what a number counts is part of its type.

use core::fmt;

/// Sectors (512 bytes) in a block.
pub const SECTORS_PER_BLOCK: u64 = 8;
/// Bytes in a sector.
pub const SECTOR_BYTES: usize = 512;
/// Bytes in a block.
pub const BLOCK_BYTES: usize = 4096;

/// A 4 KiB block of main, counted from its beginning.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Lbn(pub u64);

/// A 4 KiB block of the spare, counted from the beginning of that device, that serves a block of main.
///
/// Block 0 holds metadata and is never a slot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Slot(pub u32);

/// The transaction id of a metadata commit. Later commits have greater ids, also after a restart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Tid(pub u64);

/// The name of a set; prints in the usual form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Uuid(pub [u8; 16]);

impl fmt::Display for Uuid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                out.write_str("-")?;
            }
            write!(out, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl Lbn {
    /// The first sector of the block on main.
    pub fn first_sector(self) -> u64 {
        self.0.saturating_mul(SECTORS_PER_BLOCK)
    }
}

impl Slot {
    /// The first sector of the slot on the spare.
    pub fn first_sector(self) -> u64 {
        u64::from(self.0) * SECTORS_PER_BLOCK
    }
}

/// One bit for each of `count` sectors from `first` on, within a block.
///
/// Sectors beyond the end of the block are left out.
pub(super) fn sector_mask(first: u32, count: u32) -> u8 {
    let mut mask = 0u8;
    let mut sector = first;
    while sector < first.saturating_add(count) && sector < 8 {
        mask |= 1 << sector;
        sector += 1;
    }
    mask
}
