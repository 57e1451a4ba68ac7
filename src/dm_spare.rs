// SPDX-License-Identifier: GPL-2.0-only

//! The `spare` device-mapper target.

pub mod dm;
pub mod engine;
pub mod kern;
mod sys;
mod target;

use kernel::prelude::*;

module! {
    type: DmSpare,
    name: "dm_spare",
    authors: ["The dm-spare authors"],
    description: "device-mapper target that keeps a failing disk in service",
    license: "GPL",
}

/// The loaded module: while it lives, tables may name the target.
#[pin_data]
struct DmSpare {
    #[pin]
    target: dm::Registration<target::Spare>,
    /// Dropped after the registration.
    pools: target::Pools,
}

impl kernel::InPlaceModule for DmSpare {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        kern::prepare_claims();
        try_pin_init!(Self {
            target <- dm::Registration::new(module),
            pools: target::Pools::new()?,
        })
    }
}
