// SPDX-License-Identifier: GPL-2.0-only

//! Commands on volumes of dedup mode.

pub mod check;
pub mod show;

use crate::dedup::survey::role;
use crate::failure::Failure;
use crate::leg::Leg;
use dm_spare_engine::dedup::Leg as Role;
use dm_spare_engine::SECTORS_PER_BLOCK;

/// Size of a leg in whole blocks.
fn blocks(leg: &Leg) -> u64 {
    leg.sectors() / SECTORS_PER_BLOCK
}

/// Refuses legs that are one device, or that were exchanged.
fn check_roles(main: &mut Leg, spare: &mut Leg) -> Result<(), Failure> {
    if main.is_same_as(spare) {
        return Err(Failure::new(format!(
            "{} and {} are the same device: name two",
            main.path().display(),
            spare.path().display()
        )));
    }
    let exchanged = role(main) == Some(Role::Spare) || role(spare) == Some(Role::Main);
    if exchanged {
        return Err(Failure::new(format!(
            "{} is not main, or {} is not the spare, of a volume: exchange them",
            main.path().display(),
            spare.path().display()
        )));
    }
    Ok(())
}
