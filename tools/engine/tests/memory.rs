// SPDX-License-Identifier: GPL-2.0-only

//! What the largest table costs.

use dm_spare_engine::format::layout::ENTRIES_MAXIMUM;
use dm_spare_engine::{Engine, Settings};
use kernel::alloc::flags::GFP_KERNEL;

#[test]
fn a_million_remaps_cost_at_most_24_bytes_each() {
    // A spare with a slot for each entry of the largest table.
    let spare_blocks = ENTRIES_MAXIMUM + 40_000;
    let settings = Settings {
        main_sectors: 1 << 40,
        spare_sectors: spare_blocks * 8,
        main_logical_block_sectors: 1,
        spare_logical_block_sectors: 1,
        read_retries: 2,
        metadata_copies: None,
        expected_uuid: None,
        fail_after: 0,
        read_only: false,
        commit_timeout_milliseconds: 30_000,
        max_requests: 64,
        jobs: 16,
    };
    let engine =
        Engine::new(settings, crc32c::crc32c, GFP_KERNEL).unwrap_or_else(|error| panic!("{error}"));
    let bytes = engine.snapshot().memory_bytes;
    assert!(bytes <= 24 * ENTRIES_MAXIMUM, "{bytes} bytes");
}
