// SPDX-License-Identifier: GPL-2.0-only

//! Names and data by their number: well mixed, and different for all practical purposes.

use crate::engine::index::{
    Data,
    Name,
    Pbn, //
};

/// Name number `number`.
pub(crate) fn name(number: u64) -> Name {
    let seed = number.wrapping_add(1).wrapping_mul(0x2545_f491_4f6c_dd1d);
    Name {
        key: mix(seed.wrapping_add(INCREMENT)),
        rest: mix(seed.wrapping_add(INCREMENT).wrapping_add(INCREMENT)),
    }
}

/// The data that it has.
pub(crate) fn data(number: u64) -> Data {
    let pbn = Pbn(number & ((1 << Pbn::BITS) - 1));
    // CAST: masked to four bits.
    Data::new(pbn, ((number >> 3) & 15) as u8).unwrap_or_default()
}

/// The step of splitmix64.
const INCREMENT: u64 = 0x9e37_79b9_7f4a_7c15;

/// The output function of splitmix64.
fn mix(state: u64) -> u64 {
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
