// SPDX-License-Identifier: GPL-2.0-only

//! A page of a closed chapter: records in the order of their names.
//!
//! All keys come first, then all other halves of the names, then all data, so that a search touches few cache lines.

use super::header::{Header, Invalid, Kind, Place, HEADER_BYTES};
use super::page_search;
use crate::engine::block::Block;
use crate::engine::format::bytes::get_u64;
use crate::engine::format::Checksum;
use crate::engine::index::record::{Data, Name, DATA_BYTES, RECORD_BYTES};
use crate::engine::index::units::{Chapter, Page};
use crate::engine::units::BLOCK_BYTES;

/// Most records of one page.
pub const RECORDS_PER_PAGE: usize = (BLOCK_BYTES - HEADER_BYTES) / RECORD_BYTES;

/// Bytes of one half of a name.
const HALF_BYTES: usize = 8;
/// Where the second halves of the names begin, counted from the end of the header.
const RESTS: usize = RECORDS_PER_PAGE * HALF_BYTES;
/// Where the data begin.
const DATA: usize = RECORDS_PER_PAGE * 2 * HALF_BYTES;

/// The content of a page without its header: every record has a place in each of the three columns.
struct Columns<'a> {
    keys: &'a [u8],
    rests: &'a [u8],
    data: &'a [u8],
}

/// A checked record page.
#[derive(Clone, Copy)]
pub struct RecordPage<'a> {
    bytes: &'a [u8],
    count: usize,
}

impl<'a> RecordPage<'a> {
    /// Reads page `page` of a chapter, which was read from `place`.
    ///
    /// # Errors
    ///
    /// As [`Header::open_exactly`], and if there are more records than a page has room for.
    pub fn open(
        bytes: &'a [u8],
        place: &Place,
        chapter: Chapter,
        page: Page,
        checksum: Checksum,
    ) -> Result<Self, Invalid> {
        let header =
            Header::open_exactly(bytes, Kind::RecordPage, place, chapter.0, page.0, checksum)?;
        if usize::from(header.count) > RECORDS_PER_PAGE {
            return Err(Invalid::Field("number of records"));
        }
        Ok(Self::trusted(bytes, header.count))
    }

    /// The page in a block whose content was checked when it came into memory.
    ///
    /// Of a block that was not checked the records are nonsense, and nothing worse.
    pub fn of_checked(block: &'a Block) -> Self {
        let count = crate::engine::format::bytes::get_u16(&block.0, 10);
        Self::trusted(&block.0, count)
    }

    /// The page in a block that [`fill`] has put so many records into, and that has no header yet.
    pub fn filled(block: &'a Block, count: usize) -> Self {
        let count = count.min(RECORDS_PER_PAGE);
        // CAST: at most RECORDS_PER_PAGE.
        Self::trusted(&block.0, count as u16)
    }

    fn trusted(bytes: &'a [u8], count: u16) -> Self {
        Self {
            bytes,
            count: usize::from(count).min(RECORDS_PER_PAGE),
        }
    }

    /// Records on the page.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What the page says about a name.
    pub fn find(&self, name: Name) -> Option<Data> {
        let columns = self.columns();
        let keys = columns.keys.get(..self.count * HALF_BYTES)?;
        let mut index = page_search::first_not_below(keys, name.key);
        while index < self.count && get_u64(keys, index * HALF_BYTES) == name.key {
            if get_u64(columns.rests, index * HALF_BYTES) == name.rest {
                return Some(columns.data_at(index));
            }
            index += 1;
        }
        None
    }

    /// The records in their order.
    pub fn records(&self) -> impl ExactSizeIterator<Item = (Name, Data)> + 'a {
        let columns = self.columns();
        (0..self.count).map(move |index| {
            let name = Name {
                key: get_u64(columns.keys, index * HALF_BYTES),
                rest: get_u64(columns.rests, index * HALF_BYTES),
            };
            (name, columns.data_at(index))
        })
    }

    fn columns(&self) -> Columns<'a> {
        let payload = self.bytes.get(HEADER_BYTES..).unwrap_or(&[]);
        Columns {
            keys: payload.get(..RESTS).unwrap_or(&[]),
            rests: payload.get(RESTS..DATA).unwrap_or(&[]),
            data: payload.get(DATA..).unwrap_or(&[]),
        }
    }
}

impl Columns<'_> {
    fn data_at(&self, index: usize) -> Data {
        let mut bits = [0; 8];
        let at = index * DATA_BYTES;
        if let (Some(low), Some(stored)) = (
            bits.get_mut(..DATA_BYTES),
            self.data.get(at..at + DATA_BYTES),
        ) {
            low.copy_from_slice(stored);
        }
        Data::from_bits(u64::from_le_bytes(bits))
    }
}

/// Fills a block with records, whose names must ascend, and zeros behind them; how many there was room for.
///
/// The page still needs [`seal`].
pub fn fill(block: &mut Block, records: impl Iterator<Item = (Name, Data)>) -> usize {
    let (_, payload) = block.0.split_at_mut(HEADER_BYTES);
    let (keys, behind) = payload.split_at_mut(RESTS);
    let (rests, data) = behind.split_at_mut(DATA - RESTS);
    let places = keys
        .chunks_exact_mut(HALF_BYTES)
        .zip(rests.chunks_exact_mut(HALF_BYTES))
        .zip(data.chunks_exact_mut(DATA_BYTES));
    let mut count = 0;
    for (((key, rest), data), (name, value)) in places.zip(records) {
        key.copy_from_slice(&name.key.to_le_bytes());
        rest.copy_from_slice(&name.rest.to_le_bytes());
        let [low @ .., _, _] = value.bits().to_le_bytes();
        data.copy_from_slice(&low);
        count += 1;
    }
    truncate(block, count);
    count
}

/// Writes zeros over all records but the first `count`.
pub fn truncate(block: &mut Block, count: usize) {
    let (_, payload) = block.0.split_at_mut(HEADER_BYTES);
    for (column, width) in [
        (0..RESTS, HALF_BYTES),
        (RESTS..DATA, HALF_BYTES),
        (DATA..RECORDS_PER_PAGE * RECORD_BYTES, DATA_BYTES),
    ] {
        let start = column.start + count.min(RECORDS_PER_PAGE) * width;
        if let Some(unused) = payload.get_mut(start..column.end) {
            unused.fill(0);
        }
    }
}

/// Makes a valid page of a block that [`fill`] has put `count` records into.
pub fn seal(
    block: &mut Block,
    place: Place,
    chapter: Chapter,
    page: Page,
    count: usize,
    checksum: Checksum,
) {
    let header = Header {
        kind: Kind::RecordPage,
        place,
        sequence: chapter.0,
        part: page.0,
        // CAST: at most RECORDS_PER_PAGE.
        count: count.min(RECORDS_PER_PAGE) as u16,
    };
    header.seal(block, checksum);
}
