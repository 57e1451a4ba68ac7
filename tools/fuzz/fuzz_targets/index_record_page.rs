// SPDX-License-Identifier: GPL-2.0-only

//! Record pages of any content.

#![no_main]

use dm_spare_engine::index::format::Kind;
use dm_spare_simulator::fuzz::{index_block, write_seeds_if_asked};
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: write_seeds_if_asked(|| index_block::seeds(Kind::RecordPage)),
    |data: &[u8]| index_block::run(Kind::RecordPage, data)
);
