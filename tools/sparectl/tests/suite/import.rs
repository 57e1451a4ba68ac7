// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl import`: lists become messages.

use crate::fake::Fake;
use crate::images::text;
use std::path::PathBuf;

fn list(content: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("list");
    std::fs::write(&path, content).expect("a list");
    (folder, path)
}

fn fake() -> Fake {
    Fake::with_device().answering("remap", "remapped 1\nunchanged 0\nfailed 0\n")
}

#[test]
fn a_badblocks_list_is_sent() {
    let (_folder, path) = list("40\n41\n48\n");
    let fake = fake();
    let (code, output) = fake
        .run(&["import", "mended", "--badblocks", text(&path)])
        .expect("success");
    assert_eq!(code, 0);
    assert_eq!(
        fake.asked(),
        ["message mended 0 remap 10 1", "message mended 0 remap 12 1"]
    );
    assert!(
        output.contains("the list names 2 blocks of 4096 bytes in 2 runs"),
        "{output}"
    );
    assert!(output.contains("remapped    2"), "{output}");
}

#[test]
fn the_block_size_counts() {
    let (_folder, path) = list("40\n41\n48\n");
    let fake = fake();
    fake.run(&[
        "import",
        "mended",
        "--badblocks",
        text(&path),
        "--block-size",
        "4096",
    ])
    .expect("success");
    assert_eq!(
        fake.asked(),
        ["message mended 0 remap 40 2", "message mended 0 remap 48 1"]
    );
}

#[test]
fn a_map_file_is_sent() {
    let (_folder, path) = list("0x0 +\n0x0 0x5000 +\n0x5000 0x1200 -\n0x6200 0x1000 ?\n");
    let fake = fake();
    let (_, output) = fake
        .run(&["import", "mended", "--ddrescue", text(&path), "--json"])
        .expect("success");
    assert_eq!(fake.asked(), ["message mended 0 remap 5 2"]);
    let value: serde_json::Value = serde_json::from_str(&output).expect("JSON");
    assert_eq!(value["remapped"], 1);
}

#[test]
fn a_dry_run_sends_nothing() {
    let (_folder, path) = list("40\n41\n48\n");
    let fake = fake();
    let (_, output) = fake
        .run(&["import", "mended", "--badblocks", text(&path), "--dry-run"])
        .expect("success");
    assert_eq!(output, "remap 10 1\nremap 12 1\nthe list names 2 blocks of 4096 bytes in 2 runs; nothing was changed\n");
    let (_, output) = fake
        .run(&[
            "import",
            "mended",
            "--badblocks",
            text(&path),
            "--dry-run",
            "--json",
        ])
        .expect("success");
    assert_eq!(
        output,
        "[{\"block\":10,\"count\":1},{\"block\":12,\"count\":1}]\n"
    );
    assert_eq!(fake.asked(), Vec::<String>::new());
}

#[test]
fn a_list_of_another_disk_is_refused_as_a_whole() {
    let (_folder, path) = list("40\n4000\n");
    let fake = fake();
    let failure = fake
        .run(&["import", "mended", "--badblocks", text(&path)])
        .expect_err("a failure");
    assert!(
        failure
            .to_string()
            .contains("from block 1000 on do not fit"),
        "{failure}"
    );
    assert!(failure.to_string().contains("--block-size"), "{failure}");
    assert_eq!(fake.asked(), Vec::<String>::new());
}

#[test]
fn a_map_file_of_another_disk_is_refused_as_a_whole() {
    let (_folder, path) = list("0x0 +\n0x5000 0x1000 -\n0x40000000 0x1000 -\n");
    let fake = fake();
    let failure = fake
        .run(&["import", "mended", "--ddrescue", text(&path)])
        .expect_err("a failure");
    assert!(
        failure
            .to_string()
            .contains("from block 262144 on do not fit"),
        "{failure}"
    );
    assert_eq!(fake.asked(), Vec::<String>::new());
}

#[test]
fn a_wrong_block_size_is_noticed_if_the_list_does_not_fit() {
    let (_folder, path) = list("3000\n");
    for (size, fits) in [
        ("1024", true),
        ("512", true),
        ("4096", false),
        ("1048576", false),
    ] {
        let result = fake().run(&[
            "import",
            "mended",
            "--badblocks",
            text(&path),
            "--block-size",
            size,
            "--dry-run",
        ]);
        assert_eq!(result.is_ok(), fits, "{size}");
        if let Err(failure) = result {
            assert!(failure.to_string().contains("--block-size"), "{failure}");
        }
    }
}

#[test]
fn a_list_that_is_none_is_refused() {
    let (_folder, path) = list("\u{0}\u{1}");
    let failure = fake()
        .run(&["import", "mended", "--badblocks", text(&path)])
        .expect_err("a failure");
    assert!(
        failure.to_string().contains("line 1 of the list"),
        "{failure}"
    );
    let failure = fake()
        .run(&["import", "mended", "--ddrescue", "/nonexistent/map"])
        .expect_err("a failure");
    assert!(
        failure.to_string().contains("cannot read /nonexistent/map"),
        "{failure}"
    );
}
