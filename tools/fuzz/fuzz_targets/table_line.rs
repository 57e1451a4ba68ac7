// SPDX-License-Identifier: GPL-2.0-only

//! Option words of table lines: the module's own parser.

#![no_main]

use dm_spare_simulator::fuzz::write_seeds_if_asked;
use libfuzzer_sys::fuzz_target;

#[path = "../../../src/target/remap/options.rs"]
#[allow(dead_code, unreachable_pub)]
mod options;

fuzz_target!(
    init: write_seeds_if_asked(seeds),
    |line: &str| match options::Options::parse(line.split_ascii_whitespace()) {
        Ok(found) => {
            assert!(found.metadata_copies.is_none_or(|copies| (2..=4).contains(&copies)));
            assert!(found.read_retries <= 100);
            assert!((100..=600_000).contains(&found.commit_timeout));
        }
        Err(refused) => assert!(refused.to_string().len() > 20),
    }
);

fn seeds() -> Vec<Vec<u8>> {
    [
        "",
        "mode remap",
        "mode remap metadata_copies 3",
        "mode remap read_retries 0 commit_timeout 100",
        "mode remap uuid 01234567-89ab-cdef-0123-456789abcdef",
        "mode remap uuid 0123456789abcdef0123456789ABCDEF metadata_copies 4",
        "mode remap read_only fail_after 5",
        "read_retries 3",
        "mode remap read_retries 4294967296",
    ]
    .into_iter()
    .map(|line| line.as_bytes().to_vec())
    .collect()
}
