// SPDX-License-Identifier: GPL-2.0-only

//! Presence pages: two bits for each map and pool page.

use super::header::HEADER_BYTES;
use super::PAYLOAD_BYTES;
use crate::engine::block::Block;
use crate::engine::format::bytes::get_u64;

/// Pages that one presence page speaks of.
pub const PAGES: u64 = (PAYLOAD_BYTES * 8 / 2) as u64;
/// Pages whose bits are in one word.
pub const PAGES_PER_WORD: u64 = 32;

/// What is known of a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presence {
    /// It was never written: it is empty.
    Absent,
    /// It lies in its place or in the journal.
    Present,
    /// As before, and it is a pool page without a free block.
    Full,
}

impl Presence {
    fn bits(self) -> u8 {
        match self {
            Self::Absent => 0,
            Self::Present => 1,
            Self::Full => 3,
        }
    }
}

fn place(index: usize) -> (usize, u32) {
    // CAST: below 8.
    (
        HEADER_BYTES.saturating_add(index / 4),
        (index % 4 * 2) as u32,
    )
}

/// What is known of page `index`.
pub fn get(page: &Block, index: usize) -> Presence {
    let (byte, shift) = place(index);
    match page.0.get(byte).map_or(0, |byte| (byte >> shift) & 3) {
        0 => Presence::Absent,
        3 => Presence::Full,
        _ => Presence::Present,
    }
}

/// Sets what is known of page `index`.
pub fn set(page: &mut Block, index: usize, presence: Presence) {
    let (byte, shift) = place(index);
    if let Some(byte) = page.0.get_mut(byte) {
        *byte = (*byte & !(3 << shift)) | (presence.bits() << shift);
    }
}

/// What is known of pages `32 * index` to `32 * index + 31`, two bits each from the lowest on; zeros behind the end.
pub fn word(page: &Block, index: usize) -> u64 {
    let byte = HEADER_BYTES.saturating_add(index.saturating_mul(8));
    get_u64(&page.0, byte)
}

/// Whether no page is full without being present.
pub fn is_consistent(page: &Block) -> bool {
    let payload = page.0.get(HEADER_BYTES..).unwrap_or(&[]);
    payload
        .iter()
        .all(|byte| ((byte >> 1) & 0x55) & !(byte & 0x55) == 0)
}
