// SPDX-License-Identifier: GPL-2.0-only

//! Deduplicated volumes whose metadata was patched.

#![no_main]

use dm_spare_simulator::fuzz::{dedup_volume, write_seeds_if_asked};
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: write_seeds_if_asked(dedup_volume::seeds),
    |data: &[u8]| dedup_volume::run(data)
);
