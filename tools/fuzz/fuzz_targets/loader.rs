// SPDX-License-Identifier: GPL-2.0-only

//! Activation on images that are almost valid.

#![no_main]

use dm_spare_simulator::fuzz::{loader, write_seeds_if_asked};
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: write_seeds_if_asked(loader::seeds),
    |data: &[u8]| loader::run(data)
);
