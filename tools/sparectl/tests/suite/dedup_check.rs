// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl check` of volumes of dedup mode: each rule finds what it is for, with the right exit code, and nothing else.

use crate::dedup_driver::{content, fill_in, used, Driver};
use crate::dedup_images::{DedupImages, GEOMETRY, UUID};
use crate::images::{sparectl, stderr, stdout, text};
use dm_spare_engine::dedup::format::presence_page::Presence;
use dm_spare_engine::dedup::format::{
    map_page, pool_page, presence_page, Entry, Layout, Superblock,
};
use dm_spare_engine::dedup::{Fill, Leg, Lsn, PageNumber, Pbn};
use dm_spare_engine::Block;
use proptest::prelude::*;

/// Rules that found something, whether each is an error, and the block that it names. Nothing may be written.
pub(crate) fn found(images: &DedupImages, more: &[&str]) -> Vec<(String, bool, u64)> {
    let before = images.bytes();
    let output = images.run("check", &[&["--json"], more].concat());
    assert!(images.bytes() == before, "a check has written");
    let verdict: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("no JSON: {}", stderr(&output)));
    let findings: Vec<_> = verdict["findings"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|finding| {
            let rule = finding["rule"].as_str().expect("a rule").to_owned();
            let block = finding["block"].as_u64().unwrap_or(u64::MAX);
            (rule, finding["severity"] == "error", block)
        })
        .collect();
    let is_wrong = findings.iter().any(|(_, error, _)| *error);
    let expected = if is_wrong { 4 } else { 0 };
    assert_eq!(output.status.code(), Some(expected), "{verdict}");
    findings
}

fn rules(images: &DedupImages) -> Vec<String> {
    let found = found(images, &[]);
    found.into_iter().map(|(rule, _, _)| rule).collect()
}

/// What is printed for people.
pub(crate) fn sentences(images: &DedupImages, more: &[&str]) -> String {
    stdout(&images.run("check", more))
}

pub(crate) fn map(images: &DedupImages, number: u32) -> PageNumber {
    PageNumber(images.layout().first_map_page().0 + number)
}

pub(crate) fn pool(images: &DedupImages, number: u32) -> PageNumber {
    PageNumber(images.layout().first_pool_page().0 + number)
}

/// The data block of a block of the volume.
fn pbn_of(images: &DedupImages, lbn: u64) -> Pbn {
    let (page, index) = images
        .layout()
        .map_place(dm_spare_engine::dedup::Lbn(lbn))
        .expect("a place");
    let block = images.read(Leg::Main, images.layout().page_address(page));
    map_page::get(&block, index).block().expect("a data block")
}

#[test]
fn a_volume_at_rest_is_clean() {
    let images = used();
    assert_eq!(found(&images, &["--data"]), []);
    let said = sentences(&images, &[]);
    assert!(said.contains("clean: 0 errors, 0 notes"), "{said}");
    let fresh = DedupImages::blank(GEOMETRY);
    Driver::new(&fresh).suspend();
    assert_eq!(found(&fresh, &["--data"]), []);
}

#[test]
fn a_journal_that_waits_is_a_note_and_is_replayed_in_memory() {
    let images = DedupImages::blank(GEOMETRY);
    let mut driver = Driver::new(&images);
    fill_in(&mut driver);
    drop(driver);
    let first = images
        .layout()
        .journal_address(images.newest(Leg::Main).redo);
    assert_eq!(
        found(&images, &["--data"]),
        [("journal".to_owned(), false, first)]
    );
}

#[test]
fn damaged_and_missing_superblocks_are_named() {
    for leg in Leg::BOTH {
        let images = used();
        images.damage(leg, 0);
        assert_eq!(found(&images, &[]), [("superblock".to_owned(), true, 0)]);
        let said = sentences(&images, &[]);
        let sentence = format!("error: the superblock of {leg} is damaged, its checksum does not match (block 0 of {leg})");
        assert!(said.contains(&sentence), "{said}");
        images.clear(leg, 0);
        assert_eq!(rules(&images), ["superblock", "would-not-load"]);
    }
    let images = used();
    images.damage(Leg::Main, 0);
    images.damage(Leg::Spare, 0);
    assert_eq!(found(&images, &[]), [("no-superblock".to_owned(), true, 0)]);
}

