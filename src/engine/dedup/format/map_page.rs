// SPDX-License-Identifier: GPL-2.0-only

//! Map pages: what consecutive blocks of the volume are.

use super::header::HEADER_BYTES;
use super::{get_u40, put_u40, Entry, PAYLOAD_BYTES};
use crate::engine::block::Block;

/// Bytes of an entry.
const ENTRY_BYTES: usize = 5;
/// Entries of a page.
pub const ENTRIES: u64 = (PAYLOAD_BYTES / ENTRY_BYTES) as u64;

fn place(index: usize) -> usize {
    HEADER_BYTES.saturating_add(index.saturating_mul(ENTRY_BYTES))
}

/// Entry `index` of a page that was checked.
pub fn get(page: &Block, index: usize) -> Entry {
    Entry::from_number(get_u40(&page.0, place(index))).unwrap_or(Entry::Poisoned)
}

/// Sets entry `index`.
pub fn set(page: &mut Block, index: usize, entry: Entry) {
    put_u40(&mut page.0, place(index), entry.number());
}

/// All entries, as far as they mean something.
pub fn entries(page: &Block) -> impl Iterator<Item = Option<Entry>> + '_ {
    // CAST: 809.
    (0..ENTRIES as usize).map(|index| Entry::from_number(get_u40(&page.0, place(index))))
}
