// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl index-geometry`: the table of sizes.

use crate::images::{sparectl, stderr, stdout};

fn rows(arguments: &[&str]) -> Vec<serde_json::Value> {
    let words: Vec<&str> = ["index-geometry", "--json"]
        .into_iter()
        .chain(arguments.iter().copied())
        .collect();
    let output = sparectl(&words);
    assert!(output.status.success(), "{}", stderr(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    report.as_array().expect("a list").clone()
}

#[test]
fn every_size_that_doubles_is_listed_dense_and_sparse() {
    let table = stdout(&sparectl(&["index-geometry"]));
    assert_eq!(table.lines().count(), 2 + 2 * 18, "{table}");
    for size in ["16 MB", "0.25 GB", "0.75 GB", "1024 GB"] {
        let lines = table
            .lines()
            .filter(|line| line.trim_start().starts_with(size));
        assert_eq!(lines.count(), 2, "{table}");
    }
    assert_eq!(rows(&[]).len(), 36);
    assert_eq!(rows(&["--sparse"]).len(), 18);
}

#[test]
fn one_size_is_within_its_bounds_and_better_than_uds() {
    for (size, gibibytes) in [("0.25", 0.25), ("16", 16.0)] {
        let rows = rows(&["--memory", size]);
        assert_eq!(rows.len(), 2);
        for row in rows {
            let number = |name: &str| row[name].as_f64().expect("a number");
            let uds = |name: &str| row["uds"][name].as_f64().expect("a number");
            assert!(number("memory_bytes") <= gibibytes * 1_073_741_824.0);
            assert!(number("disk_bytes_of_a_record") <= 28.0);
            assert!(number("disk_bytes_of_a_record") < uds("disk_bytes_of_a_record"));
            if row["sparse"] == false {
                assert!(number("memory_bytes_of_a_record") <= 3.3);
            }
            let records = number("records");
            let window = number("window_bytes");
            assert_eq!(window, records * 4096.0);
        }
    }
}

#[test]
fn a_size_that_there_is_not_is_refused() {
    for size in ["17M", "0", "1025", "x", "0.3", "4294967296"] {
        let output = sparectl(&["index-geometry", "--memory", size]);
        assert_eq!(output.status.code(), Some(2), "{size}");
        assert!(stderr(&output).contains("use 16M"), "{}", stderr(&output));
    }
}
