// SPDX-License-Identifier: GPL-2.0-only

//! Where things lie on a deduplicated volume, and records of its journal.

use dm_spare_engine::dedup::format::layout::{
    JOURNAL_BLOCKS_MINIMUM, LOGICAL_BLOCKS_MAXIMUM, MAIN_BLOCKS_MAXIMUM, MAIN_BLOCKS_MINIMUM,
};
use dm_spare_engine::dedup::format::{
    checkpoint, journal_block, map_page, pool_page, presence_page, Entry, Geometry, Layout,
    PageKind, Record, PAYLOAD_BYTES,
};
use dm_spare_engine::dedup::{
    default_index_mebibytes, index_geometry, Fingerprint, Lbn, Lsn, PageNumber, Pbn,
};
use dm_spare_engine::Block;
use proptest::prelude::*;

fn geometry(main_blocks: u64, logical_blocks: u64) -> Geometry {
    Geometry {
        main_blocks,
        logical_blocks,
        journal_blocks: Geometry::default_journal_blocks(main_blocks),
        index_blocks: 0,
    }
}

#[test]
fn a_page_holds_what_the_documentation_says() {
    assert_eq!(map_page::ENTRIES, 809);
    assert_eq!(pool_page::BLOCKS, 224);
    assert_eq!(presence_page::PAGES, 16_192);
}

#[test]
fn the_largest_volume_has_room_in_a_checkpoint_for_its_presence_pages() {
    let layout = Layout::new(geometry(MAIN_BLOCKS_MAXIMUM, LOGICAL_BLOCKS_MAXIMUM));
    let layout = layout.expect("it is supported");
    assert!(layout.presence_pages <= checkpoint::ROOTS_MAXIMUM);
    assert!(geometry(MAIN_BLOCKS_MAXIMUM, LOGICAL_BLOCKS_MAXIMUM).is_supported());
    assert!(!geometry(MAIN_BLOCKS_MAXIMUM + 1, 1).is_supported());
    assert!(!geometry(MAIN_BLOCKS_MAXIMUM, LOGICAL_BLOCKS_MAXIMUM + 1).is_supported());
}

#[test]
fn the_smallest_volume_spends_little_on_metadata() {
    let smallest = geometry(MAIN_BLOCKS_MINIMUM, MAIN_BLOCKS_MINIMUM);
    assert!(smallest.is_supported());
    let layout = Layout::new(smallest).expect("it is supported");
    assert!(layout.data_blocks * 100 > MAIN_BLOCKS_MINIMUM * 97);
    assert!(!geometry(MAIN_BLOCKS_MINIMUM - 1, 1).is_supported());
    assert!(Layout::new(geometry(300, 1)).is_none());
}

fn any_geometry() -> impl Strategy<Value = Geometry> {
    let main = prop_oneof![400u64..40_000, 1u64 << 14..=1 << 36];
    let journal = JOURNAL_BLOCKS_MINIMUM..3000u64;
    (main, 1u64..=1 << 37, journal, 0u64..500).prop_map(
        |(main_blocks, logical_blocks, journal_blocks, index_blocks)| Geometry {
            main_blocks,
            logical_blocks,
            journal_blocks,
            index_blocks,
        },
    )
}

fn any_record() -> impl Strategy<Value = Record> {
    let number = 0u64..1 << 40;
    prop_oneof![
        (number.clone(), number.clone(), any::<[u8; 16]>()).prop_map(|(lbn, pbn, bytes)| {
            Record::Store {
                lbn: Lbn(lbn),
                pbn: Pbn(pbn),
                fingerprint: Fingerprint(bytes),
            }
        }),
        (number.clone(), number.clone()).prop_map(|(lbn, pbn)| Record::Share {
            lbn: Lbn(lbn),
            pbn: Pbn(pbn)
        }),
        (number.clone(), number, 0u64..3).prop_map(|(lbn, blocks, entry)| Record::Range {
            lbn: Lbn(lbn),
            blocks,
            entry: Entry::from_number(entry).expect("it means something")
        }),
        any::<u32>().prop_map(|page| Record::Birth {
            page: PageNumber(page)
        }),
    ]
}

