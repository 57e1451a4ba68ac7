// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl repair`: what was wrong is right afterwards, and what was right stays.

use crate::dedup_driver::{content, fill_in, used, Driver};
use crate::dedup_images::{DedupImages, GEOMETRY, SECRET};
use crate::images::{stderr, stdout};
use dm_spare_engine::dedup::format::presence_page::Presence;
use dm_spare_engine::dedup::format::{map_page, pool_page, presence_page, Entry, Geometry, Layout};
use dm_spare_engine::dedup::{fingerprint, index_geometry, Leg, PageNumber, Pbn};
use dm_spare_engine::index::OpenMode;
use proptest::prelude::*;
use sparectl::dedup::index::IndexHost;
use sparectl::leg::Access;

/// Repairs; the exit code, and what was said.
fn repair(images: &DedupImages) -> (Option<i32>, String) {
    let output = images.run_on_both("repair", &[]);
    (output.status.code(), stdout(&output) + &stderr(&output))
}

/// Repairs something, after which everything must be right.
fn corrected(images: &DedupImages) -> String {
    let (code, said) = repair(images);
    assert_eq!(code, Some(1), "{said}");
    let checked = images.run("check", &["--data"]);
    assert!(
        stdout(&checked).contains("clean: 0 errors, 0 notes"),
        "{}",
        stdout(&checked)
    );
    said
}

/// Every block of the volume; none if it cannot be read.
fn reads(images: &DedupImages) -> Vec<Option<Vec<u8>>> {
    let copy = images.copy();
    let mut driver = Driver::new(&copy);
    (0..GEOMETRY.logical_blocks)
        .map(|lbn| driver.read(lbn).map(|block| block.0.to_vec()))
        .collect()
}

fn map(images: &DedupImages, number: u32) -> PageNumber {
    PageNumber(images.layout().first_map_page().0 + number)
}

fn pool(images: &DedupImages, number: u32) -> PageNumber {
    PageNumber(images.layout().first_pool_page().0 + number)
}

#[test]
fn what_is_right_is_not_touched() {
    let images = used();
    let before = images.bytes();
    let (code, said) = repair(&images);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("nothing is wrong"), "{said}");
    assert!(images.bytes() == before);
}

#[test]
fn counts_presence_and_totals_are_made_from_the_map() {
    let images = used();
    let before = reads(&images);
    let layout = images.layout();
    images.edit(pool(&images, 0), |page| {
        pool_page::set_count(page, 0, 1);
        pool_page::set_count(page, 1, 0);
        pool_page::set_fingerprint(page, 1, Default::default());
    });
    images.edit(pool(&images, 1), |page| pool_page::set_count(page, 200, 9));
    let (number, index) = layout.presence_place(pool(&images, 1)).expect("a place");
    images.edit(number, |page| {
        presence_page::set(page, index, Presence::Full)
    });
    images.edit_checkpoint(|checkpoint| {
        checkpoint.used_blocks += 100;
        checkpoint.mapped_blocks += 100;
    });
    let said = corrected(&images);
    assert!(
        said.contains("3 counts set, 1 fingerprints computed, 0 blocks of the volume poisoned"),
        "{said}"
    );
    assert!(said.contains("317 blocks mapped, 295 used"), "{said}");
    assert!(reads(&images) == before);
    let mut driver = Driver::new(&images);
    driver.write(5, content(4711));
    driver.suspend();
    assert_eq!(images.run("check", &["--data"]).status.code(), Some(0));
}

#[test]
fn counts_behind_the_last_block_vanish() {
    let images = DedupImages::blank(GEOMETRY);
    let layout = images.layout();
    let mut driver = Driver::new(&images);
    for lbn in 0..layout.data_blocks {
        driver.write(lbn, content(lbn + 1));
    }
    driver.suspend();
    let last = PageNumber(layout.first_pool_page().0 + layout.pool_pages - 1);
    let blocks = layout.pool_page_blocks(last) as usize;
    images.edit(last, |page| pool_page::set_count(page, blocks, 1));
    corrected(&images);
}

#[test]
fn references_to_blocks_of_absent_pages_get_a_page() {
    let images = used();
    let absent = images.layout().pool_block(pool(&images, 5), 7);
    images.edit(map(&images, 0), |page| {
        map_page::set(page, 700, Entry::Block(absent));
    });
    corrected(&images);
}

#[test]
fn a_damaged_pool_page_is_made_from_map_and_data() {
    let images = used();
    let before = reads(&images);
    images.damage(Leg::Main, images.layout().page_address(pool(&images, 0)));
    let said = corrected(&images);
    assert!(
        said.contains("224 counts set, 224 fingerprints computed"),
        "{said}"
    );
    assert!(reads(&images) == before);
}

#[test]
fn what_a_damaged_map_page_said_is_poisoned() {
    let images = used();
    let before = reads(&images);
    images.damage(Leg::Main, images.layout().page_address(map(&images, 0)));
    let said = corrected(&images);
    assert!(said.contains("809 blocks of the volume poisoned"), "{said}");
    let after = reads(&images);
    assert!(after[..809].iter().all(Option::is_none));
    assert!(after[809..] == before[809..]);
    // They can be written again.
    let mut driver = Driver::new(&images);
    driver.write(3, content(3));
    assert!(driver.read(3).is_some());
    driver.suspend();
    assert_eq!(images.run("check", &["--data"]).status.code(), Some(0));
}

