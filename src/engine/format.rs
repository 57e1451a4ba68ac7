// SPDX-License-Identifier: GPL-2.0-only

//! The on-disk format: pure functions between bytes and validated values.
//!
//! Every metadata block of remap mode begins with a [`Header`] that says what and where it is, every one of dedup mode
//! and of an index with a [`BlockHeader`](block_header::BlockHeader). All numbers are little-endian.
//! Nothing here performs I/O, so offline tools can use it as it stands. Documentation/format.md is the same in
//! prose.

pub mod block_header;
pub(super) mod bytes;
pub mod header;
pub mod layout;
pub mod record;
pub mod superblock;
pub mod table_block;

pub use header::{Header, Invalid, Kind};
pub use layout::Layout;
pub use record::Record;
pub use superblock::Superblock;
pub use table_block::TableBlock;

/// Computes the standard CRC-32C.
pub type Checksum = fn(&[u8]) -> u32;
