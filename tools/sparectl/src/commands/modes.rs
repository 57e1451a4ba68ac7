// SPDX-License-Identifier: GPL-2.0-only

//! Commands that both modes have: whose it is, is decided here and nowhere else.

use super::{check, create, dedup, format, show, Session};
use crate::cli::{Check, Create, Format, Mode, Show};
use crate::dedup::survey::is_leg;
use crate::failure::Failure;
use crate::leg::{Access, Leg};
use crate::storage::BlockSource;
use crate::survey::holds_set;

/// The mode that a device belongs to, to judge by its first block. A device that shows nothing is left to remap mode, whose
/// spares have their metadata elsewhere too.
fn mode_of(device: &mut dyn BlockSource) -> Mode {
    if is_leg(device) {
        Mode::Dedup
    } else {
        Mode::Remap
    }
}

/// Runs `show`.
///
/// # Errors
///
/// The device cannot be opened, or holds nothing of either mode.
pub fn show(arguments: &Show, session: &mut Session<'_>) -> Result<u8, Failure> {
    let mut device = show::open(&arguments.device)?;
    match mode_of(&mut device) {
        Mode::Remap => show::run(arguments, device, session),
        Mode::Dedup => dedup::show::run(arguments, device, session),
    }
}

/// Runs `check`. Damage must not hide a volume, so either leg tells the mode.
///
/// # Errors
///
/// A device cannot be opened or is in use; the exit code is then 8.
pub fn check(arguments: &Check, session: &mut Session<'_>) -> Result<u8, Failure> {
    check_legs(arguments, session).map_err(|failure| failure.with_code(check::NOT_DONE))
}

fn check_legs(arguments: &Check, session: &mut Session<'_>) -> Result<u8, Failure> {
    let mut main = match &arguments.main {
        Some(path) => Some(Leg::open_unused(path, Access::Read)?),
        None => None,
    };
    let mut spare = Leg::open_unused(&arguments.spare, Access::Read)?;
    let main_mode = main.as_mut().map(|main| mode_of(main));
    if main_mode == Some(Mode::Dedup) || mode_of(&mut spare) == Mode::Dedup {
        dedup::check::run(arguments, main, spare, session)
    } else {
        check::run(arguments, main, spare, session)
    }
}

/// Runs `format`.
///
/// # Errors
///
/// A device is in use or does not fit, or is not blank, or an option belongs to the other mode.
pub fn format(arguments: &Format, session: &mut Session<'_>) -> Result<u8, Failure> {
    match arguments.mode {
        Mode::Remap => format::run(arguments, session),
        Mode::Dedup => dedup::format::run(arguments, session),
    }
}

/// Runs `create`.
///
/// # Errors
///
/// A device is in use or cannot be opened, an option belongs to the other mode, or the kernel refuses.
pub fn create(arguments: &Create, session: &mut Session<'_>) -> Result<u8, Failure> {
    create::check_is_free(session.mapper, &arguments.name)?;
    let mode = match arguments.mode {
        Some(mode) => mode,
        None => mode_of_legs(arguments, session)?,
    };
    match mode {
        Mode::Remap => create::run(arguments, session),
        Mode::Dedup => dedup::create::run(arguments, session),
    }
}

/// The mode of what two legs hold. The spare is asked first: main of a volume that begins to fail may be main of a set
/// too, and then serves the volume by way of that set only.
fn mode_of_legs(arguments: &Create, session: &Session<'_>) -> Result<Mode, Failure> {
    let (mut main, mut spare) =
        create::open_legs(session.mapper, &arguments.main, &arguments.spare)?;
    if mode_of(&mut spare) == Mode::Dedup {
        return Ok(Mode::Dedup);
    }
    let sectors = spare.sectors();
    if holds_set(&mut spare, sectors, None) {
        return Ok(Mode::Remap);
    }
    Ok(mode_of(&mut main))
}
