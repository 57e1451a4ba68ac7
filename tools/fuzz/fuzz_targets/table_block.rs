// SPDX-License-Identifier: GPL-2.0-only

//! Checkpoint and log blocks of any content.

#![no_main]

use dm_spare_simulator::fuzz::{table_block, write_seeds_if_asked};
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: write_seeds_if_asked(table_block::seeds),
    |data: &[u8]| table_block::run(data)
);
