// SPDX-License-Identifier: GPL-2.0-only

//! A deduplicated volume on its legs: what an earlier build wrote is read, and nothing else is believed.

use dm_spare_engine::dedup::format::journal_block::{first_of_batch, JournalBlock};
use dm_spare_engine::dedup::format::presence_page::Presence;
use dm_spare_engine::dedup::format::{
    checkpoint, map_page, page, pool_page, presence_page, Checkpoint, Entry, Invalid, Kind, Layout,
    Superblock,
};
use dm_spare_engine::dedup::{Leg, Lsn, PageNumber, Pbn};
use dm_spare_engine::format::block_header::BlockKind;
use dm_spare_engine::Block;
use dm_spare_simulator::dedup::samples::{
    self, blank, fingerprint, layout, records, samples, Sample, CHECKPOINT, LSN, OFFSET, UUID,
};
use dm_spare_simulator::fuzz::dedup_block::decode_and_encode;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/images/dedup")
}

fn kept(name: &str) -> Box<Block> {
    let path = folder().join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut block = blank();
    block.0.copy_from_slice(&bytes);
    block
}

fn sample(name: &str) -> Sample {
    let sample = samples().into_iter().find(|sample| sample.name == name);
    sample.expect("a sample of this name")
}

#[test]
fn the_same_blocks_are_written_as_ever() {
    for sample in samples() {
        assert!(
            kept(sample.name).0 == sample.block.0,
            "{} is written in another way: if that is meant, the version must change",
            sample.name
        );
    }
    let files = std::fs::read_dir(folder()).expect("the folder").count();
    assert_eq!(files, samples().len());
}

#[test]
fn what_an_earlier_build_wrote_comes_out_of_the_encoders_again() {
    for sample in samples() {
        let again = decode_and_encode(&sample, &kept(sample.name));
        let again = again.unwrap_or_else(|invalid| panic!("{} is {invalid}", sample.name));
        assert!(again.0 == sample.block.0, "{}", sample.name);
    }
}

#[test]
fn what_an_earlier_build_wrote_means_what_it_meant() {
    let layout = layout();
    let checksum = crc32c::crc32c;
    let legs = [
        (Leg::Main, "superblock-main"),
        (Leg::Spare, "superblock-spare"),
    ];
    for (leg, name) in legs {
        let superblock = Superblock::decode(&kept(name), leg, checksum);
        assert_eq!(superblock, Ok(samples::superblock()));
    }
    let address = Layout::checkpoint_address(CHECKPOINT);
    let block = kept("checkpoint");
    let found = Checkpoint::open(&block, Leg::Main, address, &layout, UUID, checksum);
    assert_eq!(found, Ok(samples::checkpoint()));
    let roots = (0..20).filter(|page| checkpoint::root(&block, PageNumber(*page)));
    assert_eq!(roots.collect::<Vec<_>>(), [0, 1, 9]);

    for name in ["presence", "map", "pool"] {
        let page = sample(name).page;
        assert_eq!(
            page::open(&kept(name), page, &layout, UUID, checksum),
            Ok(())
        );
    }
    let (presence, map, pool) = (kept("presence"), kept("map"), kept("pool"));
    assert_eq!(presence_page::get(&presence, 16_190), Presence::Full);
    assert_eq!(presence_page::get(&presence, 16_191), Presence::Absent);
    assert_eq!(presence_page::word(&presence, 505) >> 60, 3);
    let last = Pbn(layout.data_start + 808_000);
    assert_eq!(map_page::get(&map, 808), Entry::Block(last));
    assert_eq!(map_page::get(&map, 807), Entry::Poisoned);
    assert_eq!(pool_page::count(&pool, 223), 56_172);
    assert_eq!(pool_page::fingerprint(&pool, 223), fingerprint(223));
    assert_eq!(pool_page::used(&pool), 192);

    let block = kept("records");
    match JournalBlock::open(&block, LSN, &layout, UUID, checksum) {
        Ok(JournalBlock::Records(found)) => assert!(found.eq(records())),
        _ => panic!("no records"),
    }
    let block = kept("image");
    match JournalBlock::open(&block, LSN, &layout, UUID, checksum) {
        Ok(JournalBlock::Image(page)) => assert_eq!(page, layout.first_map_page()),
        _ => panic!("no image"),
    }
    for name in ["records", "image"] {
        let first = first_of_batch(&kept(name), LSN, &layout, UUID, checksum);
        assert_eq!(first, Some(Lsn(LSN.0 - u64::from(OFFSET))));
    }
}

#[test]
fn every_changed_bit_is_noticed() {
    for sample in samples() {
        for bit in (0..4096 * 8).step_by(61) {
            let mut block = kept(sample.name);
            block.0[bit / 8] ^= 1 << (bit % 8);
            assert!(
                decode_and_encode(&sample, &block).is_err(),
                "{}, bit {bit}",
                sample.name
            );
        }
    }
}

#[test]
fn blocks_of_other_places_volumes_and_times_are_not_believed() {
    let layout = layout();
    let checksum = crc32c::crc32c;
    let map = sample("map");
    let next = PageNumber(map.page.0 + 1);
    assert_eq!(
        page::open(&map.block, next, &layout, UUID, checksum),
        Err(Invalid::Address(map.address))
    );
    assert_eq!(
        page::open(&map.block, map.page, &layout, [1; 16], checksum),
        Err(Invalid::Foreign)
    );
    assert!(page::open(&blank(), map.page, &layout, UUID, checksum) == Err(Invalid::Blank));
    let records = sample("records");
    let later = Lsn(LSN.0 + layout.geometry.journal_blocks);
    assert_eq!(layout.journal_address(later), records.address);
    for (lsn, uuid) in [(later, UUID), (LSN, [1; 16])] {
        let found = JournalBlock::open(&records.block, lsn, &layout, uuid, checksum);
        assert!(!matches!(found, Ok(_) | Err(Invalid::Field(_))));
    }
    let spare = sample("superblock-spare");
    let found = Superblock::decode(&spare.block, Leg::Main, checksum);
    assert_eq!(found, Err(Invalid::Field("leg")));
}

#[test]
fn every_kind_has_a_sample() {
    for kind in Kind::ALL.iter().copied() {
        assert!(samples().iter().any(|sample| sample.kind == kind));
    }
}
