// SPDX-License-Identifier: GPL-2.0-only

//! Images of a segment of the volume index, of any content.

#![no_main]

use dm_spare_simulator::fuzz::{segment_image, write_seeds_if_asked};
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: write_seeds_if_asked(segment_image::seeds),
    |data: &[u8]| segment_image::run(data)
);
