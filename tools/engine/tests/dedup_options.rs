// SPDX-License-Identifier: GPL-2.0-only

//! The option words of a table line of dedup mode: the module's own parser, compiled for the host.

#[path = "../../../src/target/dedup/options.rs"]
#[allow(dead_code, unreachable_pub)]
mod options;

use options::{OptionError, Options};
use proptest::prelude::*;

fn parse(line: &str) -> Result<Options, OptionError<'_>> {
    Options::parse(line.split_whitespace())
}

#[test]
fn every_option_is_read() {
    assert_eq!(parse("mode dedup"), Ok(Options::DEFAULT));
    assert_eq!(parse("mode dedup verify on"), Ok(Options::DEFAULT));
    assert_eq!(parse("mode dedup check_reads off"), Ok(Options::DEFAULT));
    let options = parse(
        "mode dedup cache_mb 8 journal_mb 4096 commit_ms 1 low_water 68719476736 index_memory 0 check_reads on",
    );
    let expected = Options {
        cache_mb: 8,
        journal_mb: Some(4096),
        commit_ms: 1,
        low_water: 1 << 36,
        index_memory: Some(0),
        check_reads: true,
    };
    assert_eq!(options, Ok(expected));
}

#[test]
fn each_refusal_names_the_word_and_the_remedy() {
    for (line, sentence) in [
        ("mode dedup mode dedup", "option `mode` is given twice: begin the options with `mode dedup`"),
        ("mode dedup cache_mb", "option `cache_mb` has no value: write a value behind it, or count the words again"),
        ("mode dedup cache_mb 7", "option `cache_mb` has the value `7`: give a number from 8 to 65536"),
        ("mode dedup cache_mb +8", "option `cache_mb` has the value `+8`: give a number from 8 to 65536"),
        ("mode dedup journal_mb 4097", "option `journal_mb` has the value `4097`: give a number from 1 to 4096"),
        ("mode dedup commit_ms 60001", "option `commit_ms` has the value `60001`: give a number from 1 to 60000"),
        ("mode dedup low_water -1", "option `low_water` has the value `-1`: give a number from 0 to 68719476736"),
        ("mode dedup low_water 1 low_water 1", "option `low_water` is given twice: give it once"),
        ("mode dedup verify off", "option `verify` has the value `off`: write `on`, since the fast fingerprint alone proves nothing"),
        ("mode dedup check_reads yes", "option `check_reads` has the value `yes`: write `on` or `off`"),
        ("mode dedup read_only on", "option `read_only` is unknown in dedup mode: use cache_mb, journal_mb, commit_ms, low_water, index_memory, verify or check_reads"),
    ] {
        let error = parse(line).expect_err(line);
        assert_eq!(error.to_string(), sentence, "for `{line}`");
    }
}

proptest! {
    #[test]
    fn no_line_panics(words in proptest::collection::vec("[ -~]{0,40}", 0..12)) {
        let _ = Options::parse(words.iter().map(String::as_str)).map_err(|error| error.to_string());
    }
}
