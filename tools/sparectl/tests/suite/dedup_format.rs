// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl format --mode dedup`: what it writes, and what it refuses.

use crate::dedup_driver::{content, Driver};
use crate::dedup_images::DedupImages;
use crate::images::{sparectl, stderr, stdout, text};
use dm_spare_engine::dedup::format::Geometry;
use dm_spare_engine::dedup::{index_geometry, Leg};

const UUID: &str = "6f0d6a2c-8a0e-4b1f-9d55-0f3f4be0c111";
/// 64 MiB: the smallest main.
const MAIN_BLOCKS: u64 = 16384;

/// Blank images, and the geometry that the options below give.
fn images(main_blocks: u64, sectors: u64) -> DedupImages {
    DedupImages::blank(Geometry {
        main_blocks,
        logical_blocks: sectors / 8,
        journal_blocks: 256,
        index_blocks: 0,
    })
}

fn format(images: &DedupImages, more: &[&str]) -> std::process::Output {
    images.run_on_both("format", &[&["--mode", "dedup"], more].concat())
}

/// The sentence of a refusal, which writes nothing.
fn refusal(images: &DedupImages, more: &[&str]) -> String {
    let before = images.bytes();
    let output = format(images, more);
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    assert!(images.bytes() == before, "a refusal writes nothing");
    stderr(&output)
}

#[test]
fn a_formatted_volume_is_clean_and_loads() {
    let images = images(MAIN_BLOCKS, 500_000);
    let output = format(&images, &["--sectors", "500000", "--uuid", UUID]);
    assert!(output.status.success(), "{}", stderr(&output));
    let said = stdout(&output);
    assert!(
        said.contains(&format!("volume {UUID}, 500000 sectors, ")),
        "{said}"
    );
    assert!(said.contains("table line: 0 500000 spare "), "{said}");
    assert!(
        said.contains(" 6 mode dedup journal_mb 1 index_memory 0\n"),
        "{said}"
    );
    let shown = stdout(&images.run("show", &[]));
    assert!(shown.contains(UUID), "{shown}");
    assert!(shown.contains("suspended cleanly   yes"), "{shown}");
    let checked = images.run("check", &["--data"]);
    assert_eq!(checked.status.code(), Some(0), "{}", stdout(&checked));
    assert!(stdout(&checked).contains("clean: 0 errors, 0 notes"));
    let mut driver = Driver::new(&images);
    driver.write(62_499, content(1));
    assert_eq!(driver.used(), 1);
    driver.suspend();
    assert_eq!(images.run("check", &["--data"]).status.code(), Some(0));
}

#[test]
fn two_volumes_have_two_names_and_secrets() {
    let made = [(), ()].map(|()| {
        let images = images(MAIN_BLOCKS, MAIN_BLOCKS * 8);
        assert!(format(&images, &[]).status.success());
        images.read(Leg::Main, 0)
    });
    assert_ne!(made[0].0[32..48], made[1].0[32..48]);
    assert_ne!(made[0].0[120..136], made[1].0[120..136]);
}

#[test]
fn the_index_has_the_room_that_its_size_takes() {
    let index = index_geometry(16).expect("a size").disk_blocks();
    let images = images(index * 16, 80_000);
    let output = format(&images, &[]);
    assert!(
        stdout(&output).contains("index_memory 16\n"),
        "{}",
        stderr(&output)
    );
    let shown = stdout(&images.run("show", &[]));
    assert!(
        shown.contains(&format!("area of the index   {index} blocks")),
        "{shown}"
    );
    assert!(
        shown.contains("index               blank: it is made anew"),
        "{shown}"
    );
}

#[test]
fn what_is_not_blank_is_refused_and_forced() {
    for (leg, block) in [
        (Leg::Main, 0),
        (Leg::Spare, 0),
        (Leg::Main, 5),
        (Leg::Spare, 7),
    ] {
        let images = images(MAIN_BLOCKS, MAIN_BLOCKS * 8);
        images.write(leg, block, &content(9));
        let sentence = refusal(&images, &[]);
        assert!(sentence.contains("is not blank"), "{sentence}");
        let forced = format(&images, &["--force"]);
        assert!(forced.status.success(), "{}", stderr(&forced));
        assert_eq!(images.run("check", &[]).status.code(), Some(0));
    }
}

#[test]
fn a_volume_is_not_formatted_over_by_either_mode() {
    let images = images(MAIN_BLOCKS, MAIN_BLOCKS * 8);
    assert!(format(&images, &["--uuid", UUID]).status.success());
    let sentence = refusal(&images, &[]);
    assert!(
        sentence.contains(&format!("it holds main of volume {UUID}")),
        "{sentence}"
    );
    let (main, spare) = (images.path(Leg::Main), images.path(Leg::Spare));
    let remap = sparectl(&["format", text(&spare), text(&main)]);
    assert_eq!(remap.status.code(), Some(1));
    let sentence = stderr(&remap);
    assert!(
        sentence.contains(&format!("it holds main of volume {UUID}")),
        "{sentence}"
    );
    // What the journal of a volume has left must not be taken for another's.
    let mut driver = Driver::new(&images);
    driver.write(1, content(1));
    driver.flush();
    drop(driver);
    let sentence = refusal(&images, &["--uuid", UUID, "--force"]);
    assert!(sentence.contains("choose another UUID"), "{sentence}");
}

#[test]
fn sizes_and_options_that_cannot_be_are_refused() {
    let usual = images(MAIN_BLOCKS, MAIN_BLOCKS * 8);
    for (more, words) in [
        (vec!["--sectors", "12"], "give a multiple of 8"),
        (vec!["--index-memory", "17"], "there is no index of 17 MiB"),
        (vec!["--index-memory", "16"], "too small or too large"),
        (
            vec!["--metadata-copies", "2"],
            "--metadata-copies is for sets of remap mode",
        ),
    ] {
        let sentence = refusal(&usual, &more);
        assert!(sentence.contains(words), "{sentence}");
    }
    let small = images(MAIN_BLOCKS - 1, 800);
    let sentence = refusal(&small, &[]);
    assert!(
        sentence.contains("main needs at least 131072"),
        "{sentence}"
    );
    let remap = usual.run_on_both("format", &["--sectors", "800"]);
    assert_eq!(remap.status.code(), Some(1));
    assert!(stderr(&remap).contains("--sectors is for volumes of dedup mode"));
    let remap = usual.run_on_both("format", &["--size", "1G"]);
    assert!(stderr(&remap).contains("--size is for volumes of dedup mode"));
}
