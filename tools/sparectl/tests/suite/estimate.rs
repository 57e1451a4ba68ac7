// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl estimate`: what it counts.

use crate::dedup_driver::content;
use crate::images::{sparectl, stderr, stdout, text};
use std::fs::{create_dir, hard_link, write, File};
use std::os::unix::fs::{symlink, FileExt};
use std::path::Path;

fn estimate(paths: &[&Path], more: &[&str]) -> serde_json::Value {
    let mut arguments = vec!["estimate", "--json"];
    arguments.extend(paths.iter().map(|path| text(path)));
    arguments.extend(more);
    let output = sparectl(&arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn numbers(numbers: impl IntoIterator<Item = u64>) -> Vec<u8> {
    numbers
        .into_iter()
        .flat_map(|number| content(number).0)
        .collect()
}

#[test]
fn blocks_of_a_folder_are_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    create_dir(path.join("below")).expect("a folder");
    write(path.join("one"), numbers(1..=10)).expect("a file");
    write(path.join("below/two"), numbers((5..=12).chain([0, 0]))).expect("a file");
    // A file with two names counts once, what a link names not at all, and the rest of a block is zeros.
    hard_link(path.join("one"), path.join("below/again")).expect("a name");
    symlink("/etc/passwd", path.join("link")).expect("a link");
    let mut padded = numbers([20]);
    padded.truncate(4000);
    write(path.join("short"), padded).expect("a file");
    write(path.join("empty"), []).expect("a file");
    let report = estimate(&[path], &[]);
    assert_eq!(report["files"], 4, "{report}");
    assert_eq!(report["blocks"], 21);
    assert_eq!(report["zero_blocks"], 2);
    assert_eq!(report["distinct_blocks"], 13);
    assert_eq!(report["exact"], true);
    assert_eq!(report["saving_percent"], 38.1);
    let said = stdout(&sparectl(&["estimate", text(path)]));
    assert!(said.contains("distinct        13\n"), "{said}");
    assert!(said.contains("saving          38.1%\n"), "{said}");
}

#[test]
fn holes_are_zeros() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sparse");
    let file = File::create(&path).expect("a file");
    file.set_len(4096 * 1_000_000 + 5).expect("a size");
    file.write_all_at(&numbers(1..=3), 4096 * 777)
        .expect("data");
    file.write_all_at(&numbers([1]), 4096 * 500_000)
        .expect("data");
    let report = estimate(&[&path], &[]);
    assert_eq!(report["blocks"], 1_000_001);
    assert_eq!(report["zero_blocks"], 1_000_001 - 4);
    assert_eq!(report["distinct_blocks"], 3);
    assert_eq!(report["saving_percent"], 100.0);
}

#[test]
fn little_memory_gives_an_estimate() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("many");
    let count = 40_000;
    write(&path, numbers(1..=count)).expect("a file");
    let report = estimate(&[&path], &["--memory", "1"]);
    assert_eq!(report["exact"], false, "{report}");
    let distinct = report["distinct_blocks"].as_f64().expect("a number");
    assert!((distinct / count as f64 - 1.0).abs() < 0.03, "{report}");
    assert!(
        stdout(&sparectl(&["estimate", text(&path), "--memory", "1"])).contains(", estimated\n")
    );
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, absent) = (folder.path().join("one"), folder.path().join("absent"));
    write(&one, numbers(1..=4)).expect("a file");
    let output = sparectl(&["estimate", "--json", text(&absent), text(&one)]);
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (&report["unreadable"], &report["blocks"]),
        (&1.into(), &4.into())
    );
    assert!(
        stderr(&output).contains(text(&absent)),
        "{}",
        stderr(&output)
    );
}

#[test]
fn nothing_saves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = estimate(&[folder.path()], &[]);
    assert_eq!(
        (&report["blocks"], &report["saving_percent"]),
        (&0.into(), &0.0.into())
    );
}