#[test]
fn what_interrupted_formatting_leaves_is_a_note() {
    let images = DedupImages::blank(GEOMETRY);
    drop(Driver::new(&images));
    let formatted = DedupImages::blank(GEOMETRY);
    // The activation of a fresh volume makes checkpoint 2; before that there are only 0 and 1.
    for leg in Leg::BOTH {
        for number in [0, 1] {
            let mut block = Block([0; 4096]);
            let checkpoint = dm_spare_engine::dedup::format::Checkpoint {
                number,
                redo: Lsn::FIRST,
                used_blocks: 0,
                mapped_blocks: 0,
                clean: true,
            };
            checkpoint.seal(leg, UUID, &mut block, crc32c::crc32c);
            formatted.write(leg, Layout::checkpoint_address(number), &block);
        }
    }
    formatted.write(Leg::Main, 0, &images.read(Leg::Main, 0));
    assert_eq!(
        found(&formatted, &[]),
        [("superblock".to_owned(), false, 0)]
    );
}

fn edit_superblock(images: &DedupImages, leg: Leg, change: impl Fn(&mut Superblock)) {
    let block = images.read(leg, 0);
    let mut superblock = Superblock::decode(&block, leg, crc32c::crc32c).expect("a superblock");
    change(&mut superblock);
    let mut block = Block([0; 4096]);
    superblock.encode(leg, &mut block, crc32c::crc32c);
    images.write(leg, 0, &block);
}

#[test]
fn legs_of_two_volumes_are_named() {
    let images = used();
    edit_superblock(&images, Leg::Spare, |superblock| superblock.uuid = [7; 16]);
    let rules = rules(&images);
    assert!(
        rules.contains(&"superblocks-disagree".to_owned()),
        "{rules:?}"
    );
    assert!(rules.contains(&"would-not-load".to_owned()), "{rules:?}");
}

#[test]
fn other_sizes_and_features_are_named() {
    let images = used();
    for (leg, blocks) in [(Leg::Main, GEOMETRY.main_blocks), (Leg::Spare, 16)] {
        let longer = images.copy();
        longer
            .file(leg)
            .set_len((blocks + 3) * 4096)
            .expect("a size");
        let rule = if leg == Leg::Main {
            "main-size"
        } else {
            "spare-size"
        };
        assert_eq!(found(&longer, &[]), [(rule.to_owned(), true, 0)]);
    }
    for leg in Leg::BOTH {
        edit_superblock(&images, leg, |superblock| {
            superblock.features.incompatible = 64
        });
    }
    assert_eq!(rules(&images), ["features", "features", "would-not-load"]);
}

#[test]
fn damaged_checkpoints_are_errors_where_no_power_cut_explains_them() {
    let images = used();
    let newest = images.newest(Leg::Main).number;
    let place = Layout::checkpoint_address;
    for (leg, number, is_error) in [
        (Leg::Main, newest, true),
        (Leg::Spare, newest, false),
        (Leg::Main, newest - 1, false),
        (Leg::Spare, newest - 1, true),
    ] {
        let damaged = images.copy();
        damaged.damage(leg, place(number));
        let expected = [("checkpoint".to_owned(), is_error, place(number))];
        assert_eq!(found(&damaged, &[]), expected, "{leg}, {number}");
    }
    let none = images.copy();
    for leg in Leg::BOTH {
        none.damage(leg, place(0));
        none.damage(leg, place(1));
    }
    assert_eq!(rules(&none), ["no-checkpoint", "would-not-load"]);
    // Without the one before, a newer one may be lost.
    let uncertain = images.copy();
    uncertain.damage(Leg::Main, place(newest - 1));
    uncertain.damage(Leg::Spare, place(newest - 1));
    let found = rules(&uncertain);
    assert_eq!(found, ["checkpoint", "checkpoint", "would-not-load"]);
}

#[test]
fn two_crashes_around_checkpoints_leave_a_volume_that_loads() {
    let images = used();
    let place = Layout::checkpoint_address;
    let older = images.read(Leg::Spare, place(images.newest(Leg::Main).number));
    Driver::new(&images).suspend();
    let number = images.newest(Leg::Main).number;
    let note = |images: &DedupImages| {
        assert_eq!(
            found(images, &[]),
            [("checkpoint".to_owned(), false, place(number))]
        );
    };
    for is_torn in [true, false] {
        let images = images.copy();
        // The first crash keeps the newest one from the spare.
        if is_torn {
            images.damage(Leg::Spare, place(number));
        } else {
            images.write(Leg::Spare, place(number), &older);
        }
        note(&images);
        // The activation after it makes the next one.
        drop(Driver::new(&images));
        for leg in Leg::BOTH {
            assert_eq!(images.newest(leg).number, number + 1, "{leg}");
        }
        assert_eq!(found(&images, &[]), []);
        // The second crash tears the one after that on main.
        images.damage(Leg::Main, place(number));
        note(&images);
        let mut driver = Driver::new(&images);
        assert!(driver.read(0).expect("a block").0 == content(1).0);
        driver.suspend();
    }
}

