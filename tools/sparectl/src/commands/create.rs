// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl create`: creates the mapped device of a set of remap mode; and what both modes have in common.

use super::{Session, DONE};
use crate::cli::Create;
use crate::failure::Failure;
use crate::leg::{Access, Leg};
use crate::mapper::Mapper;
use crate::status_line::read_line;
use crate::table_line::{check_name, table_line, TableOptions};
use std::path::Path;

/// Creates a set of remap mode.
///
/// # Errors
///
/// A device is in use or cannot be opened, or the kernel refuses; then no mapped device is left.
pub fn run(arguments: &Create, session: &mut Session<'_>) -> Result<u8, Failure> {
    if let Some(option) = arguments.dedup.first_given() {
        return Err(Failure::new(format!(
            "{option} is for volumes of dedup mode, and this is to be a set of remap mode: leave it out, or give --mode dedup on devices of a volume or blank ones"
        )));
    }
    let options = TableOptions {
        read_retries: arguments.remap.read_retries,
        fail_after: arguments.remap.fail_after,
        read_only: arguments.remap.read_only,
        metadata_copies: arguments.remap.metadata_copies,
        commit_timeout: arguments.remap.commit_timeout,
        uuid: arguments.uuid,
    };
    let (main, spare) = open_legs(session.mapper, &arguments.main, &arguments.spare)?;
    let sectors = main.sectors();
    let table = Table {
        sectors,
        words: options.words(),
    };
    map(session.mapper, &arguments.name, (main, spare), &table)?;
    report(session, &arguments.name)?;
    Ok(DONE)
}

/// What a table line says beside the legs.
pub(super) struct Table {
    /// Sectors of the mapped device.
    pub(super) sectors: u64,
    /// The option words.
    pub(super) words: Vec<String>,
}

/// Refuses a name that device-mapper would not take.
pub(super) fn check_is_free(mapper: &dyn Mapper, name: &str) -> Result<(), Failure> {
    check_name(name)?;
    if mapper.exists(name)? {
        return Err(Failure::new(format!(
            "a mapped device {name} exists: choose another name, or remove it"
        )));
    }
    Ok(())
}

/// Opens both legs, which nobody else may be using.
pub(super) fn open_legs(
    mapper: &dyn Mapper,
    main: &Path,
    spare: &Path,
) -> Result<(Leg, Leg), Failure> {
    let main = Leg::open_unused(main, Access::Read)?;
    let spare = Leg::open_unused(spare, Access::Read)?;
    mapper.check_leg(&main)?;
    mapper.check_leg(&spare)?;
    if main.is_same_as(&spare) {
        return Err(Failure::new(format!(
            "{} and {} are the same device: name two",
            main.path().display(),
            spare.path().display()
        )));
    }
    Ok((main, spare))
}

/// Creates the mapped device. The legs are closed before, or the kernel could not have them.
pub(super) fn map(
    mapper: &dyn Mapper,
    name: &str,
    (main, spare): (Leg, Leg),
    table: &Table,
) -> Result<(), Failure> {
    let line = table_line(main.path(), spare.path(), table.sectors, &table.words)?;
    drop((main, spare));
    mapper.create(name, &line)
}

/// Says what is active now.
pub(super) fn report(session: &mut Session<'_>, name: &str) -> Result<(), Failure> {
    let status = read_line(session.mapper, name)?;
    let text = if status.is_dedup() {
        let (mapped, used) = (status.share("mapped"), status.share("used"));
        format!(
            "{} of {} blocks mapped, {} of {} used, saving {}%, index {}",
            mapped.part,
            mapped.whole,
            used.part,
            used.whole,
            status.percent("saving"),
            status.word("index")
        )
    } else {
        format!(
            "{} blocks remapped, {} poisoned",
            status.count("remapped"),
            status.count("poisoned")
        )
    };
    writeln!(
        session.out,
        "/dev/mapper/{name}: {}, {} sectors, {text}",
        status.state, status.sectors
    )?;
    Ok(())
}
