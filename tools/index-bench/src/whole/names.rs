// SPDX-License-Identifier: GPL-2.0-only

//! Names and data by their number: well mixed, and different for all practical purposes.

use crate::workload::Numbers;
use dm_spare_engine::index::{Data, Name, Pbn};

/// Name number `number`.
pub fn name(number: u64) -> Name {
    let mut numbers = Numbers::new(number + 1);
    Name {
        key: numbers.draw(),
        rest: numbers.draw(),
    }
}

/// The data that it has.
pub fn data(number: u64) -> Data {
    Data::new(Pbn(number & ((1 << Pbn::BITS) - 1)), 0).unwrap_or_default()
}
