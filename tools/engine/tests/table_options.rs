// SPDX-License-Identifier: GPL-2.0-only

//! The option words of a table line: the module's own parser, compiled for the host.

#[path = "../../../src/target/remap/options.rs"]
#[allow(dead_code, unreachable_pub)]
mod options;

use options::{OptionError, Options};
use proptest::prelude::*;

fn parse(line: &str) -> Result<Options, OptionError<'_>> {
    Options::parse(line.split_whitespace())
}

#[test]
fn no_words_give_the_defaults() {
    assert_eq!(parse(""), Ok(Options::DEFAULT));
    assert_eq!(parse("mode remap"), Ok(Options::DEFAULT));
}

#[test]
fn every_option_is_read() {
    let options = parse(
        "mode remap metadata_copies 4 read_retries 0 fail_after 20 read_only commit_timeout 100 \
         uuid 01234567-89ab-cdef-0123-456789ABCDEF",
    )
    .expect("a good line");
    assert_eq!(options.metadata_copies, Some(4));
    assert_eq!(options.read_retries, 0);
    assert_eq!(options.fail_after, 20);
    assert!(options.read_only);
    assert_eq!(options.commit_timeout, 100);
    let uuid = options.uuid.expect("a uuid was given");
    assert_eq!(uuid[..4], [0x01, 0x23, 0x45, 0x67]);
    assert_eq!(
        dm_spare_engine::Uuid(uuid).to_string(),
        "01234567-89ab-cdef-0123-456789abcdef"
    );
}

#[test]
fn each_refusal_names_the_word_and_the_remedy() {
    for (line, sentence) in [
        ("read_retries 3", "option `read_retries` comes first: begin the options with `mode remap` or `mode dedup`"),
        ("mode mirror", "mode `mirror` is unknown: use `mode remap` or `mode dedup`"),
        ("mode remap mode remap", "option `mode` is not the first: begin the options with `mode remap` or `mode dedup`"),
        ("mode remap read_retries", "option `read_retries` has no value: write a value behind it, or count the words again"),
        ("mode remap read_retries 101", "option `read_retries` has the value `101`: give a number from 0 to 100"),
        ("mode remap read_retries +1", "option `read_retries` has the value `+1`: give a number from 0 to 100"),
        ("mode remap read_retries -1", "option `read_retries` has the value `-1`: give a number from 0 to 100"),
        ("mode remap metadata_copies 1", "option `metadata_copies` has the value `1`: give a number from 2 to 4"),
        ("mode remap metadata_copies 5", "option `metadata_copies` has the value `5`: give a number from 2 to 4"),
        ("mode remap commit_timeout 99", "option `commit_timeout` has the value `99`: give a number from 100 to 600000"),
        ("mode remap commit_timeout 600001", "option `commit_timeout` has the value `600001`: give a number from 100 to 600000"),
        ("read_only", "option `read_only` comes first: begin the options with `mode remap` or `mode dedup`"),
        ("mode remap read_only read_only", "option `read_only` is given twice: give it once"),
        ("mode remap read_only yes", "option `yes` has no value: write a value behind it, or count the words again"),
        ("mode remap fail_after 1000001", "option `fail_after` has the value `1000001`: give a number from 0 to 1000000"),
        ("mode remap uuid 0123", "option `uuid` has the value `0123`: give 32 hexadecimal digits, with hyphens or without"),
        ("mode remap read_retries 1 read_retries 1", "option `read_retries` is given twice: give it once"),
    ] {
        let error = parse(line).expect_err(line);
        assert_eq!(error.to_string(), sentence, "for `{line}`");
    }
    let unknown = parse("mode remap colour blue")
        .expect_err("unknown")
        .to_string();
    assert!(
        unknown.starts_with("option `colour` is unknown: use mode,"),
        "{unknown}"
    );
}

proptest! {
    #[test]
    fn no_line_panics(words in proptest::collection::vec("[ -~]{0,40}", 0..12)) {
        let _ = Options::parse(words.iter().map(String::as_str)).map_err(|error| error.to_string());
    }

    #[test]
    fn a_uuid_that_is_printed_is_read_again(uuid: [u8; 16]) {
        let line = format!("mode remap uuid {}", dm_spare_engine::Uuid(uuid));
        prop_assert_eq!(parse(&line).map(|options| options.uuid), Ok(Some(uuid)));
    }
}
