// SPDX-License-Identifier: GPL-2.0-only

//! The on-disk format: what is written is read back, and no bytes make a decoder panic.

use dm_spare_engine::format::header::{FLAG_CLEAN, HEADER_BYTES};
use dm_spare_engine::format::layout::{minimum_spare_blocks, CANDIDATES};
use dm_spare_engine::format::table_block::{put_record, RECORDS_PER_BLOCK};
use dm_spare_engine::format::{Header, Invalid, Kind, Layout, Record, Superblock, TableBlock};
use dm_spare_engine::{Block, Lbn, Slot};
use proptest::prelude::*;

fn record() -> impl Strategy<Value = Record> {
    (any::<u64>(), proptest::option::of(1..u32::MAX), any::<u8>()).prop_map(|(lbn, slot, mask)| {
        Record {
            lbn: Lbn(lbn),
            slot: slot.map(Slot),
            mask: if slot.is_none() { mask | 1 } else { mask },
        }
    })
}

fn log_block(records: &[Record], address: u64, tid: u64) -> Block {
    let mut block = Block([0; 4096]);
    for (index, record) in records.iter().enumerate() {
        assert!(put_record(&mut block, index, record));
    }
    let header = Header {
        kind: Kind::Log,
        address,
        tid,
        uuid: [3; 16],
        epoch: 5,
        sequence: 0,
        index: 0,
        count: records.len() as u32,
        copy: 1,
        copies: 2,
        members: 3,
        flags: FLAG_CLEAN,
    };
    header.seal(&mut block, crc32c::crc32c);
    block
}

#[test]
fn the_checksum_is_the_standard_one() {
    assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
}

#[test]
fn a_block_has_room_for_250_records() {
    assert_eq!(RECORDS_PER_BLOCK, 250);
    const { assert!(HEADER_BYTES + RECORDS_PER_BLOCK * 16 <= 4096) };
    let record = Record {
        lbn: Lbn(1),
        slot: None,
        mask: 1,
    };
    assert!(!put_record(
        &mut Block([0; 4096]),
        RECORDS_PER_BLOCK,
        &record
    ));
}

#[test]
fn copies_lie_at_both_ends_and_do_not_overlap() {
    for copies in 2..=4u8 {
        let least = minimum_spare_blocks(copies.into());
        assert!(Layout::new(least - 1, copies).is_none());
        for blocks in [least, least + 1, 1000, 70_000, 2_000_000, 1 << 32] {
            let layout = Layout::new(blocks, copies).expect("large enough");
            assert_eq!(layout.superblock(0), 0);
            assert_eq!(layout.superblock(copies - 1) + layout.copy_blocks(), blocks);
            for copy in 1..copies {
                assert!(
                    layout.superblock(copy) >= layout.superblock(copy - 1) + layout.copy_blocks()
                );
                assert!(Layout::candidates(blocks).contains(&layout.superblock(copy)));
            }
            assert!(!layout.is_slot(Slot(0)));
            assert!(layout.is_slot(Slot(layout.copy_blocks() as u32)));
            assert_eq!(layout.checkpoint(0, 0, layout.area_blocks), None);
            assert_eq!(layout.log(0, layout.ring_blocks), layout.log(0, 0));
        }
    }
    assert_eq!(Layout::candidates(1).len(), CANDIDATES);
}

proptest! {
    #[test]
    fn a_record_comes_back(record in record()) {
        prop_assert_eq!(Record::unpack(&record.pack()), Some(record));
    }

    #[test]
    fn a_log_block_comes_back(records in proptest::collection::vec(record(), 0..RECORDS_PER_BLOCK), address in any::<u64>(), tid in 0..1u64 << 62) {
        let block = log_block(&records, address, tid);
        let decoded = TableBlock::decode(&block.0, address, Kind::Log, crc32c::crc32c).expect("valid");
        prop_assert_eq!(decoded.header.tid, tid);
        prop_assert_eq!(decoded.header.flags, FLAG_CLEAN);
        prop_assert_eq!(decoded.records().collect::<Vec<_>>(), records);
    }

    #[test]
    fn a_changed_byte_is_noticed(records in proptest::collection::vec(record(), 1..100), at in 0..4096usize, change in 1u8..) {
        let mut block = log_block(&records, 77, 9);
        block.0[at] ^= change;
        prop_assert!(TableBlock::decode(&block.0, 77, Kind::Log, crc32c::crc32c).is_err());
    }

    #[test]
    fn a_block_from_elsewhere_is_noticed(address in 0..1000u64, other in 0..1000u64) {
        let block = log_block(&[], address, 1);
        let decoded = TableBlock::decode(&block.0, other, Kind::Log, crc32c::crc32c);
        prop_assert_eq!(decoded.is_ok(), address == other);
        let decoded = TableBlock::decode(&block.0, address, Kind::Checkpoint, crc32c::crc32c);
        prop_assert_eq!(decoded.err(), Some(Invalid::Kind(3)));
    }

    #[test]
    fn a_superblock_comes_back(main_sectors in any::<u64>(), blocks in 156u64..1 << 20, copies in 2..=4u8, copy in 0..2u8) {
        let layout = Layout::new(blocks, copies).expect("large enough");
        let superblock = Superblock {
            uuid: [9; 16],
            copy,
            copies,
            main_sectors,
            spare_sectors: blocks * 8 + 3,
            compatible: 0,
            incompatible: 0,
            geometry_known: true,
        };
        let mut block = Block([0xee; 4096]);
        superblock.encode(&layout, &mut block, crc32c::crc32c);
        prop_assert!(block.0[512..].iter().all(|byte| *byte == 0), "more than one sector is needed");
        let decoded = Superblock::decode(&block.0, layout.superblock(copy), crc32c::crc32c);
        prop_assert_eq!(decoded, Ok(superblock));
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..4200), address in any::<u64>(), ours in any::<bool>()) {
        if ours && bytes.len() >= 16 {
            bytes[..8].copy_from_slice(b"dm-spare");
            let sum = crc32c::crc32c(&bytes[12..]).to_le_bytes();
            bytes[8..12].copy_from_slice(&sum);
            bytes[12..16].copy_from_slice(&[3, 0, 1, 0]);
            let sum = crc32c::crc32c(&bytes[12..]).to_le_bytes();
            bytes[8..12].copy_from_slice(&sum);
        }
        for kind in [Kind::Superblock, Kind::Checkpoint, Kind::Log] {
            if let Ok(block) = TableBlock::decode(&bytes, address, kind, crc32c::crc32c) {
                prop_assert!(block.records().count() <= RECORDS_PER_BLOCK);
            }
        }
        prop_assert!(Superblock::decode(&bytes, address, crc32c::crc32c).is_err());
    }
}
