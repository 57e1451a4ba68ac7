// SPDX-License-Identifier: GPL-2.0-only

//! A page of entries of saved open chapters, in the order of their names.

use super::header::{Header, Invalid, Kind, Place, HEADER_BYTES};
use crate::engine::block::Block;
use crate::engine::format::bytes::{get_u64, put};
use crate::engine::format::Checksum;
use crate::engine::index::open_chapter::Entry;
use crate::engine::index::record::Name;
use crate::engine::units::BLOCK_BYTES;

/// Bytes of an entry: the name, and a word of data and state.
const ENTRY_BYTES: usize = 24;
/// Most entries of one page.
pub const ENTRIES_PER_PAGE: usize = (BLOCK_BYTES - HEADER_BYTES) / ENTRY_BYTES;

/// A checked page of saved entries.
#[derive(Clone, Copy)]
pub struct SavedPage<'a> {
    entries: &'a [u8],
}

impl<'a> SavedPage<'a> {
    /// Reads page `part` of save `generation`, which was read from `place`.
    ///
    /// # Errors
    ///
    /// As [`Header::open_exactly`], and if there are more entries than a page has room for, or one has no meaning.
    pub fn open(
        bytes: &'a [u8],
        place: &Place,
        generation: u64,
        part: u32,
        checksum: Checksum,
    ) -> Result<Self, Invalid> {
        let header =
            Header::open_exactly(bytes, Kind::SavedPage, place, generation, part, checksum)?;
        let length = usize::from(header.count) * ENTRY_BYTES;
        let entries = bytes
            .get(HEADER_BYTES..HEADER_BYTES + length)
            .ok_or(Invalid::Field("number of entries"))?;
        if entries
            .chunks_exact(ENTRY_BYTES)
            .any(|entry| unpack(entry).is_none())
        {
            return Err(Invalid::Field("entry"));
        }
        Ok(Self { entries })
    }

    /// The entries in their order.
    pub fn entries(&self) -> impl Iterator<Item = Entry> + 'a {
        self.entries.chunks_exact(ENTRY_BYTES).filter_map(unpack)
    }
}

/// Makes a valid page of as many entries as it has room for; how many that were.
pub fn encode(
    block: &mut Block,
    entries: impl Iterator<Item = Entry>,
    place: Place,
    generation: u64,
    part: u32,
    checksum: Checksum,
) -> usize {
    block.0.fill(0);
    let (_, payload) = block.0.split_at_mut(HEADER_BYTES);
    let mut count = 0;
    for (place, entry) in payload.chunks_exact_mut(ENTRY_BYTES).zip(entries) {
        put(place, 0, &entry.name.key.to_le_bytes());
        put(place, 8, &entry.name.rest.to_le_bytes());
        put(place, 16, &entry.word().to_le_bytes());
        count += 1;
    }
    let header = Header {
        kind: Kind::SavedPage,
        place,
        sequence: generation,
        part,
        // CAST: at most ENTRIES_PER_PAGE.
        count: count as u16,
    };
    header.seal(block, checksum);
    count
}

fn unpack(bytes: &[u8]) -> Option<Entry> {
    let name = Name {
        key: get_u64(bytes, 0),
        rest: get_u64(bytes, 8),
    };
    Entry::from_word(name, get_u64(bytes, 16))
}
