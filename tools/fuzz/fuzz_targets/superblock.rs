// SPDX-License-Identifier: GPL-2.0-only

//! Superblocks of any content.

#![no_main]

use dm_spare_simulator::fuzz::{superblock, write_seeds_if_asked};
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: write_seeds_if_asked(superblock::seeds),
    |data: &[u8]| superblock::run(data)
);
