// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl dump` and `restore`: map and pool as text, and back.

use crate::dedup_driver::{content, fill_in, used, Driver};
use crate::dedup_images::{DedupImages, GEOMETRY};
use crate::images::{stderr, stdout, text};
use dm_spare_engine::dedup::Leg;
use dm_spare_engine::Block;
use std::path::PathBuf;

fn dump(images: &DedupImages) -> String {
    let before = images.bytes();
    let output = images.run_on_both("dump", &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(images.bytes() == before, "a dump has written");
    stdout(&output)
}

/// A file with a dump beside the images.
fn file(images: &DedupImages, lines: &str) -> PathBuf {
    let path = images.path(Leg::Main).with_file_name("dump");
    std::fs::write(&path, lines).expect("a file");
    path
}

fn restore(images: &DedupImages, lines: &str) -> std::process::Output {
    let path = file(images, lines);
    images.run_on_both("restore", &["--input", text(&path)])
}

/// The data where it lies, and rubbish in place of all metadata; the first blocks are blank.
fn only_data(images: &DedupImages) -> DedupImages {
    let copy = images.copy();
    for block in 17..images.layout().data_start {
        copy.write(Leg::Main, block, &content(block + 77_777));
    }
    for block in 0..17 {
        copy.clear(Leg::Main, block);
    }
    for block in 0..16 {
        copy.clear(Leg::Spare, block);
    }
    copy
}

fn reads(images: &DedupImages) -> Vec<Option<Vec<u8>>> {
    let mut driver = Driver::new(images);
    [
        0, 7, 289, 290, 295, 299, 300, 1000, 1019, 2500, 2501, 2600, 2700, 2709, 2999,
    ]
    .map(|lbn| driver.read(lbn).map(|block| block.0.to_vec()))
    .to_vec()
}

#[test]
fn lines_say_what_the_volume_holds() {
    let lines = dump(&used());
    let parsed: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(parsed[0]["volume"]["logical_blocks"], 3000);
    let map: Vec<_> = parsed
        .iter()
        .filter(|line| line["map"].is_object())
        .collect();
    assert_eq!(map[0]["map"]["lbn"], 0);
    assert_eq!(map[0]["map"]["blocks"], 290);
    assert!(
        lines.contains("{\"map\":{\"lbn\":2600,\"blocks\":1,\"to\":\"zero\"}}\n"),
        "{lines}"
    );
    assert!(
        lines.contains("{\"map\":{\"lbn\":2700,\"blocks\":10,\"to\":\"poisoned\"}}\n"),
        "{lines}"
    );
    let pool: Vec<_> = parsed
        .iter()
        .filter(|line| line["pool"].is_object())
        .collect();
    assert_eq!(pool.len(), 295);
    assert_eq!(pool[0]["pool"]["count"], 3);
    assert_eq!(parsed.last().expect("an end")["end"]["mapped_blocks"], 317);
}

#[test]
fn what_was_dumped_is_restored() {
    let images = used();
    let lines = dump(&images);
    let copy = only_data(&images);
    let output = restore(&copy, &lines);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stdout(&output).contains("317 blocks mapped, 295 used"),
        "{}",
        stdout(&output)
    );
    let checked = copy.run("check", &["--data"]);
    assert!(
        stdout(&checked).contains("clean: 0 errors, 0 notes"),
        "{}",
        stdout(&checked)
    );
    assert!(dump(&copy) == lines);
    assert!(reads(&copy) == reads(&images));
    let mut driver = Driver::new(&copy);
    driver.write(5, content(4711));
    driver.suspend();
    assert_eq!(copy.run("check", &["--data"]).status.code(), Some(0));
}

#[test]
fn what_a_crash_has_left_in_the_journal_is_dumped_and_never_replayed_again() {
    let images = DedupImages::blank(GEOMETRY);
    let mut driver = Driver::new(&images);
    fill_in(&mut driver);
    drop(driver);
    let lines = dump(&images);
    assert_eq!(lines, dump(&used()));
    images.clear(Leg::Main, 0);
    images.clear(Leg::Spare, 0);
    let output = restore(&images, &lines);
    assert!(output.status.success(), "{}", stderr(&output));
    let checked = images.run("check", &["--data"]);
    assert!(
        stdout(&checked).contains("clean: 0 errors, 0 notes"),
        "{}",
        stdout(&checked)
    );
    assert!(dump(&images) == lines);
}

#[test]
fn dumps_that_are_not_whole_are_refused() {
    let images = used();
    let lines = dump(&images);
    let first_pool = lines
        .lines()
        .position(|line| line.starts_with("{\"pool\""))
        .expect("one");
    let without = |number: usize| -> String {
        lines
            .split_inclusive('\n')
            .enumerate()
            .filter(|(at, _)| *at != number)
            .map(|(_, line)| line)
            .collect()
    };
    let last = lines.lines().count() - 1;
    for (broken, words) in [
        (without(last), "the dump ends before its last line"),
        (
            without(0),
            "line 1 of the dump does not say what the volume is",
        ),
        (without(1), "counts 317 mapped and 295 used blocks"),
        (without(first_pool), "counts 317 mapped and 295 used blocks"),
        (
            lines.replace("\"count\":3", "\"count\":2"),
            "counts 317 mapped and 295 used blocks",
        ),
        (
            lines.replace("\"to\":\"zero\"", "\"to\":\"nothing\""),
            "means nothing",
        ),
        (
            lines.replace("\"lbn\":2600", "\"lbn\":3600"),
            "which are not there",
        ),
        (
            lines.replace("\"lbn\":2600", "\"lbn\":60"),
            "or were named before",
        ),
        (
            lines.replace(
                "\"lbn\":2600,\"blocks\":1,\"to\":\"zero\"",
                "\"lbn\":2600,\"blocks\":1,\"to\":20",
            ),
            "refers to block 20 of main",
        ),
        (
            lines.replace("\"version\":1", "\"version\":9"),
            "of version 9",
        ),
        (
            lines.replace("\"main_blocks\":2000", "\"main_blocks\":2001"),
            "formatted for 2001",
        ),
    ] {
        let copy = only_data(&images);
        let output = restore(&copy, &broken);
        assert_eq!(output.status.code(), Some(1), "{words}");
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
        for leg in Leg::BOTH {
            assert!(
                copy.read(leg, 0).0 == Block([0; 4096]).0,
                "{words}: a volume was made"
            );
        }
    }
}

#[test]
fn a_volume_is_not_restored_over() {
    let images = used();
    let lines = dump(&images);
    let before = images.bytes();
    let output = restore(&images, &lines);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("is not blank, it holds main of volume"),
        "{}",
        stderr(&output)
    );
    assert!(images.bytes() == before);
}

#[test]
fn a_dump_goes_to_a_file_that_is_new() {
    let images = used();
    let path = images.path(Leg::Main).with_file_name("dump");
    let output = images.run_on_both("dump", &["--output", text(&path)]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(
        std::fs::read_to_string(&path).expect("a file"),
        dump(&images)
    );
    let again = images.run_on_both("dump", &["--output", text(&path)]);
    assert_eq!(again.status.code(), Some(1));
}

#[test]
fn damaged_pages_leave_a_dump_without_an_end() {
    let images = used();
    let layout = images.layout();
    let address = layout.page_address(layout.first_map_page());
    images.damage(Leg::Main, address);
    let output = images.run_on_both("dump", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains(&format!("the page in block {address} of main")),
        "{}",
        stderr(&output)
    );
    assert!(!stdout(&output).contains("{\"end\""));
}
