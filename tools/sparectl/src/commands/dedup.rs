// SPDX-License-Identifier: GPL-2.0-only

//! Commands on volumes of dedup mode.

pub mod check;
pub mod create;
pub mod dump;
pub mod format;
pub mod repair;
pub mod restore;
pub mod show;

use crate::dedup::survey::{role, Survey};
use crate::failure::Failure;
use crate::leg::{Access, Leg};
use dm_spare_engine::dedup::Leg as Role;
use dm_spare_engine::SECTORS_PER_BLOCK;
use std::path::Path;

/// Opens both legs of a volume that nobody uses, and looks at them.
fn open_volume(main: &Path, spare: &Path, access: Access) -> Result<(Leg, Leg, Survey), Failure> {
    let mut main = Leg::open_unused(main, access)?;
    let mut spare = Leg::open_unused(spare, access)?;
    check_roles(&mut main, &mut spare)?;
    let survey = survey(&mut main, &mut spare);
    Ok((main, spare, survey))
}

/// Looks at both legs.
fn survey(main: &mut Leg, spare: &mut Leg) -> Survey {
    let sizes = (blocks(main), blocks(spare));
    Survey::read(&mut [(Role::Main, sizes.0, main), (Role::Spare, sizes.1, spare)])
}

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
