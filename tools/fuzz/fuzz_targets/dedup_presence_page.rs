// SPDX-License-Identifier: GPL-2.0-only

//! Presence pages of a deduplicated volume, of any content.

#![no_main]

use dm_spare_engine::dedup::format::Kind;
use dm_spare_simulator::fuzz::{dedup_block, write_seeds_if_asked};
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: write_seeds_if_asked(|| dedup_block::seeds(Kind::Presence)),
    |data: &[u8]| dedup_block::run(Kind::Presence, data)
);