#[test]
fn entries_that_cannot_be_are_poisoned() {
    let images = used();
    let mut before = reads(&images);
    images.edit(map(&images, 0), |page| {
        map_page::set(page, 700, Entry::Block(Pbn(20)));
        page.0[48 + 5 * 701] = 5;
    });
    let said = corrected(&images);
    assert!(said.contains("2 blocks of the volume poisoned"), "{said}");
    before[700] = None;
    before[701] = None;
    assert!(reads(&images) == before);
}

#[test]
fn superblocks_and_checkpoints_are_written_anew() {
    let images = used();
    let before = reads(&images);
    for leg in Leg::BOTH {
        for block in 0..3 {
            let damaged = images.copy();
            damaged.damage(leg, block);
            let is_note = stdout(&damaged.run("check", &[])).contains("clean: 0 errors, 1 notes");
            if !is_note {
                corrected(&damaged);
                assert!(reads(&damaged) == before, "{leg}, {block}");
            }
        }
        let missing = images.copy();
        missing.clear(leg, 0);
        corrected(&missing);
        assert!(reads(&missing) == before);
    }
    let replaced = images.copy();
    for block in 0..16 {
        replaced.clear(Leg::Spare, block);
    }
    corrected(&replaced);
    assert!(reads(&replaced) == before);
}

#[test]
fn the_journal_is_replayed_before() {
    let images = DedupImages::blank(GEOMETRY);
    let mut driver = Driver::new(&images);
    fill_in(&mut driver);
    driver.suspend();
    images.edit(pool(&images, 0), |page| pool_page::set_count(page, 0, 5));
    let mut driver = Driver::new(&images);
    driver.write(400, content(5));
    driver.write(401, content(4711));
    driver.flush();
    drop(driver);
    corrected(&images);
    assert_eq!(reads(&images)[401], Some(content(4711).0.to_vec()));
}

#[test]
fn the_index_is_made_from_the_pool() {
    let size = index_geometry(16).expect("a size");
    let geometry = Geometry {
        main_blocks: 2000 + size.disk_blocks(),
        index_blocks: size.disk_blocks(),
        ..GEOMETRY
    };
    let images = DedupImages::blank(geometry);
    let mut driver = Driver::new(&images);
    fill_in(&mut driver);
    // The journal waits.
    drop(driver);
    let (code, said) = repair(&images);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("the index knows 295 blocks"), "{said}");
    let checked = images.run("check", &["--data"]);
    assert!(
        stdout(&checked).contains("clean: 0 errors, 0 notes"),
        "{}",
        stdout(&checked)
    );
    let shown = stdout(&images.run("show", &[]));
    assert!(
        shown.contains("index               good, of 16 MiB of memory"),
        "{shown}"
    );
    let layout = images.layout();
    let mut main =
        sparectl::leg::Leg::open_unused(&images.path(Leg::Main), Access::Write).expect("main");
    let mut index =
        IndexHost::open(size, &layout, OpenMode::LoadClean, &mut main).expect("an index");
    for number in [1, 17, 290, 300] {
        let found = index
            .look_up(fingerprint(SECRET, &content(number)), &mut main)
            .expect("known");
        assert!(images.read(Leg::Main, found.0).0 == content(number).0);
    }
    assert_eq!(
        index.look_up(fingerprint(SECRET, &content(4711)), &mut main),
        None
    );
}

#[test]
fn what_is_not_certain_is_left_as_it_is() {
    let refused = |images: &DedupImages, words: &str| {
        let before = images.bytes();
        let (code, said) = repair(images);
        assert_eq!(code, Some(8), "{said}");
        assert!(said.contains(words), "{said}");
        assert!(images.bytes() == before, "{words}: it has written");
    };
    let images = used();
    let none = images.copy();
    none.damage(Leg::Main, 0);
    none.damage(Leg::Spare, 0);
    refused(&none, "no superblock is valid");
    let foreign = images.copy();
    for block in 0..8 {
        foreign.write(Leg::Spare, block, &content(block + 1));
    }
    refused(&foreign, "name the right device");
    let longer = images.copy();
    longer.file(Leg::Main).set_len(2001 * 4096).expect("a size");
    refused(&longer, "formatted for 2000");
    let uncertain = images.copy();
    let before_newest = images.newest(Leg::Main).number - 1;
    for leg in Leg::BOTH {
        uncertain.damage(leg, Layout::checkpoint_address(before_newest));
    }
    refused(&uncertain, "the newest checkpoint cannot be read");

    let journal = DedupImages::blank(GEOMETRY);
    let mut driver = Driver::new(&journal);
    for number in 1..5 {
        driver.write(number, content(number));
        driver.flush();
    }
    drop(driver);
    let first = journal
        .layout()
        .journal_address(journal.newest(Leg::Main).redo);
    journal.damage(Leg::Main, first);
    refused(&journal, "in the journal, is damaged");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_page_is_damaged_what_can_be_read_is_right(
        damage in proptest::collection::vec((0u64..13, 0usize..4096, 1u8..), 1..6)
    ) {
        let images = used();
        let before = reads(&images);
        let layout = images.layout();
        for (page, at, bits) in damage {
            // Not the presence page, which nothing can replace.
            let address = layout.page_address(layout.first_map_page()) + page;
            let mut block = images.read(Leg::Main, address);
            block.0[at] ^= bits;
            images.write(Leg::Main, address, &block);
        }
        let (code, said) = repair(&images);
        prop_assert!(code == Some(0) || code == Some(1), "{}", said);
        let checked = images.run("check", &["--data"]);
        prop_assert_eq!(checked.status.code(), Some(0), "{}", stdout(&checked));
        for (after, before) in reads(&images).iter().zip(&before) {
            prop_assert!(after.is_none() || after == before);
        }
    }
}
