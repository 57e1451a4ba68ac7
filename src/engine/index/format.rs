// SPDX-License-Identifier: GPL-2.0-only

//! The index on the disk: pure functions between bytes and validated values.
//!
//! Everything consists of blocks of 4 KiB, and each begins with the same [`Header`], which says what it is, where it
//! belongs and which version of it this is. All numbers are little-endian. Documentation/index-format.md is the same
//! in prose.

pub mod chapter_part;
pub mod filter_page;
pub mod header;
pub mod image_block;
mod page_filter;
mod page_search;
pub mod record_page;
pub mod save_header;
pub mod saved_page;
pub mod superblock;

pub use chapter_part::{ChapterHeader, ChapterPart};
pub use filter_page::FilterPage;
pub use header::{Header, Invalid, Kind, Place};
pub use image_block::{ImageBlock, ImageHeader};
pub use record_page::RecordPage;
pub use save_header::SaveHeader;
pub use saved_page::SavedPage;
pub use superblock::Superblock;
