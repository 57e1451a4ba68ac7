// SPDX-License-Identifier: GPL-2.0-only

//! Decoding checkpoint and log blocks: headers and records.
//!
//! The input: one byte of which bit 0 makes the magic, the version, the kind and the address right, bit 1 the
//! checksum, and bit 2 says which kind is expected; the address in two bytes; then the block.

use super::{block_of, seal};
use dm_spare_engine::format::header::MAGIC;
use dm_spare_engine::format::record::RECORD_BYTES;
use dm_spare_engine::format::table_block::{put_record, RECORDS_PER_BLOCK};
use dm_spare_engine::format::{Header, Kind, Record, TableBlock};
use dm_spare_engine::{Block, Lbn, Slot};

/// Decodes any bytes; what is believed must come out of the encoder again, byte by byte.
///
/// # Panics
///
/// If it does not.
pub fn run(data: &[u8]) {
    let [flags, low, high, bytes @ ..] = data else {
        return;
    };
    let address = u64::from(u16::from_le_bytes([*low, *high]));
    let (kind, code) = if flags & 4 != 0 {
        (Kind::Log, 3)
    } else {
        (Kind::Checkpoint, 2)
    };
    let mut block = block_of(bytes);
    if flags & 1 != 0 {
        block[..8].copy_from_slice(&MAGIC);
        block[12..16].copy_from_slice(&[code, 0, 1, 0]);
        block[16..24].copy_from_slice(&address.to_le_bytes());
    }
    if flags & 2 != 0 {
        seal(&mut block);
    }
    let found = match TableBlock::decode(&block, address, kind, crc32c::crc32c) {
        Ok(found) => found,
        Err(invalid) => {
            assert!(!invalid.to_string().is_empty());
            return;
        }
    };
    let mut again = Block([0; 4096]);
    let mut count = 0;
    for record in found.records() {
        assert_eq!(Record::unpack(&record.pack()), Some(record));
        assert!(put_record(&mut again, count, &record));
        count += 1;
    }
    assert_eq!(count as u64, u64::from(found.header.count));
    assert!(count <= RECORDS_PER_BLOCK);
    let records = 96..96 + count * RECORD_BYTES;
    assert_eq!(again.0[records.clone()], block[records]);
    found.header.seal(&mut again, crc32c::crc32c);
    assert_eq!(again.0[12..76], block[12..76]);
    let header = Header::open(&again.0, address, kind, crc32c::crc32c);
    assert_eq!(header, Ok(found.header));
}

/// Blocks of both kinds with no, some and all records.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![vec![3, 0, 0], vec![7, 0, 0]];
    for kind in [Kind::Checkpoint, Kind::Log] {
        for count in [0, 1, 3, RECORDS_PER_BLOCK] {
            let mut block = Block([0; 4096]);
            for index in 0..count {
                // CAST: at most 250.
                let slot = (index % 3 != 0).then_some(Slot(100 + index as u32));
                let record = Record {
                    lbn: Lbn(index as u64 * 5),
                    slot,
                    mask: if slot.is_none() { 0xff } else { index as u8 },
                };
                put_record(&mut block, index, &record);
            }
            let header = Header {
                kind,
                address: 70,
                tid: 12,
                uuid: [7; 16],
                epoch: 99,
                sequence: 98,
                index: 0,
                count: count as u32,
                copy: 1,
                copies: 2,
                members: 3,
                flags: 1,
            };
            header.seal(&mut block, crc32c::crc32c);
            let is_log = if kind == Kind::Log { 4 } else { 0 };
            let end = 96 + count * RECORD_BYTES;
            for flags in [is_log, is_log | 3] {
                let mut seed = vec![flags, 70, 0];
                seed.extend_from_slice(&block.0[..end]);
                seeds.push(seed);
            }
        }
    }
    seeds
}
