// SPDX-License-Identifier: GPL-2.0-only

//! Blocks of the journal: records, or the image of a page.

use super::header::{Header, Invalid, Kind, Place, HEADER_BYTES};
use super::layout::Layout;
use super::record::Record;
use super::{page, PAYLOAD_BYTES};
use crate::engine::block::Block;
use crate::engine::dedup::units::{Lsn, PageNumber};
use crate::engine::format::Checksum;
use crate::engine::units::BLOCK_BYTES;

/// A checked block of the journal.
pub enum JournalBlock<'a> {
    /// Records, in the order in which they apply.
    Records(Records<'a>),
    /// The image of a page; the payload of the block is that of the page.
    Image(PageNumber),
}

/// The records of a checked block.
#[derive(Clone)]
pub struct Records<'a> {
    bytes: &'a [u8],
    left: u16,
}

impl Iterator for Records<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        self.left = self.left.checked_sub(1)?;
        let record = Record::unpack(self.bytes)?;
        self.bytes = self.bytes.get(record.length()..)?;
        Some(record)
    }
}

/// What a block of the journal is when it is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content {
    /// So many records.
    Records(u16),
    /// The image of this page.
    Image(PageNumber),
}

/// Completes a block whose payload is there, and before which its batch has `offset` blocks.
pub fn seal(
    block: &mut Block,
    content: Content,
    lsn: Lsn,
    offset: u16,
    place: Place,
    checksum: Checksum,
) {
    let (kind, part, count) = match content {
        Content::Records(count) => (Kind::Records, offset.into(), count),
        Content::Image(page) => (Kind::Image, page.0, offset),
    };
    let header = Header {
        kind,
        place,
        sequence: lsn.0,
        part,
        count,
    };
    header.seal(block, checksum);
}

/// Appends a record to a block that holds `length` bytes of payload; the new length, or none if there is no room.
pub fn append(block: &mut Block, length: usize, record: &Record) -> Option<usize> {
    let end = length.checked_add(record.length())?;
    if end > PAYLOAD_BYTES {
        return None;
    }
    record.pack(block.0.get_mut(HEADER_BYTES.checked_add(length)?..)?);
    Some(end)
}

/// The first block of the batch of block `lsn`; none if that was not written, or not wholly. Everything before it was
/// durable when the batch was written.
pub fn first_of_batch(
    block: &Block,
    lsn: Lsn,
    layout: &Layout,
    uuid: [u8; 16],
    checksum: Checksum,
) -> Option<Lsn> {
    let address = layout.journal_address(lsn);
    let header = Header::open_any(&block.0, address, checksum).ok()?;
    let offset = match header.kind {
        Kind::Records => header.part,
        Kind::Image => header.count.into(),
        _ => return None,
    };
    let is_meant = header.place.uuid == uuid && header.sequence == lsn.0;
    let first = lsn.0.checked_sub(offset.into())?;
    is_meant.then_some(Lsn(first))
}

impl<'a> JournalBlock<'a> {
    /// Reads block `lsn` of the journal.
    ///
    /// # Errors
    ///
    /// [`Invalid::Field`] if the block is the very one and says what cannot be; all other errors mean that the block was not
    /// written, or not wholly.
    pub fn open(
        block: &'a Block,
        lsn: Lsn,
        layout: &Layout,
        uuid: [u8; 16],
        checksum: Checksum,
    ) -> Result<Self, Invalid> {
        let address = layout.journal_address(lsn);
        let header = Header::open_any(&block.0, address, checksum)?;
        if header.place.uuid != uuid {
            return Err(Invalid::Foreign);
        }
        if header.sequence != lsn.0 {
            return Err(Invalid::Sequence(header.sequence));
        }
        match header.kind {
            Kind::Records => {
                let records = Records {
                    bytes: block.0.get(HEADER_BYTES..BLOCK_BYTES).unwrap_or(&[]),
                    left: header.count,
                };
                let right = records.clone().filter(|record| record.exists(layout));
                if right.count() != usize::from(header.count) {
                    return Err(Invalid::Field("record"));
                }
                Ok(Self::Records(records))
            }
            Kind::Image => {
                let number = PageNumber(header.part);
                page::check_payload(block, number, layout)?;
                Ok(Self::Image(number))
            }
            _ => Err(Invalid::Field("kind")),
        }
    }
}