#[test]
fn a_damaged_journal_would_not_load() {
    let images = DedupImages::blank(GEOMETRY);
    let mut driver = Driver::new(&images);
    for number in 1..5 {
        driver.write(number, content(number));
        driver.flush();
    }
    drop(driver);
    let damaged = images
        .layout()
        .journal_address(images.newest(Leg::Main).redo);
    images.damage(Leg::Main, damaged);
    assert_eq!(rules(&images), ["would-not-load"]);
    let said = sentences(&images, &[]);
    assert!(
        said.contains(&format!(
            "block {damaged} of main, in the journal, is damaged"
        )),
        "{said}"
    );
}

#[test]
fn damaged_pages_are_named() {
    let images = used();
    let layout = images.layout();
    let presence = images.copy();
    presence.damage(Leg::Main, layout.pages_start);
    assert_eq!(rules(&presence), ["would-not-load"]);

    let damaged = images.copy();
    let block = layout.page_address(map(&images, 1));
    damaged.damage(Leg::Main, block);
    // Nothing is said of counts for which references may be missing.
    assert_eq!(found(&damaged, &[]), [("map-page".to_owned(), true, block)]);
    let said = sentences(&damaged, &[]);
    assert!(
        said.contains("the map page of blocks 809 to 1617 of the volume: it is damaged"),
        "{said}"
    );

    let damaged = images.copy();
    let block = layout.page_address(pool(&images, 1));
    damaged.damage(Leg::Main, block);
    assert_eq!(
        found(&damaged, &["--data"]),
        [("pool-page".to_owned(), true, block)]
    );
    let first = layout.pool_block(pool(&images, 1), 0).0;
    let said = sentences(&damaged, &[]);
    let sentence = format!(
        "the pool page of blocks {first} to {} of main: it is damaged",
        first + 223
    );
    assert!(said.contains(&sentence), "{said}");
}

#[test]
fn entries_that_cannot_be_are_named() {
    let images = used();
    let page = map(&images, 0);
    let block = images.layout().page_address(page);
    images.edit(page, |page| {
        map_page::set(page, 700, Entry::Block(Pbn(20)));
        page.0[48 + 5 * 701] = 5;
    });
    assert_eq!(
        found(&images, &[]),
        [
            ("map-entry".to_owned(), true, block),
            ("map-entry".to_owned(), true, block)
        ]
    );
    let said = sentences(&images, &[]);
    assert!(
        said.contains("block 700 of the volume refers to block 20 of main, which is no data block"),
        "{said}"
    );
    assert!(
        said.contains("block 701 of the volume has an entry that means nothing"),
        "{said}"
    );
}

#[test]
fn leaks_are_named() {
    let images = used();
    let page = pool(&images, 1);
    let pbn = images.layout().pool_block(page, 200).0;
    images.edit(page, |page| pool_page::set_count(page, 200, 3));
    assert_eq!(rules(&images), ["leak", "used-blocks"]);
    let said = sentences(&images, &[]);
    assert!(
        said.contains(&format!(
            "block {pbn} of main is not referred to, and has a count of 3"
        )),
        "{said}"
    );
}

#[test]
fn references_to_free_blocks_are_named() {
    let images = used();
    let pbn = pbn_of(&images, 1);
    let (page, index) = images.layout().pool_place(pbn).expect("a place");
    images.edit(page, |page| pool_page::set_count(page, index, 0));
    let found = rules(&images);
    assert_eq!(found, ["free-block", "presence", "used-blocks"]);
    let said = sentences(&images, &[]);
    let sentence = format!("block {} of main counts as free, and is referred to 3 times, by block 1 of the volume first", pbn.0);
    assert!(said.contains(&sentence), "{said}");
}

#[test]
fn references_to_blocks_of_absent_pages_are_named() {
    let images = used();
    let absent = images.layout().pool_block(pool(&images, 5), 7);
    images.edit(map(&images, 0), |page| {
        map_page::set(page, 700, Entry::Block(absent));
    });
    assert_eq!(rules(&images), ["free-block", "mapped-blocks"]);
}

#[test]
fn counts_that_differ_are_named() {
    let images = used();
    for count in [2, 4] {
        let pbn = pbn_of(&images, 1);
        let (page, index) = images.layout().pool_place(pbn).expect("a place");
        images.edit(page, |page| pool_page::set_count(page, index, count));
        let block = images.layout().page_address(page);
        assert_eq!(found(&images, &[]), [("count".to_owned(), true, block)]);
        let said = sentences(&images, &[]);
        let sentence = format!("block {} of main has a count of {count}, and is referred to 3 times, by block 1 of the volume first", pbn.0);
        assert!(said.contains(&sentence), "{said}");
    }
}

