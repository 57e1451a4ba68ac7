// SPDX-License-Identifier: GPL-2.0-only

//! Pool pages: how often consecutive data blocks are referred to, and their fingerprints.

use super::header::HEADER_BYTES;
use super::PAYLOAD_BYTES;
use crate::engine::block::Block;
use crate::engine::dedup::units::Fingerprint;
use crate::engine::format::bytes::{get_u16, get_uuid, put};

const COUNT_BYTES: usize = 2;
const FINGERPRINT_BYTES: usize = 16;
/// Blocks of a page.
pub const BLOCKS: u64 = (PAYLOAD_BYTES / (COUNT_BYTES + FINGERPRINT_BYTES)) as u64;
/// Counts do not grow beyond this; content with more references gets a second block.
pub const COUNT_MAXIMUM: u16 = u16::MAX;

/// The counts lie together before the fingerprints, so that a search for a free block reads little.
fn count_place(index: usize) -> usize {
    HEADER_BYTES.saturating_add(index.saturating_mul(COUNT_BYTES))
}

fn fingerprint_place(index: usize) -> usize {
    // CAST: 224.
    count_place(BLOCKS as usize).saturating_add(index.saturating_mul(FINGERPRINT_BYTES))
}

/// How often block `index` is referred to; 0 is free.
pub fn count(page: &Block, index: usize) -> u16 {
    get_u16(&page.0, count_place(index))
}

/// Sets how often block `index` is referred to.
pub fn set_count(page: &mut Block, index: usize, count: u16) {
    put(&mut page.0, count_place(index), &count.to_le_bytes());
}

/// The fingerprint of block `index`. Means nothing while it is free.
pub fn fingerprint(page: &Block, index: usize) -> Fingerprint {
    Fingerprint(get_uuid(&page.0, fingerprint_place(index)))
}

/// Sets the fingerprint of block `index`.
pub fn set_fingerprint(page: &mut Block, index: usize, fingerprint: Fingerprint) {
    put(&mut page.0, fingerprint_place(index), &fingerprint.0);
}

/// Blocks that are referred to.
pub fn used(page: &Block) -> u64 {
    // CAST: 224.
    let used = (0..BLOCKS as usize).filter(|index| count(page, *index) != 0);
    used.count() as u64
}
