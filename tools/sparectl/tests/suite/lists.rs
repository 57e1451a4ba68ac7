// SPDX-License-Identifier: GPL-2.0-only

//! The readers of bad-block lists, and what becomes of the ranges.

use proptest::prelude::*;
use sparectl::bad_blocks::{self, parse_block_size};
use sparectl::rescue_map;
use sparectl::runs::{merge, Run};
use std::collections::BTreeSet;

fn run(block: u64, count: u64) -> Run {
    Run { block, count }
}

const MAP: &str = "\
# Mapfile. Created by GNU ddrescue version 1.27
# Command line: ddrescue /dev/sdb image map
# current_pos  current_status  current_pass
0x00012000     ?               1
#      pos        size  status
0x00000000  0x00008000  +
0x00008000  0x00000200  -
0x00008200  0x00000E00  /
0x00009000  0x00003000  *
0x0000C000  4096        +   # decimal
0x0000D000  0x00000400  -
0x0000D400  0x10000000  ?
";

#[test]
fn a_map_file_gives_what_was_tried_and_not_read() {
    assert_eq!(
        rescue_map::parse(MAP).expect("a map"),
        [run(8, 4), run(13, 1)]
    );
}

#[test]
fn lines_of_a_map_file_that_make_no_sense_are_named() {
    for (text, part) in [
        ("", "the map file is empty"),
        ("# only a comment\n", "the map file is empty"),
        (
            "hello world\n",
            "line 1 of the map file is `hello world`, which is no status line",
        ),
        ("0x0 + 1 1\n", "no status line"),
        (
            "0x0 +\n0x0 0x200\n",
            "line 2 of the map file is `0x0 0x200`, which is not position, size and status",
        ),
        ("0x0 +\n0x0 lots -\n", "whose position or size is no number"),
        ("0x0 +\n-1 0x200 -\n", "whose position or size is no number"),
        ("0x0 +\n0x 0x200 -\n", "whose position or size is no number"),
        ("0x0 +\n09 0x200 -\n", "whose position or size is no number"),
        ("0x0 +\n0x0 0x200 !\n", "whose status is none of"),
        (
            "0x0 +\n0x0 0x400 -\n0x200 0x200 -\n",
            "before the end of the part before it",
        ),
        (
            "0x0 +\n0xFFFFFFFFFFFFFFFF 0x200 -\n",
            "which ends beyond 2^64 bytes",
        ),
        ("0x0 +\n0x10000000000000000 0x200 -\n", "no number"),
    ] {
        let failure = rescue_map::parse(text).expect_err(text).to_string();
        assert!(failure.contains(part), "`{failure}` for `{text}`");
        assert!(
            failure.contains("give a map file as ddrescue writes it"),
            "{failure}"
        );
    }
}

#[test]
fn a_map_file_without_bad_parts_gives_nothing() {
    assert_eq!(
        rescue_map::parse("0x0 + 1\n0x0 0x100000 +\n").expect("a map"),
        []
    );
    assert_eq!(rescue_map::parse("0 +\n0 0 -\n").expect("a map"), []);
}

#[test]
fn a_list_counts_blocks_of_its_own_size() {
    let text = "0\n7\n\n8\n 9 \n100\n";
    assert_eq!(
        bad_blocks::parse(text, 1024).expect("a list"),
        [run(0, 3), run(25, 1)]
    );
    assert_eq!(
        bad_blocks::parse(text, 4096).expect("a list"),
        [run(0, 1), run(7, 3), run(100, 1)]
    );
    assert_eq!(
        bad_blocks::parse("2\n1\n", 65536).expect("a list"),
        [run(16, 32)]
    );
    assert_eq!(bad_blocks::parse("", 1024).expect("a list"), []);
}

#[test]
fn lines_of_a_list_that_make_no_sense_are_named() {
    for (text, part) in [
        ("12\nx\n", "line 2 of the list is `x`"),
        ("-1\n", "line 1 of the list is `-1`"),
        ("+1\n", "line 1 of the list is `+1`"),
        ("1 2\n", "line 1 of the list is `1 2`"),
        ("0x10\n", "line 1 of the list is `0x10`"),
        ("18446744073709551615\n", "no block number of a device"),
        ("18014398509481984\n", "no block number of a device"),
        ("99999999999999999999\n", "no block number of a device"),
    ] {
        let failure = bad_blocks::parse(text, 1024).expect_err(text).to_string();
        assert!(failure.contains(part), "`{failure}` for `{text}`");
        assert!(failure.contains("as badblocks -o writes it"), "{failure}");
    }
    assert_eq!(parse_block_size("4096"), Ok(4096));
    for text in ["0", "511", "1000", "2097152", "-1", "", "4k"] {
        assert!(parse_block_size(text).is_err(), "{text}");
    }
}

