// SPDX-License-Identifier: GPL-2.0-only

//! The header of a chapter: its commit record. A chapter exists if and only if all parts of its header are valid
//! and say the same.

use super::header::{Header, Invalid, Kind, Place, HEADER_BYTES};
use super::record_page::RECORDS_PER_PAGE;
use crate::engine::block::Block;
use crate::engine::format::bytes::{get_u32, get_u64, put};
use crate::engine::format::Checksum;
use crate::engine::index::layout::Layout;
use crate::engine::index::units::Chapter;
use crate::engine::units::BLOCK_BYTES;

/// Bytes of a bound.
const BOUND_BYTES: usize = 4;
/// Where the bounds begin.
const BOUNDS: usize = HEADER_BYTES + 32;
/// Most bounds of one part.
pub const BOUNDS_PER_PART: usize = (BLOCK_BYTES - BOUNDS) / BOUND_BYTES;

/// What is known of a chapter: every part of its header says it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChapterHeader {
    /// The chapter.
    pub chapter: Chapter,
    /// The oldest chapter that is live with this one as the newest.
    pub oldest: Chapter,
    /// Images numbered below this are durable.
    pub images: u64,
    /// Records on its pages.
    pub records: u64,
    /// Record pages.
    pub pages: u32,
}

impl ChapterHeader {
    /// Writes part `part` of the header. `bounds` gives for each page of the whole chapter the prefix of its first name.
    pub fn encode(
        &self,
        part: u32,
        bounds: impl Iterator<Item = u32>,
        place: Place,
        block: &mut Block,
        checksum: Checksum,
    ) {
        block.0.fill(0);
        let (head, places) = block.0.split_at_mut(BOUNDS);
        put(head, HEADER_BYTES, &self.images.to_le_bytes());
        put(head, 56, &self.oldest.0.to_le_bytes());
        put(head, 64, &self.records.to_le_bytes());
        put(head, 72, &self.pages.to_le_bytes());
        // CAST: 32 bits fit.
        let start = (part as usize).saturating_mul(BOUNDS_PER_PART);
        let mine = bounds.skip(start);
        let count = self.bounds_in(part);
        for (place, bound) in places.chunks_exact_mut(BOUND_BYTES).take(count).zip(mine) {
            place.copy_from_slice(&bound.to_le_bytes());
        }
        let header = Header {
            kind: Kind::ChapterPart,
            place,
            sequence: self.chapter.0,
            part,
            // CAST: at most BOUNDS_PER_PART.
            count: count as u16,
        };
        header.seal(block, checksum);
    }

    /// Bounds that part `part` holds.
    fn bounds_in(&self, part: u32) -> usize {
        let before = u64::from(part) * BOUNDS_PER_PART as u64;
        let rest = u64::from(self.pages).saturating_sub(before);
        // CAST: at most BOUNDS_PER_PART.
        rest.min(BOUNDS_PER_PART as u64) as usize
    }
}

/// A checked part of a chapter's header.
#[derive(Clone, Copy)]
pub struct ChapterPart<'a> {
    /// What the part says of the chapter.
    pub header: ChapterHeader,
    /// The part's number.
    pub part: u32,
    bounds: &'a [u8],
}

impl<'a> ChapterPart<'a> {
    /// Reads the block of the chapter table that was read from `place`: a part of the header of any chapter that
    /// belongs there.
    ///
    /// # Errors
    ///
    /// As [`Header::open`], and if what it says cannot be true of a chapter of this index.
    pub fn open(
        bytes: &'a [u8],
        place: &Place,
        layout: &Layout,
        checksum: Checksum,
    ) -> Result<Self, Invalid> {
        let block = Header::open(bytes, Kind::ChapterPart, place, checksum)?;
        let header = ChapterHeader {
            chapter: Chapter(block.sequence),
            oldest: Chapter(get_u64(bytes, 56)),
            images: get_u64(bytes, HEADER_BYTES),
            records: get_u64(bytes, 64),
            pages: get_u32(bytes, 72),
        };
        if header.chapter < Chapter::FIRST
            || layout.header(header.chapter, block.part) != Some(place.address)
        {
            return Err(Invalid::Field("chapter"));
        }
        if !(Chapter::FIRST..=header.chapter).contains(&header.oldest) {
            return Err(Invalid::Field("oldest chapter"));
        }
        if header.images >= Chapter::LIMIT {
            return Err(Invalid::Field("number of images"));
        }
        let room = u64::from(header.pages) * RECORDS_PER_PAGE as u64;
        if header.pages > layout.page_blocks() || header.records > room {
            return Err(Invalid::Field("number of records"));
        }
        let count = header.bounds_in(block.part);
        let bounds = bytes
            .get(BOUNDS..BOUNDS + count * BOUND_BYTES)
            .unwrap_or(&[]);
        let part = Self {
            header,
            part: block.part,
            bounds,
        };
        let ascending = part.bounds().is_sorted_by(|one, next| one < next);
        if usize::from(block.count) != count || !ascending {
            return Err(Invalid::Field("bounds"));
        }
        Ok(part)
    }

    /// The prefixes of the first names of this part's pages, ascending.
    pub fn bounds(&self) -> impl ExactSizeIterator<Item = u32> + 'a {
        let bounds = self.bounds;
        (0..bounds.len() / BOUND_BYTES).map(move |index| get_u32(bounds, index * BOUND_BYTES))
    }
}
