// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl format`: what it writes, and what it refuses.

use crate::images::{sparectl, stderr, stdout, text, Images, MAIN_SECTORS, SPARE_BLOCKS};
use proptest::prelude::*;

const UUID: &str = "6f0d6a2c-8a0e-4b1f-9d55-0f3f4be0c111";

#[test]
fn a_formatted_spare_is_shown_and_clean() {
    for copies in ["2", "3", "4"] {
        let images = Images::blank();
        let output = images.format(&["--metadata-copies", copies, "--uuid", UUID]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(stdout(&output).contains(&format!("set {UUID}, {copies} copies")));

        let shown = stdout(&images.run("show", &[]));
        assert!(shown.contains(UUID), "{shown}");
        assert!(shown.contains(&format!("main                {MAIN_SECTORS} sectors")));
        assert!(shown.contains("suspended cleanly   yes"), "{shown}");
        assert_eq!(
            shown.matches(": good\n").count().to_string(),
            copies,
            "{shown}"
        );

        let checked = images.run("check", &["--main", text(&images.main())]);
        assert_eq!(checked.status.code(), Some(0), "{}", stdout(&checked));
        assert!(stdout(&checked).contains("clean: 0 errors, 0 notes"));
    }
}

#[test]
fn main_is_not_touched() {
    let images = Images::blank();
    let content = vec![0x5a; MAIN_SECTORS as usize * 512];
    std::fs::write(images.main(), &content).expect("main");
    assert!(images.format(&[]).status.success());
    assert_eq!(std::fs::read(images.main()).expect("main"), content);
}

#[test]
fn a_spare_with_data_is_refused_and_forced() {
    let images = Images::blank();
    let mut first = [0; 4096];
    first[1080..1082].copy_from_slice(&[0x53, 0xef]);
    images.write_block(0, &first);
    let before = images.bytes();
    let output = images.format(&[]);
    assert_eq!(output.status.code(), Some(1));
    let sentence = stderr(&output);
    assert!(
        sentence.contains("2 of its first 4096 bytes are not zero, from byte 1080 on 53 ef"),
        "{sentence}"
    );
    assert!(sentence.contains("--force"), "{sentence}");
    assert_eq!(images.bytes(), before, "a refusal writes nothing");

    let output = images.format(&["--force"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("held data: 2 of its first 4096 bytes"));
    assert_eq!(images.run("check", &[]).status.code(), Some(0));
}

#[test]
fn a_set_is_refused_even_when_its_first_superblock_is_gone() {
    let images = Images::formatted(2);
    let output = images.format(&[]);
    assert!(
        stderr(&output).contains("it holds spare set"),
        "{}",
        stderr(&output)
    );
    images.write_block(0, &[0; 4096]);
    let before = images.bytes();
    let output = images.format(&[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("it holds spare set"),
        "{}",
        stderr(&output)
    );
    assert_eq!(images.bytes(), before);
}

#[test]
fn force_leaves_nothing_of_the_old_set_to_be_found() {
    let images = Images::formatted(4);
    images.commit(&[crate::images::remap(1, 30, 0)], 0, 15);
    let output = images.format(&["--force", "--metadata-copies", "3"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(images.run("check", &[]).status.code(), Some(0));
    assert!(images.set().0.table.entries.is_empty());
}

#[test]
fn the_uuid_of_an_old_set_is_refused() {
    let images = Images::blank();
    assert!(images.format(&["--uuid", UUID]).status.success());
    let before = images.bytes();
    let output = images.format(&["--uuid", UUID, "--force"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("left over from a set"),
        "{}",
        stderr(&output)
    );
    assert_eq!(images.bytes(), before);
}

#[test]
fn a_damaged_superblock_is_not_taken_for_blank() {
    let images = Images::formatted(2);
    images.write_block(0, &[0; 4096]);
    images.damage(images.layout().superblock(1));
    let output = images.format(&[]);
    assert!(
        stderr(&output).contains("metadata of a spare set"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn devices_that_cannot_be_are_refused() {
    let images = Images::blank();
    let (main, spare) = (images.main(), images.spare());
    let missing = images.folder().join("missing");
    for (arguments, part) in [
        (
            vec!["format", text(&main), text(&main)],
            "are the same device",
        ),
        (vec!["format", text(&main), text(&missing)], "cannot open"),
        (
            vec!["format", "/dev/null", text(&spare)],
            "neither a block device nor an image file",
        ),
    ] {
        let output = sparectl(&arguments);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains(part), "{}", stderr(&output));
    }
    for (arguments, part) in [
        (vec!["--metadata-copies", "5"], "5"),
        (vec!["--uuid", "12"], "give 32 hexadecimal digits"),
        (
            vec!["--uuid", "00000000-0000-0000-0000-000000000000"],
            "not all zero",
        ),
    ] {
        let output = images.format(&arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(part), "{}", stderr(&output));
    }
    assert_eq!(images.bytes(), vec![0; SPARE_BLOCKS as usize * 4096]);
}

#[test]
fn a_spare_that_is_too_small_is_named_with_the_minimum() {
    let images = Images::blank();
    let spare = std::fs::OpenOptions::new()
        .write(true)
        .open(images.spare())
        .expect("the spare");
    spare.set_len(80 * 4096).expect("a size");
    let output = images.format(&[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("the spare has 640 sectors, use one with at least 656"),
        "{}",
        stderr(&output)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_size_is_formatted_clean_or_refused_untouched(blocks in 60u64..700, tail in 0u64..4096, copies in 2u32..=4) {
        let images = Images::blank();
        let spare = std::fs::OpenOptions::new().write(true).open(images.spare()).expect("the spare");
        spare.set_len(blocks * 4096 + tail / 512 * 512).expect("a size");
        let before = images.bytes();
        let output = images.format(&["--metadata-copies", &copies.to_string()]);
        if output.status.success() {
            let checked = images.run("check", &[]);
            prop_assert_eq!(checked.status.code(), Some(0), "{}", stdout(&checked));
        } else {
            prop_assert!(stderr(&output).contains("sectors"), "{}", stderr(&output));
            prop_assert_eq!(images.bytes(), before);
        }
    }
}
