// SPDX-License-Identifier: GPL-2.0-only

//! Blocks that carry records: parts of a checkpoint, and commits in the log.

use super::bytes::put;
use super::header::{Header, Invalid, Kind, HEADER_BYTES};
use super::record::{Record, RECORD_BYTES};
use super::Checksum;
use crate::engine::block::Block;
use crate::engine::units::BLOCK_BYTES;

/// Most records of one block.
pub const RECORDS_PER_BLOCK: usize = (BLOCK_BYTES - HEADER_BYTES) / RECORD_BYTES;

/// A checked block of records.
pub struct TableBlock<'a> {
    /// What the block says about itself.
    pub header: Header,
    records: &'a [u8],
}

impl<'a> TableBlock<'a> {
    /// Reads the block of this kind that was read from block `address` of the spare.
    ///
    /// # Errors
    ///
    /// As [`Header::open`], and if a record is not well formed.
    pub fn decode(
        bytes: &'a [u8],
        address: u64,
        kind: Kind,
        checksum: Checksum,
    ) -> Result<Self, Invalid> {
        let header = Header::open(bytes, address, kind, checksum)?;
        let length = usize::try_from(header.count)
            .unwrap_or(usize::MAX)
            .saturating_mul(RECORD_BYTES);
        let records = bytes
            .get(HEADER_BYTES..HEADER_BYTES.saturating_add(length))
            .ok_or(Invalid::Field("number of records"))?;
        if records
            .chunks(RECORD_BYTES)
            .any(|record| Record::unpack(record).is_none())
        {
            return Err(Invalid::Field("record"));
        }
        Ok(Self { header, records })
    }

    /// The records, in the order in which they apply.
    pub fn records(&self) -> impl Iterator<Item = Record> + 'a {
        self.records.chunks(RECORD_BYTES).filter_map(Record::unpack)
    }
}

/// Puts record number `index` into a block; false if the block has no such place.
pub fn put_record(block: &mut Block, index: usize, record: &Record) -> bool {
    if index < RECORDS_PER_BLOCK {
        put(
            &mut block.0,
            HEADER_BYTES + index * RECORD_BYTES,
            &record.pack(),
        );
        true
    } else {
        false
    }
}