proptest! {
    #[test]
    fn areas_follow_one_another_and_end_with_the_device(geometry in any_geometry()) {
        let Some(layout) = Layout::new(geometry) else { return Ok(()) };
        let end_of_pages = layout.pages_start + layout.pages();
        prop_assert_eq!(layout.pages_start, 8 + geometry.journal_blocks);
        prop_assert!(end_of_pages <= layout.index_start);
        // What the presence pages take from the pool leaves a few blocks unused.
        prop_assert!(layout.index_start - end_of_pages <= u64::from(layout.presence_pages) / 224 + 1);
        prop_assert_eq!(layout.data_start, layout.index_start + geometry.index_blocks);
        prop_assert_eq!(layout.data_start + layout.data_blocks, geometry.main_blocks);
        for lsn in [1, 77, 1 << 40] {
            let address = layout.journal_address(Lsn(lsn));
            prop_assert!((8..layout.pages_start).contains(&address));
        }
    }

    #[test]
    fn every_block_has_its_page_and_every_page_its_bits(
        geometry in any_geometry(),
        lbn in any::<u64>(),
        pbn in any::<u64>(),
    ) {
        let Some(layout) = Layout::new(geometry) else { return Ok(()) };
        let lbn = Lbn(lbn % geometry.logical_blocks);
        let (page, index) = layout.map_place(lbn).expect("it exists");
        prop_assert_eq!(layout.page_kind(page), Some(PageKind::Map));
        prop_assert_eq!(layout.first_lbn(page).0 + index as u64, lbn.0);
        prop_assert_eq!(layout.map_place(Lbn(geometry.logical_blocks)), None);

        let pbn = Pbn(layout.data_start + pbn % layout.data_blocks);
        let (page, index) = layout.pool_place(pbn).expect("it exists");
        prop_assert_eq!(layout.page_kind(page), Some(PageKind::Pool));
        prop_assert_eq!(layout.pool_block(page, index), pbn);
        prop_assert!((index as u64) < layout.pool_page_blocks(page));
        prop_assert_eq!(layout.pool_place(Pbn(layout.data_start - 1)), None);
        prop_assert_eq!(layout.pool_place(Pbn(geometry.main_blocks)), None);

        let last = PageNumber(layout.pages() as u32 - 1);
        for page in [layout.first_map_page(), page, last] {
            let (presence, index) = layout.presence_place(page).expect("it has bits");
            prop_assert_eq!(layout.page_kind(presence), Some(PageKind::Presence));
            let number = u64::from(presence.0) * presence_page::PAGES + index as u64;
            prop_assert_eq!(number, u64::from(page.0 - layout.presence_pages));
        }
        prop_assert_eq!(layout.presence_place(PageNumber(0)), None);
        prop_assert_eq!(layout.presence_place(PageNumber(last.0 + 1)), None);
        prop_assert_eq!(layout.page_kind(PageNumber(last.0 + 1)), None);
    }

    #[test]
    fn records_come_back(records in prop::collection::vec(any_record(), 1..400)) {
        let mut block = Block([0; 4096]);
        let mut length = 0;
        let mut kept = Vec::new();
        for record in records {
            let Some(longer) = journal_block::append(&mut block, length, &record) else {
                prop_assert!(length + record.length() > PAYLOAD_BYTES);
                continue;
            };
            let bytes = &block.0[48 + length..48 + longer];
            prop_assert_eq!(Record::unpack(bytes), Some(record));
            prop_assert_eq!(Record::unpack(&bytes[..bytes.len() - 1]), None);
            kept.push((length, record));
            length = longer;
        }
        for (at, record) in kept {
            prop_assert_eq!(Record::unpack(&block.0[48 + at..]), Some(record));
        }
    }

    #[test]
    fn any_bytes_may_be_unpacked(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Some(record) = Record::unpack(&bytes) {
            let mut again = [0; 27];
            record.pack(&mut again);
            prop_assert_eq!(&again[..record.length()], &bytes[..record.length()]);
        }
    }
}

#[test]
fn the_index_that_nobody_asked_for_takes_a_16th_of_main_at_most() {
    let blocks = |mebibytes| {
        index_geometry(mebibytes)
            .expect("it is a size")
            .disk_blocks()
    };
    assert_eq!(default_index_mebibytes(MAIN_BLOCKS_MINIMUM), 0);
    for mebibytes in [16, 32, 64, 128, 256] {
        let enough = blocks(mebibytes) * 16;
        assert_eq!(default_index_mebibytes(enough), mebibytes);
        assert_ne!(default_index_mebibytes(enough - 1), mebibytes);
    }
    assert_eq!(default_index_mebibytes(MAIN_BLOCKS_MAXIMUM), 256);
    assert_eq!(index_geometry(0), None);
    assert_eq!(index_geometry(17), None);
}
