// SPDX-License-Identifier: GPL-2.0-only

//! `create` and `status`: the table that is made, and what is made of the status line.

use crate::fake::{spare_line, Fake, WORDS};
use crate::images::{text, Images, MAIN_SECTORS};
use sparectl::commands::status::table;
use sparectl::failure::Failure;
use sparectl::status_line::TargetStatus;

#[test]
fn the_table_line_names_everything_that_was_asked() {
    let images = Images::blank();
    let (main, spare) = (images.main(), images.spare());
    let fake = Fake::default();
    let uuid = "6f0d6a2c-8a0e-4b1f-9d55-0f3f4be0c111";
    let (code, output) = fake
        .run(&[
            "create",
            "mended",
            text(&main),
            text(&spare),
            "--read-retries",
            "3",
            "--fail-after",
            "100",
            "--read-only",
            "--metadata-copies",
            "3",
            "--commit-timeout",
            "500",
            "--uuid",
            uuid,
        ])
        .expect("success");
    assert_eq!(code, 0);
    let (main, spare) = (
        main.canonicalize().expect("main"),
        spare.canonicalize().expect("spare"),
    );
    assert_eq!(
        fake.asked(),
        [format!(
            "create mended: 0 {MAIN_SECTORS} spare {} {} 13 mode remap read_retries 3 fail_after 100 metadata_copies 3 commit_timeout 500 read_only uuid {uuid}",
            main.display(),
            spare.display()
        )]
    );
    assert_eq!(
        output,
        format!("/dev/mapper/mended: ok, {MAIN_SECTORS} sectors, 3 blocks remapped, 1 poisoned\n")
    );
}

#[test]
fn without_options_there_is_the_mode() {
    let images = Images::blank();
    let fake = Fake::default();
    fake.run(&[
        "create",
        "mended",
        text(&images.main()),
        text(&images.spare()),
    ])
    .expect("success");
    assert!(
        fake.asked()[0].ends_with(" 2 mode remap"),
        "{:?}",
        fake.asked()
    );
}

#[test]
fn what_cannot_be_created_is_refused_before_the_kernel_is_asked() {
    let images = Images::blank();
    let (main, spare) = (images.main(), images.spare());
    let fake = Fake::with_device();
    let long = "n".repeat(128);
    for (words, part) in [
        (
            ["create", "mended", text(&main), text(&spare)],
            "a mapped device mended exists",
        ),
        (
            ["create", "a/b", text(&main), text(&spare)],
            "the name `a/b` cannot be used",
        ),
        (
            ["create", "", text(&main), text(&spare)],
            "the name `` cannot be used",
        ),
        (
            ["create", &long, text(&main), text(&spare)],
            "cannot be used",
        ),
        (
            ["create", "new", text(&main), text(&main)],
            "are the same device",
        ),
        (
            ["create", "new", "/nonexistent", text(&main)],
            "cannot open /nonexistent",
        ),
    ] {
        let failure = fake.run(&words).expect_err(part);
        assert!(failure.to_string().contains(part), "{failure}");
    }
    assert_eq!(fake.asked(), Vec::<String>::new());
}

#[test]
fn the_kernels_sentence_is_handed_on() {
    let images = Images::blank();
    let sentence =
        "the spare belongs to a main device of 8 sectors and this one has 804; use the right pair";
    let fake = Fake {
        refusal: Some(Failure::new(sentence)),
        ..Fake::default()
    };
    let failure = fake
        .run(&[
            "create",
            "mended",
            text(&images.main()),
            text(&images.spare()),
        ])
        .expect_err("a failure");
    assert_eq!(failure.to_string(), sentence);
}

#[test]
fn a_path_with_a_blank_is_refused() {
    let images = Images::blank();
    let odd = images.folder().join("a b");
    std::fs::copy(images.spare(), &odd).expect("a copy");
    let failure = Fake::default()
        .run(&["create", "mended", text(&images.main()), text(&odd)])
        .expect_err("a failure");
    assert!(
        failure.to_string().contains("cannot stand in a table line"),
        "{failure}"
    );
}

#[test]
fn a_status_line_is_read_whole() {
    let status =
        TargetStatus::parse(&spare_line(8000, &format!("{WORDS} later=x"))).expect("a status");
    assert_eq!(
        (status.mode.as_str(), status.state.as_str()),
        ("remap", "ok")
    );
    assert_eq!(status.count("remapped"), 3);
    assert_eq!(status.count("nothing"), 0);
    assert_eq!(
        (status.shares["slots"].part, status.shares["slots"].whole),
        (4, 49000)
    );
    assert_eq!(status.words["later"], "x");
    for words in ["", "remap", "remap ok what"] {
        let failure = TargetStatus::parse(&spare_line(8, words)).expect_err(words);
        assert!(
            failure
                .to_string()
                .contains(&format!("the status line `{words}`")),
            "{failure}"
        );
    }
}

#[test]
fn status_is_printed_as_a_table_and_as_json() {
    let fake = Fake::with_device();
    let (_, text) = fake.run(&["status", "mended"]).expect("success");
    assert!(text.starts_with("mended: remap, ok\n"), "{text}");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert!(rows.contains(&vec!["slots", "4", "of", "49000"]), "{text}");
    assert!(rows.contains(&vec!["media", "errors", "5"]), "{text}");
    let (_, text) = fake.run(&["status", "mended", "--json"]).expect("success");
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(value["counts"]["commits"], 7);
    assert_eq!(value["shares"]["copies"]["whole"], 2);
    assert_eq!(value["words"]["main"], "failing");
}

#[test]
fn rates_are_per_second() {
    let old = TargetStatus::parse(&spare_line(8000, "remap ok commits=7")).expect("a status");
    let new = TargetStatus::parse(&spare_line(8000, "remap ok commits=12")).expect("a status");
    assert!(table("mended", &new, Some((&old, 2.0))).contains("+2.5/s"));
    assert!(table("mended", &old, Some((&new, 2.0))).contains("-2.5/s"));
    assert!(!table("mended", &new, Some((&old, 0.0))).contains("/s"));
}

#[test]
fn a_device_that_is_not_there_is_a_failure() {
    assert!(Fake::default().run(&["status", "mended"]).is_err());
    assert!(Fake::default()
        .run(&["status", "mended", "--watch"])
        .is_err());
}
