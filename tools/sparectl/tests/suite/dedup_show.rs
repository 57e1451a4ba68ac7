// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl show` of volumes of dedup mode.

use crate::dedup_driver::{fill_in, used, Driver};
use crate::dedup_images::{DedupImages, GEOMETRY};
use crate::images::{sparectl, stderr, stdout, text};
use dm_spare_engine::dedup::Leg;

fn json(arguments: &[&str]) -> serde_json::Value {
    let output = sparectl(arguments);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", stderr(&output)))
}

#[test]
fn both_legs_are_decoded() {
    let images = used();
    let newest = images.newest(Leg::Main);
    let (main, spare) = (images.path(Leg::Main), images.path(Leg::Spare));
    let report = json(&["show", text(&spare), "--main", text(&main), "--json"]);
    assert_eq!(report["mode"], "dedup");
    assert_eq!(
        report["volume"]["uuid"],
        "612d766f-6c75-6d65-2d69-6e2d74657374"
    );
    assert_eq!(report["volume"]["logical_blocks"], GEOMETRY.logical_blocks);
    assert_eq!(
        report["volume"]["data"]["first"],
        images.layout().data_start
    );
    assert_eq!(report["checkpoint"]["number"], newest.number);
    assert_eq!(report["checkpoint"]["used_blocks"], 295);
    assert_eq!(report["checkpoint"]["mapped_blocks"], 317);
    assert_eq!(report["checkpoint"]["clean"], true);
    assert_eq!(report["journal"]["blocks"], 0);
    assert_eq!(report["legs"][1]["leg"], "spare");
    assert_eq!(report["legs"][1]["superblock"], "good");
    let shown = stdout(&images.run("show", &[]));
    for line in [
        "mode                dedup\n",
        "suspended cleanly   yes\n",
        "used blocks         295 at the checkpoint\n",
        "journal             64 blocks, 8 to 71 of main\n",
        "area of the index   none\n",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    // The secret is nobody's business.
    assert!(!shown.contains("secret-in-test"), "{shown}");
}

#[test]
fn each_leg_is_decoded_alone() {
    let images = used();
    let main = json(&["show", text(&images.path(Leg::Main)), "--json"]);
    assert_eq!(main["legs"][0]["leg"], "main");
    assert_eq!(main["journal"]["blocks"], 0);
    let spare = json(&["show", text(&images.path(Leg::Spare)), "--json"]);
    assert_eq!(spare["legs"][0]["leg"], "spare");
    assert!(spare["journal"].is_null());
    assert_eq!(spare["checkpoint"], main["checkpoint"]);
}

#[test]
fn the_journal_that_waits_is_shown() {
    let images = DedupImages::blank(GEOMETRY);
    let mut driver = Driver::new(&images);
    fill_in(&mut driver);
    drop(driver);
    let report = json(&["show", text(&images.path(Leg::Main)), "--json"]);
    assert!(report["journal"]["blocks"].as_u64() > Some(0), "{report}");
    assert!(
        report["journal"]["records"].as_u64() > Some(300),
        "{report}"
    );
    assert_eq!(report["checkpoint"]["clean"], false);
}

#[test]
fn a_damaged_leg_is_shown_by_the_other() {
    let images = used();
    images.damage(Leg::Main, 0);
    let shown = images.run("show", &[]);
    assert!(shown.status.success(), "{}", stderr(&shown));
    assert!(
        stdout(&shown).contains("  superblock        damaged"),
        "{}",
        stdout(&shown)
    );
    images.damage(Leg::Spare, 0);
    let none = images.run("show", &[]);
    assert_eq!(none.status.code(), Some(1));
    assert!(stderr(&none).contains("no superblock"), "{}", stderr(&none));
}

#[test]
fn options_of_remap_mode_are_refused() {
    let output = used().run("show", &["--remaps"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--remaps"), "{}", stderr(&output));
}