#[test]
fn counts_behind_the_last_block_are_named() {
    let geometry = GEOMETRY;
    let images = DedupImages::blank(geometry);
    let layout = images.layout();
    let last = PageNumber(layout.first_pool_page().0 + layout.pool_pages - 1);
    let blocks = layout.pool_page_blocks(last);
    assert!(blocks < 224);
    let mut driver = Driver::new(&images);
    for lbn in 0..layout.data_blocks {
        driver.write(lbn, content(lbn + 1));
    }
    driver.suspend();
    assert_eq!(found(&images, &[]), []);
    images.edit(last, |page| pool_page::set_count(page, blocks as usize, 1));
    let address = layout.page_address(last);
    assert_eq!(
        found(&images, &[]),
        [("count-beyond".to_owned(), true, address)]
    );
}

#[test]
fn wrong_presence_is_named() {
    let images = used();
    let layout = images.layout();
    for (page, presence, sentence) in [
        (
            pool(&images, 0),
            Presence::Present,
            "is not noted as full, and 224 of its 224 blocks are used",
        ),
        (
            pool(&images, 1),
            Presence::Full,
            "is noted as full, and 71 of its 224 blocks are used",
        ),
        (
            map(&images, 0),
            Presence::Full,
            "is noted as full, which only pool pages can be",
        ),
    ] {
        let wrong = images.copy();
        let (number, index) = layout.presence_place(page).expect("a place");
        wrong.edit(number, |block| presence_page::set(block, index, presence));
        let expected = [("presence".to_owned(), true, layout.page_address(page))];
        assert_eq!(found(&wrong, &[]), expected);
        let said = sentences(&wrong, &[]);
        assert!(said.contains(sentence), "{said}");
    }
}

#[test]
fn totals_that_differ_are_named() {
    let images = used();
    let (used, mapped) = (images.copy(), images);
    used.edit_checkpoint(|checkpoint| checkpoint.used_blocks += 1);
    assert_eq!(rules(&used), ["used-blocks"]);
    mapped.edit_checkpoint(|checkpoint| checkpoint.mapped_blocks -= 1);
    assert_eq!(rules(&mapped), ["mapped-blocks"]);
}

#[test]
fn data_that_changed_is_named_when_it_is_read() {
    let images = used();
    let pbn = pbn_of(&images, 7).0;
    images.damage(Leg::Main, pbn);
    assert_eq!(found(&images, &[]), []);
    assert_eq!(
        found(&images, &["--data"]),
        [("data".to_owned(), true, pbn)]
    );
    let said = sentences(&images, &["--data"]);
    assert!(
        said.contains(&format!(
            "error: block {pbn} of main holds something else than was stored"
        )),
        "{said}"
    );
}

#[test]
fn legs_are_named_as_they_should_be() {
    let images = used();
    let (main, spare) = (images.path(Leg::Main), images.path(Leg::Spare));
    for (arguments, words) in [
        (
            vec!["check", text(&spare)],
            "name the spare, and main with --main",
        ),
        (
            vec!["check", text(&main), "--main", text(&spare)],
            "exchange them",
        ),
        (
            vec!["check", text(&main), "--main", text(&main)],
            "the same device",
        ),
    ] {
        let output = sparectl(&arguments);
        assert_eq!(output.status.code(), Some(8), "{arguments:?}");
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
}

/// What a user may do.
#[derive(Clone, Copy, Debug)]
enum Step {
    Write(u64, u64),
    Fill(u64, u64, Fill),
    Flush,
    Again,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (0..3000u64, 0..40u64).prop_map(|(lbn, number)| Step::Write(lbn, number)),
        2 => (0..2900u64, 1..100u64, prop_oneof![Just(Fill::Unmapped), Just(Fill::Zero), Just(Fill::Poisoned)])
            .prop_map(|(lbn, blocks, fill)| Step::Fill(lbn, blocks, fill)),
        1 => Just(Step::Flush),
        1 => Just(Step::Again),
    ];
    proptest::collection::vec(step, 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_was_done_and_wherever_it_stops_no_error_is_found(steps in steps()) {
        let images = DedupImages::blank(GEOMETRY);
        let mut driver = Driver::new(&images);
        for step in steps {
            match step {
                Step::Write(lbn, number) => driver.write(lbn, content(number)),
                Step::Fill(lbn, blocks, fill) => driver.fill(lbn, blocks, fill),
                Step::Flush => driver.flush(),
                Step::Again => driver = Driver::new(&images),
            }
        }
        drop(driver);
        let errors: Vec<_> = found(&images, &["--data"]).into_iter().filter(|found| found.1).collect();
        prop_assert_eq!(errors, []);
    }
}
