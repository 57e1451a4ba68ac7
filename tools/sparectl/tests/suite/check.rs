// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl check`: each kind of damage is named, with the right exit code.

use crate::images::{remap, sparectl, stdout, text, Images, MAIN_SECTORS};
use dm_spare_engine::format::header::FLAG_CLEAN;
use dm_spare_engine::format::{Layout, Record};
use dm_spare_engine::{Block, ErrorClass};
use proptest::prelude::*;
use sparectl::commands::check::{examine, Verdict};
use sparectl::leg::{Access, Leg};
use sparectl::rules::Severity;
use sparectl::storage::{BlockSource, ReadFault};

/// Rules that found something, and whether each is an error.
fn found(images: &Images) -> Vec<(String, bool)> {
    let output = images.run("check", &["--json"]);
    let verdict: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let findings: Vec<(String, bool)> = verdict["findings"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|finding| {
            let rule = finding["rule"].as_str().expect("a rule").to_owned();
            (rule, finding["severity"] == "error")
        })
        .collect();
    let expected = if findings.iter().any(|(_, error)| *error) {
        4
    } else {
        0
    };
    assert_eq!(output.status.code(), Some(expected), "{verdict}");
    findings
}

fn rules(images: &Images) -> Vec<String> {
    found(images).into_iter().map(|(rule, _)| rule).collect()
}

/// A set with some remaps and poisons, suspended cleanly.
fn used() -> Images {
    let images = Images::formatted(2);
    let slot = first_slot(&images.layout());
    images.commit(&[remap(3, slot, 0), remap(7, 0, 0xff)], 0, 3);
    images.commit(&[remap(9, slot + 1, 0x81)], FLAG_CLEAN, 3);
    images
}

fn first_slot(layout: &Layout) -> u32 {
    (1..layout.window() as u32)
        .find(|block| layout.is_slot(dm_spare_engine::Slot(*block)))
        .expect("a slot")
}

#[test]
fn a_set_at_rest_is_clean() {
    assert_eq!(found(&used()), []);
}

#[test]
fn a_damaged_superblock_is_named() {
    for copy in 0..2 {
        let images = used();
        let block = images.layout().superblock(copy);
        images.damage(block);
        let output = images.run("check", &[]);
        assert_eq!(output.status.code(), Some(4));
        let sentence = format!("error: the superblock of copy {copy} is damaged, its checksum does not match (block {block} of the spare)");
        assert!(stdout(&output).contains(&sentence), "{}", stdout(&output));
        images.write_block(block, &[0; 4096]);
        assert!(stdout(&images.run("check", &[]))
            .contains(&format!("the superblock of copy {copy} is missing")));
    }
}

#[test]
fn a_damaged_checkpoint_is_named() {
    let images = used();
    let (set, lineage) = images.set();
    let block = set.layout.checkpoint(1, lineage.area, 0).expect("a block");
    images.damage(block);
    assert_eq!(found(&images), [("checkpoint-block".to_owned(), true)]);
    images.damage(set.layout.checkpoint(0, lineage.area, 0).expect("a block"));
    assert_eq!(rules(&images), ["no-checkpoint", "would-not-load"]);
}

#[test]
fn every_damaged_log_block_is_named() {
    let (_, lineage) = used().set();
    for tid in lineage.base + 1..=lineage.last {
        for copy in 0..2 {
            let images = used();
            let (set, _) = images.set();
            images.damage(set.layout.log(copy, tid));
            assert_eq!(
                found(&images),
                [("log-block".to_owned(), true)],
                "transaction {tid}, copy {copy}"
            );
        }
    }
}

#[test]
fn a_gap_in_the_log_is_named() {
    let images = used();
    let (set, lineage) = images.set();
    for copy in 0..2 {
        images.write_block(set.layout.log(copy, lineage.last - 1), &[0; 4096]);
    }
    assert_eq!(rules(&images), ["log-gap", "would-not-load"]);
}

#[test]
fn the_newest_transaction_damaged_everywhere_is_named() {
    let images = used();
    let (set, lineage) = images.set();
    for copy in 0..2 {
        images.damage(set.layout.log(copy, lineage.last));
    }
    assert_eq!(found(&images), [("next-log-block".to_owned(), true)]);
}

