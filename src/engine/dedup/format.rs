// SPDX-License-Identifier: GPL-2.0-only

//! A deduplicated volume on its legs: pure functions between bytes and validated values.
//!
//! Everything but the data consists of blocks of 4 KiB, each of which begins with the same [`Header`]. All numbers are
//! little-endian.

pub mod checkpoint;
pub mod entry;
pub mod header;
pub mod journal_block;
pub mod layout;
pub mod map_page;
pub mod page;
pub mod pool_page;
pub mod presence_page;
pub mod record;
pub mod superblock;

pub use checkpoint::Checkpoint;
pub use entry::Entry;
pub use header::{Header, Invalid, Kind, Place, HEADER_BYTES};
pub use layout::{Geometry, Layout, PageKind};
pub use record::Record;
pub use superblock::Superblock;

use super::units::Pbn;
use crate::engine::format::bytes::{get_u32, get_u8, put};

/// Bytes of a block behind its header.
pub const PAYLOAD_BYTES: usize = crate::engine::units::BLOCK_BYTES - HEADER_BYTES;

/// Reads a number of 40 bits.
fn get_u40(bytes: &[u8], at: usize) -> u64 {
    u64::from(get_u32(bytes, at)) | (u64::from(get_u8(bytes, at.saturating_add(4))) << 32)
}

/// Writes the lower 40 bits of a number.
fn put_u40(bytes: &mut [u8], at: usize, number: u64) {
    let [a, b, c, d, e, ..] = number.to_le_bytes();
    put(bytes, at, &[a, b, c, d, e]);
}

/// Numbers that are stored in 40 bits are below this.
pub const NUMBER_LIMIT: u64 = 1 << Pbn::BITS;
