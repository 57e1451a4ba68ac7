// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl create`: creates the mapped device of a set.

use super::{Session, DONE};
use crate::cli::Create;
use crate::failure::Failure;
use crate::leg::{Access, Leg};
use crate::mapper::{spare_target, Mapper};
use crate::status_line::TargetStatus;
use crate::table_line::{check_name, table_line, TableOptions};
use std::path::Path;

/// Runs the command.
///
/// # Errors
///
/// A device is in use or cannot be opened, or the kernel refuses; then no mapped device is left.
pub fn run(arguments: &Create, session: &mut Session<'_>) -> Result<u8, Failure> {
    let options = TableOptions {
        read_retries: arguments.read_retries,
        fail_after: arguments.fail_after,
        read_only: arguments.read_only,
        metadata_copies: arguments.metadata_copies,
        commit_timeout: arguments.commit_timeout,
        uuid: arguments.uuid,
    };
    let words = options.words();
    map(
        session.mapper,
        &arguments.name,
        &arguments.main,
        &arguments.spare,
        &words,
    )?;
    report(session, &arguments.name)?;
    Ok(DONE)
}

/// Creates the mapped device over all of main.
pub(super) fn map(
    mapper: &dyn Mapper,
    name: &str,
    main: &Path,
    spare: &Path,
    words: &[String],
) -> Result<(), Failure> {
    check_name(name)?;
    if mapper.exists(name)? {
        return Err(Failure::new(format!(
            "a mapped device {name} exists: choose another name, or remove it"
        )));
    }
    let line = {
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
        table_line(main.path(), spare.path(), main.sectors(), words)?
    };
    mapper.create(name, &line)
}

/// Says what is active now.
pub(super) fn report(session: &mut Session<'_>, name: &str) -> Result<(), Failure> {
    let status = TargetStatus::parse(&spare_target(session.mapper, name)?)?;
    writeln!(
        session.out,
        "/dev/mapper/{name}: {}, {} sectors, {} blocks remapped, {} poisoned",
        status.state,
        status.sectors,
        status.count("remapped"),
        status.count("poisoned")
    )?;
    Ok(())
}
