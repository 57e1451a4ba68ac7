// SPDX-License-Identifier: GPL-2.0-only

//! `activate` and `deactivate`: the configuration, and finding the spare.

use crate::fake::Fake;
use crate::images::{text, Images};
use dm_spare_engine::Uuid;
use sparectl::configuration::Configuration;
use std::path::PathBuf;

/// A set on images, and a folder with its configuration.
struct Configured {
    images: Images,
    uuid: String,
    folder: PathBuf,
}

impl Configured {
    fn new(options: &str) -> Self {
        let images = Images::formatted(2);
        let uuid = Uuid(images.set().0.superblock.uuid).to_string();
        let folder = images.folder().join("etc");
        std::fs::create_dir(&folder).expect("a folder");
        let text = format!(
            "# a set\nUUID={uuid}\nMAIN=\"{}\"\n{options}\n",
            text(&images.main())
        );
        std::fs::write(folder.join("mended.conf"), text).expect("a file");
        std::fs::write(folder.join("README"), "not a configuration").expect("a file");
        Self {
            images,
            uuid,
            folder,
        }
    }

    fn run(&self, fake: &Fake, words: &[&str]) -> Result<String, String> {
        let spare = self.images.spare();
        let mut line = words.to_vec();
        line.extend(["--config-dir", text(&self.folder)]);
        if words[0] == "activate" {
            line.extend(["--spare", text(&spare)]);
        }
        fake.run(&line)
            .map(|(_, text)| text)
            .map_err(|failure| failure.to_string())
    }
}

#[test]
fn a_set_is_activated_by_its_uuid() {
    let set = Configured::new("OPTIONS=read_retries 3 read_only");
    let fake = Fake::default();
    let output = set.run(&fake, &["activate", &set.uuid]).expect("success");
    assert!(output.starts_with("/dev/mapper/mended: ok"), "{output}");
    let asked = fake.asked();
    assert_eq!(asked.len(), 1);
    assert!(
        asked[0].starts_with("create mended: 0 804 spare "),
        "{asked:?}"
    );
    assert!(
        asked[0].ends_with(&format!(
            " 7 mode remap read_retries 3 read_only uuid {}",
            set.uuid
        )),
        "{asked:?}"
    );

    let output = set.run(&fake, &["activate", "--all"]).expect("success");
    assert_eq!(output, "mended: already active\n");
    let output = set.run(&fake, &["deactivate", "--all"]).expect("success");
    assert_eq!(output, "mended: removed\n");
    let output = set.run(&fake, &["deactivate", &set.uuid]).expect("success");
    assert_eq!(output, "mended: not active\n");
}

#[test]
fn the_spare_is_found_by_any_of_its_superblocks() {
    let set = Configured::new("");
    set.images.write_block(0, &[0; 4096]);
    set.run(&Fake::default(), &["activate", "--all"])
        .expect("success");
}

#[test]
fn a_disk_that_begins_with_the_spare_is_not_taken_for_it() {
    let set = Configured::new("");
    // As a disk with the spare as its first partition, but for the partition's offset.
    let spare = std::fs::OpenOptions::new()
        .write(true)
        .open(set.images.spare())
        .expect("the spare");
    spare.set_len(700 * 4096).expect("a size");
    let failure = set
        .run(&Fake::default(), &["activate", "--all"])
        .expect_err("a failure");
    assert!(
        failure.contains("no device holds the spare of set"),
        "{failure}"
    );
}

#[test]
fn a_duplicate_of_the_spare_is_refused() {
    let set = Configured::new("");
    let copy = set.images.folder().join("copy");
    std::fs::copy(set.images.spare(), &copy).expect("a copy");
    let fake = Fake::default();
    let failure = set
        .run(&fake, &["activate", "--all", "--spare", text(&copy)])
        .expect_err("a failure");
    assert!(
        failure.contains("both ") && failure.contains("detach the duplicate"),
        "{failure}"
    );
    assert_eq!(fake.asked(), Vec::<String>::new());
}

#[test]
fn what_is_missing_is_named() {
    let set = Configured::new("");
    let other = "11111111-2222-3333-4444-555555555555";
    let failure = set
        .run(&Fake::default(), &["activate", other])
        .expect_err("a failure");
    assert!(failure.contains(&format!("has UUID={other}")), "{failure}");
    std::fs::remove_file(set.images.main()).expect("no main");
    let failure = set
        .run(&Fake::default(), &["activate", "--all", "--wait", "1"])
        .expect_err("a failure");
    assert!(
        failure.contains("its main device") && failure.contains("does not exist"),
        "{failure}"
    );
}

#[test]
fn a_set_needs_its_main_device_named() {
    let set = Configured::new("");
    let text = format!("UUID={}\n", set.uuid);
    std::fs::write(set.folder.join("mended.conf"), text).expect("a file");
    let fake = Fake::default();
    let failure = set
        .run(&fake, &["activate", "--all"])
        .expect_err("a failure");
    assert!(
        failure.contains("mended.conf has no MAIN: add MAIN="),
        "{failure}"
    );
    assert_eq!(fake.asked(), Vec::<String>::new());
}

#[test]
fn a_file_that_cannot_be_read_does_not_keep_the_others() {
    let set = Configured::new("");
    std::fs::write(set.folder.join("broken.conf"), "COLOUR=blue\n").expect("a file");
    let fake = Fake::default();
    let failure = set
        .run(&fake, &["activate", "--all"])
        .expect_err("a failure");
    assert!(
        failure.contains("line 1 of broken.conf sets `COLOUR`"),
        "{failure}"
    );
    assert_eq!(fake.asked().len(), 1);
    set.run(&fake, &["activate", &set.uuid]).expect("success");
}

#[test]
fn a_folder_that_does_not_exist_is_named() {
    let failure = Fake::default()
        .run(&["activate", "--all", "--config-dir", "/nonexistent"])
        .expect_err("a failure");
    assert!(
        failure.to_string().contains("cannot read /nonexistent"),
        "{failure}"
    );
}

#[test]
fn lines_that_make_no_sense_are_named() {
    let uuid = "UUID=6f0d6a2c-8a0e-4b1f-9d55-0f3f4be0c111";
    for (text, part) in [
        ("".to_owned(), "has no UUID: add UUID="),
        (format!("{uuid}\nMAIN=\n"), "has no MAIN"),
        (
            format!("{uuid}\n{uuid}\n"),
            "line 2 of mended.conf sets UUID again",
        ),
        (
            "what".to_owned(),
            "line 1 of mended.conf is `what`: write KEY=VALUE",
        ),
        (
            "UUID=12\nMAIN=/dev/sdb".to_owned(),
            "`12` is no UUID of a set",
        ),
        (
            format!("{uuid}\nMAIN=/dev/sdb\nOPTIONS=mode remap"),
            "holds `mode`",
        ),
        (
            format!("{uuid}\nMAIN=/dev/sdb\nOPTIONS=uuid x"),
            "holds `uuid`",
        ),
    ] {
        let failure = Configuration::parse("mended", &text)
            .expect_err(&text)
            .to_string();
        assert!(failure.contains(part), "`{failure}` for `{text}`");
    }
    assert!(Configuration::parse("a b", uuid).is_err());
    let without_main = Configuration::parse("vol", uuid).expect("a volume may have no MAIN");
    assert_eq!(without_main.main, None);
}
