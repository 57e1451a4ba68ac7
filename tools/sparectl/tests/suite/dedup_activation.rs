// SPDX-License-Identifier: GPL-2.0-only

//! `activate` of volumes of dedup mode, whose legs both carry the UUID.

use crate::dedup_images::DedupImages;
use crate::fake::Fake;
use crate::images::{stderr, text};
use dm_spare_engine::dedup::format::Geometry;
use dm_spare_engine::dedup::Leg;
use std::path::PathBuf;

const UUID: &str = "6f0d6a2c-8a0e-4b1f-9d55-0f3f4be0c111";
const OTHER: &str = "11111111-2222-3333-4444-555555555555";

/// A volume of 200 MiB on images, and a folder with its configuration.
struct Configured {
    images: DedupImages,
    folder: tempfile::TempDir,
}

fn formatted(uuid: &str) -> DedupImages {
    let images = DedupImages::blank(Geometry {
        main_blocks: 16384,
        logical_blocks: 51_200,
        journal_blocks: 256,
        index_blocks: 0,
    });
    let options = ["--mode", "dedup", "--size", "200M", "--uuid", uuid];
    let output = images.run_on_both("format", &options);
    assert!(output.status.success(), "{}", stderr(&output));
    images
}

impl Configured {
    fn new() -> Self {
        let configured = Self {
            images: formatted(UUID),
            folder: tempfile::tempdir().expect("a folder"),
        };
        configured.say("");
        configured
    }

    /// Writes the configuration, with more lines.
    fn say(&self, more: &str) {
        std::fs::write(self.file(), format!("UUID={UUID}\n{more}\n")).expect("a file");
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("vol.conf")
    }

    /// Activates; what device-mapper was asked, or the failure.
    fn activate(&self, more: &[&str]) -> Result<String, String> {
        let (main, spare) = (self.images.path(Leg::Main), self.images.path(Leg::Spare));
        let fake = Fake::default();
        let line = [
            &["activate", UUID, "--config-dir", text(self.folder.path())][..],
            &["--spare", text(&spare), "--main", text(&main)],
            more,
        ]
        .concat();
        match fake.run(&line) {
            Ok((_, said)) => {
                assert!(said.starts_with("/dev/mapper/vol: ok, 409600 sectors, 4000 of "));
                Ok(fake.asked().join("\n"))
            }
            Err(failure) => {
                assert_eq!(fake.asked(), Vec::<String>::new(), "{failure}");
                Err(failure.to_string())
            }
        }
    }

    fn main_line(&self) -> String {
        format!("MAIN={}", text(&self.images.path(Leg::Main)))
    }
}

#[test]
fn both_legs_are_found_by_the_uuid() {
    let volume = Configured::new();
    let asked = volume.activate(&[]).expect("success");
    assert!(asked.starts_with("create vol: 0 409600 spare "), "{asked}");
    assert!(
        asked.ends_with(" 6 mode dedup journal_mb 1 index_memory 0"),
        "{asked}"
    );
    volume.say(&volume.main_line());
    assert_eq!(volume.activate(&[]).as_ref(), Ok(&asked));
}

#[test]
fn further_options_are_handed_on_once() {
    let volume = Configured::new();
    volume.say("OPTIONS=cache_mb 128 journal_mb 1");
    let asked = volume.activate(&[]).expect("success");
    assert!(
        asked.ends_with(" 8 mode dedup cache_mb 128 journal_mb 1 index_memory 0"),
        "{asked}"
    );
}

#[test]
fn what_is_missing_is_named() {
    let volume = Configured::new();
    volume.images.clear(Leg::Main, 0);
    let failure = volume.activate(&[]).expect_err("no main");
    assert_eq!(
        failure,
        format!(
            "vol: no device is main of volume {UUID}: attach it, or name it by MAIN= in vol.conf"
        )
    );
    // Where main is named, what its superblock is worth is the kernel's to say.
    volume.say(&volume.main_line());
    volume.activate(&[]).expect("success");
    volume.images.clear(Leg::Spare, 0);
    let failure = volume.activate(&[]).expect_err("no spare");
    assert!(
        failure.contains("no device holds the spare of set"),
        "{failure}"
    );
}

#[test]
fn duplicates_and_strangers_are_refused() {
    let volume = Configured::new();
    for (option, leg, part) in [
        ("--main", Leg::Main, "name the right one by MAIN= or --main"),
        ("--spare", Leg::Spare, "name the right one with --spare"),
    ] {
        let copy = volume.folder.path().join(option);
        std::fs::hard_link(volume.images.path(leg), &copy).expect("another name");
        let failure = volume.activate(&[option, text(&copy)]).expect_err(part);
        assert!(failure.contains(part), "{failure}");
    }
    let stranger = formatted(OTHER);
    volume.say(&format!("MAIN={}", text(&stranger.path(Leg::Main))));
    let failure = volume.activate(&[]).expect_err("a stranger");
    assert!(
        failure.contains(&format!("is main of volume {OTHER}, not of {UUID}")),
        "{failure}"
    );
}

/// As a disk that begins with a leg as its first partition, but for the partition's offset.
#[test]
fn a_larger_device_that_begins_alike_is_passed_over() {
    for (leg, part) in [
        (Leg::Main, "no device is main of volume"),
        (Leg::Spare, "no device holds the spare"),
    ] {
        let volume = Configured::new();
        let file = volume.images.file(leg);
        let length = file.metadata().expect("a file").len();
        file.set_len(length + 4096).expect("a size");
        let failure = volume.activate(&[]).expect_err(part);
        assert!(failure.contains(part), "{failure}");
    }
}