#[test]
fn what_a_power_cut_leaves_is_a_note() {
    let images = used();
    let slot = first_slot(&images.layout()) + 5;
    // The log block of a commit has reached one copy.
    images.commit(&[remap(11, slot, 0)], 0, 1);
    assert_eq!(found(&images), [("log-block".to_owned(), false)]);

    // The last block of a checkpoint has reached one copy, and something was committed since the last clean marker.
    let images = used();
    images.commit(&[], 0, 3);
    let entries: Vec<Record> = (20..20 + 300)
        .map(|lbn| remap(lbn % 100, 0, 0xff))
        .collect();
    images.checkpoint(&entries, 1);
    assert_eq!(found(&images), [("checkpoint-block".to_owned(), false)]);
}

#[test]
fn a_checkpoint_block_that_was_durable_everywhere_is_an_error() {
    let images = used();
    images.commit(&[], 0, 3);
    let entries: Vec<Record> = (0..300).map(|lbn| remap(lbn % 100, 0, 0xff)).collect();
    images.checkpoint(&entries, 3);
    assert_eq!(found(&images), []);
    let (set, lineage) = images.set();
    assert_eq!(lineage.parts, 2);
    images.damage(set.layout.checkpoint(0, lineage.area, 0).expect("a block"));
    assert_eq!(found(&images), [("checkpoint-block".to_owned(), true)]);
}

#[test]
fn a_long_table_is_read_by_check_and_loader_alike() {
    let images = Images::sized(8 * 100_000, 40_000);
    assert!(images.format(&[]).status.success());
    let layout = images.layout();
    let slots = (1..).filter(|block| layout.is_slot(dm_spare_engine::Slot(*block)));
    let entries: Vec<Record> = slots
        .zip(0..30_000u64)
        .map(|(slot, number)| remap(number * 3, slot, (number % 7) as u8))
        .collect();
    images.checkpoint(&entries, 3);
    assert_eq!(found(&images), []);
    let (set, lineage) = images.set();
    assert_eq!((set.table.entries.len(), lineage.parts), (30_000, 120));
}

#[test]
fn copies_that_disagree_are_named() {
    let images = used();
    let slot = first_slot(&images.layout()) + 5;
    let (_, before) = images.set();
    images.commit(&[remap(11, slot, 0)], FLAG_CLEAN, 1);
    // The same transaction on the other copy, with another slot.
    let kept = images.read_block(images.layout().log(0, before.last + 1));
    images.write_block(images.layout().log(0, before.last + 1), &[0; 4096]);
    images.commit(&[remap(11, slot + 1, 0)], FLAG_CLEAN, 2);
    images.write_block(images.layout().log(0, before.last + 1), &kept);
    assert_eq!(rules(&images), ["copies-disagree"]);
}

#[test]
fn records_that_cannot_be_are_named() {
    for (record, sentence) in [
        (
            remap(101, 40, 0),
            "block 101 is recorded, but main has 101 blocks",
        ),
        (
            remap(1, 1, 0),
            "block 1 is served by block 1 of the spare, which is no slot",
        ),
        (
            remap(1, 5_000_000, 0),
            "block 1 is served by block 5000000 of the spare, which is no slot",
        ),
        (
            remap(1, 0, 0x0f),
            "block 1 has no slot, but only some of its sectors are lost",
        ),
        (
            remap(100, 0, 0xff),
            "block 100 has lost sectors (mask 0xff) that main does not have",
        ),
    ] {
        let images = used();
        images.commit(&[record], FLAG_CLEAN, 3);
        let output = images.run("check", &[]);
        assert_eq!(output.status.code(), Some(4));
        assert!(stdout(&output).contains(sentence), "{}", stdout(&output));
        assert!(rules(&images).contains(&"would-not-load".to_owned()));
    }
}

#[test]
fn a_slot_that_serves_two_blocks_is_named() {
    let images = used();
    let slot = first_slot(&images.layout());
    images.commit(&[remap(50, slot, 0)], FLAG_CLEAN, 3);
    assert_eq!(rules(&images), ["slot-twice", "would-not-load"]);
    assert!(stdout(&images.run("check", &[]))
        .contains(&format!("slot {slot} serves both block 3 and block 50")));
}

#[test]
fn other_sizes_are_named() {
    let images = used();
    let small = images.folder().join("small");
    std::fs::write(&small, vec![0; 512 * 800]).expect("an image");
    let output = images.run("check", &["--main", text(&small)]);
    assert_eq!(output.status.code(), Some(4));
    let sentence =
        format!("is of a main device of {MAIN_SECTORS} sectors, and the one given has 800");
    assert!(stdout(&output).contains(&sentence), "{}", stdout(&output));

    let spare = std::fs::OpenOptions::new()
        .write(true)
        .open(images.spare())
        .expect("the spare");
    spare.set_len(700 * 4096).expect("a size");
    assert!(rules(&images).contains(&"spare-size".to_owned()));
}

