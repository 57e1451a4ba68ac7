// SPDX-License-Identifier: GPL-2.0-only

//! Filters of some record pages of a chapter: a sparse index keeps them of the chapters that it is about to look into.

use super::header::{Header, Invalid, Kind, Place, HEADER_BYTES};
use super::page_filter::{self, FILTER_BYTES};
use crate::engine::block::Block;
use crate::engine::format::bytes::get_u16;
use crate::engine::format::Checksum;
use crate::engine::index::record::Name;
use crate::engine::index::units::{Chapter, Page};
use crate::engine::units::BLOCK_BYTES;

/// Most filters of one page.
pub const FILTERS_PER_PAGE: usize = (BLOCK_BYTES - HEADER_BYTES) / FILTER_BYTES;

/// Where the filter of a record page lies: the number of the filter page, and the place on it.
pub fn place_of(page: Page) -> (u32, usize) {
    let filters = FILTERS_PER_PAGE as u32;
    // CAST: below FILTERS_PER_PAGE.
    (page.0 / filters, (page.0 % filters) as usize)
}

/// A checked filter page.
#[derive(Clone, Copy)]
pub struct FilterPage<'a> {
    bytes: &'a [u8],
    count: usize,
}

impl<'a> FilterPage<'a> {
    /// Reads filter page `part` of a chapter, which was read from `place`.
    ///
    /// # Errors
    ///
    /// As [`Header::open_exactly`], and if there are more filters than a page has room for.
    pub fn open(
        bytes: &'a [u8],
        place: &Place,
        chapter: Chapter,
        part: u32,
        checksum: Checksum,
    ) -> Result<Self, Invalid> {
        let header =
            Header::open_exactly(bytes, Kind::FilterPage, place, chapter.0, part, checksum)?;
        if usize::from(header.count) > FILTERS_PER_PAGE {
            return Err(Invalid::Field("number of filters"));
        }
        Ok(Self {
            bytes,
            count: usize::from(header.count),
        })
    }

    /// The page in a block whose content was checked when it came into memory.
    pub fn of_checked(block: &'a Block) -> Self {
        Self {
            bytes: &block.0,
            count: usize::from(get_u16(&block.0, 10)).min(FILTERS_PER_PAGE),
        }
    }

    /// Filters on the page.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether the record page of filter `index` perhaps has this name. Never false if it has.
    pub fn may_contain(&self, index: usize, name: Name) -> bool {
        index < self.count
            && self
                .bytes
                .get(range(index))
                .is_some_and(|filter| page_filter::may_contain(filter, name))
    }
}

/// Writes filter `index` of a block: of a record page with these names. The page still needs [`seal`].
pub fn fill(block: &mut Block, index: usize, names: impl Iterator<Item = Name>) {
    if let Some(filter) = block.0.get_mut(range(index)) {
        page_filter::build(filter, names);
    }
}

/// Makes a valid page of a block whose first `count` filters were filled.
pub fn seal(
    block: &mut Block,
    place: Place,
    chapter: Chapter,
    part: u32,
    count: usize,
    checksum: Checksum,
) {
    let count = count.min(FILTERS_PER_PAGE);
    if let Some(unused) = block.0.get_mut(range(count).start..) {
        unused.fill(0);
    }
    let header = Header {
        kind: Kind::FilterPage,
        place,
        sequence: chapter.0,
        part,
        // CAST: at most FILTERS_PER_PAGE.
        count: count as u16,
    };
    header.seal(block, checksum);
}

fn range(index: usize) -> core::ops::Range<usize> {
    let start = HEADER_BYTES + index.min(FILTERS_PER_PAGE) * FILTER_BYTES;
    start..start + FILTER_BYTES
}
