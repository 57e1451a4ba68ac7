// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl show`: what it decodes.

use crate::images::{remap, stderr, stdout, Images};
use dm_spare_engine::format::header::FLAG_CLEAN;
use sparectl::survey::Table;

#[test]
fn the_table_is_listed() {
    let images = Images::formatted(3);
    images.commit(
        &[remap(3, 210, 0), remap(7, 0, 0xff), remap(9, 211, 0x81)],
        FLAG_CLEAN,
        7,
    );
    let shown = stdout(&images.run("show", &["--remaps"]));
    assert!(shown.contains("block 3: slot 210\n"), "{shown}");
    assert!(
        shown.contains("block 7: no slot, lost sectors 56 57 58 59 60 61 62 63\n"),
        "{shown}"
    );
    assert!(
        shown.contains("block 9: slot 211, lost sectors 72 79\n"),
        "{shown}"
    );
    assert!(shown.contains("remapped blocks     2"), "{shown}");
    assert!(shown.contains("poisoned blocks     2"), "{shown}");
}

#[test]
fn json_says_the_same() {
    let images = Images::formatted(2);
    images.commit(&[remap(3, 210, 0)], 0, 3);
    let (_, lineage) = images.set();
    let output = images.run("show", &["--json", "--remaps"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["set"]["remapped"], 1);
    assert_eq!(report["set"]["state"]["tid"], lineage.last);
    assert_eq!(report["set"]["state"]["clean"], false);
    assert_eq!(report["set"]["copies"][1]["newest"], lineage.last);
    assert_eq!(report["remaps"][0]["slot"], 210);
    let layout = images.layout();
    let slots = 600 - 2 * layout.copy_blocks();
    assert_eq!(report["set"]["slots"], slots);
    let without: serde_json::Value =
        serde_json::from_slice(&images.run("show", &["--json"]).stdout).expect("JSON");
    assert!(without.get("remaps").is_none());
}

#[test]
fn the_health_of_each_copy_is_shown() {
    let images = Images::formatted(2);
    let (set, lineage) = images.set();
    images.damage(set.layout.checkpoint(1, lineage.area, 0).expect("a block"));
    let shown = stdout(&images.run("show", &[]));
    assert!(shown.contains("copy 0, from block 0: good"), "{shown}");
    assert!(
        shown.contains(&format!(
            "copy 1, from block {}: 1 errors",
            set.layout.superblock(1)
        )),
        "{shown}"
    );
    assert!(shown.contains("alone it gives    nothing"), "{shown}");
}

#[test]
fn a_spare_without_a_set_is_refused() {
    let output = Images::blank().run("show", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("holds no set that can be read"),
        "{}",
        stderr(&output)
    );
    assert!(stdout(&output).contains("superblock in block 0: blank"));
}

#[test]
fn a_record_of_nothing_takes_the_block_out_of_the_table() {
    let mut table = Table::default();
    table.apply(&remap(3, 210, 0));
    table.apply(&remap(4, 0, 0xff));
    assert_eq!((table.remapped(), table.poisoned()), (1, 1));
    table.apply(&remap(3, 0, 0));
    assert_eq!((table.remapped(), table.poisoned()), (0, 1));
}