#[test]
fn other_systems_line_ends_are_read() {
    assert_eq!(
        rescue_map::parse(&MAP.replace('\n', "\r\n")),
        rescue_map::parse(MAP)
    );
    assert_eq!(
        bad_blocks::parse("8\r\n\r\n9\r\n100", 4096).expect("a list"),
        [run(8, 2), run(100, 1)]
    );
}

#[test]
fn a_block_that_is_named_twice_counts_once() {
    let list = "7\n3\n7\n8\n3\n";
    let expected = [run(3, 1), run(7, 2)];
    assert_eq!(bad_blocks::parse(list, 4096).expect("a list"), expected);
    // Parts of one block of 4 KiB.
    let list = "28\n31\n29\n28\n32\n12\n";
    assert_eq!(bad_blocks::parse(list, 1024).expect("a list"), expected);
    let map = "0 +\n0x3000 0x200 -\n0x3200 0x200 *\n0x7000 0x1200 /\n";
    assert_eq!(rescue_map::parse(map).expect("a map"), expected);
}

#[test]
fn a_list_has_no_comments_and_a_map_file_has() {
    let failure = bad_blocks::parse("# sdb\n12\n", 1024).expect_err("a comment");
    assert!(failure
        .to_string()
        .contains("line 1 of the list is `# sdb`"));
    let failure = bad_blocks::parse("12 # sdb\n", 1024).expect_err("a comment");
    assert!(failure
        .to_string()
        .contains("line 1 of the list is `12 # sdb`"));
    let map = "# one\n\n0 + # two\n   # three\n0x3000 0x1000 - # four\n#0x4000 0x1000 -\n";
    assert_eq!(rescue_map::parse(map).expect("a map"), [run(3, 1)]);
}

#[test]
fn a_range_covers_every_block_that_it_touches() {
    assert_eq!(Run::of_bytes(0, 1), Some(run(0, 1)));
    assert_eq!(Run::of_bytes(4095, 2), Some(run(0, 2)));
    assert_eq!(Run::of_bytes(4096, 4096), Some(run(1, 1)));
    assert_eq!(Run::of_bytes(5, 0), None);
    assert_eq!(Run::of_bytes(u64::MAX, 1), None);
    assert_eq!(Run::of_bytes(u64::MAX - 1, 1), Some(run((1 << 52) - 1, 1)));
}

proptest! {
    #[test]
    fn no_text_panics(text in "[-+?*/ 0-9a-fxFG#\n]{0,200}", size in 9u32..=20) {
        let _ = rescue_map::parse(&text);
        let _ = bad_blocks::parse(&text, 1 << size);
    }

    #[test]
    fn merged_runs_are_the_same_blocks_apart(list in proptest::collection::vec((0u64..500, 1u64..20), 0..40)) {
        let runs: Vec<Run> = list.iter().map(|(block, count)| run(*block, *count)).collect();
        let blocks = |runs: &[Run]| runs.iter().flat_map(|run| run.block..run.end()).collect::<BTreeSet<u64>>();
        let merged = merge(runs.clone());
        prop_assert_eq!(blocks(&merged), blocks(&runs));
        for pair in merged.windows(2) {
            prop_assert!(pair[0].end() < pair[1].block);
        }
    }

    #[test]
    fn pieces_are_the_run(block in 0u64..1000, count in 1u64..1000, most in 1u64..300) {
        let pieces: Vec<Run> = run(block, count).pieces(most).collect();
        prop_assert!(pieces.iter().all(|piece| (1..=most).contains(&piece.count)));
        prop_assert_eq!(merge(pieces), [run(block, count)]);
    }

    #[test]
    fn a_list_that_is_written_is_read(blocks in proptest::collection::btree_set(0u64..100_000, 0..50)) {
        let lines: Vec<String> = blocks.iter().map(u64::to_string).collect();
        let text = lines.join("\n");
        let runs = bad_blocks::parse(&text, 4096).expect("a list");
        let read: BTreeSet<u64> = runs.iter().flat_map(|run| run.block..run.end()).collect();
        prop_assert_eq!(read, blocks);
    }
}