#[test]
fn two_sets_on_one_spare_are_named() {
    let images = used();
    let other = Images::formatted(2);
    let block = images.layout().superblock(1);
    images.write_block(block, &other.read_block(block));
    let rules = rules(&images);
    assert!(
        rules.contains(&"superblocks-disagree".to_owned()),
        "{rules:?}"
    );
    assert!(rules.contains(&"would-not-load".to_owned()), "{rules:?}");
}

#[test]
fn a_copy_that_was_left_out_is_named() {
    let images = used();
    let (set, lineage) = images.set();
    let tid = lineage.last + 1;
    images.commit(&[], FLAG_CLEAN, 1);
    // The block that names the members that are left.
    let mut content = images.read_block(set.layout.log(0, tid));
    content[74] = 1;
    let sum = crc32c::crc32c(&content[12..]);
    content[8..12].copy_from_slice(&sum.to_le_bytes());
    images.write_block(set.layout.log(0, tid), &content);
    assert_eq!(found(&images), [("left-out".to_owned(), true)]);
}

#[test]
fn a_spare_without_a_set_is_not_clean() {
    let images = Images::blank();
    let output = images.run("check", &[]);
    assert_eq!(output.status.code(), Some(4));
    assert!(
        stdout(&output).contains("no superblock is valid: block 0 is blank"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn a_check_that_cannot_be_done_says_so() {
    let missing = sparectl(&["check", "/nonexistent/spare"]);
    assert_eq!(missing.status.code(), Some(8));
    assert_eq!(sparectl(&["check"]).status.code(), Some(16));
    assert_eq!(
        sparectl(&["check", "--colour", "x"]).status.code(),
        Some(16)
    );
}

#[test]
fn a_check_changes_nothing() {
    let images = used();
    images.damage(images.layout().superblock(1));
    let before = images.bytes();
    images.run("check", &[]);
    assert_eq!(images.bytes(), before);
}

/// A spare with blocks that cannot be read.
struct Failing {
    leg: Leg,
    unreadable: Vec<u64>,
}

impl BlockSource for Failing {
    fn read_block(&mut self, block: u64, into: &mut Block) -> Result<(), ReadFault> {
        if self.unreadable.contains(&block) {
            return Err(ReadFault {
                class: ErrorClass::Media,
                text: "a bad sector".to_owned(),
            });
        }
        self.leg.read_block(block, into)
    }
}

fn examine_failing(images: &Images, unreadable: Vec<u64>) -> Verdict {
    let leg = Leg::open_unused(&images.spare(), Access::Read).expect("the spare");
    let sectors = leg.sectors();
    examine(
        &mut Failing { leg, unreadable },
        sectors,
        None,
        &mut |_, _| {},
    )
}

#[test]
fn unreadable_blocks_are_named() {
    let images = used();
    let (set, lineage) = images.set();
    for (block, rule) in [
        (set.layout.superblock(1), "superblock"),
        (
            set.layout.checkpoint(0, lineage.area, 0).expect("a block"),
            "checkpoint-block",
        ),
        (set.layout.log(1, lineage.last), "log-block"),
    ] {
        let verdict = examine_failing(&images, vec![block]);
        let [finding] = verdict.findings.as_slice() else {
            panic!("{:?}", verdict.findings);
        };
        assert_eq!((finding.rule, finding.block), (rule, Some(block)));
        assert_eq!(finding.severity, Severity::Error);
        assert!(
            finding.text.contains("unreadable: a bad sector"),
            "{}",
            finding.text
        );
    }
    // The place of the next transaction on every copy: the loader refuses, something may lie there.
    let next = (0..2)
        .map(|copy| set.layout.log(copy, lineage.last + 1))
        .collect();
    let rules: Vec<&str> = examine_failing(&images, next)
        .findings
        .iter()
        .map(|finding| finding.rule)
        .collect();
    assert_eq!(rules, ["next-log-block", "would-not-load"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever bytes of whatever block change: no panic, and a clean verdict only if the table is what it was.
    #[test]
    fn a_clean_verdict_means_the_same_table(block in 0..crate::images::SPARE_BLOCKS, at in 0usize..4096, value: u8, zero: bool) {
        let images = used();
        let before = images.set().0.table.entries;
        let mut content = if zero { [0; 4096] } else { images.read_block(block) };
        content[at] = value;
        images.write_block(block, &content);
        let output = images.run("check", &["--json"]);
        let code = output.status.code();
        prop_assert!(code == Some(0) || code == Some(4), "{code:?}");
        if code == Some(0) {
            prop_assert_eq!(images.set().0.table.entries, before);
        }
    }
}
