// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl import`: remaps the blocks that a bad-block list names.

use super::blocks::{check_range, send};
use super::{Session, DONE};
use crate::bad_blocks::{self, BLOCK_SIZE_DEFAULT};
use crate::cli::Import;
use crate::failure::Failure;
use crate::mapper::spare_target;
use crate::rescue_map;
use crate::runs::Run;
use std::path::Path;

/// Runs the command.
///
/// # Errors
///
/// The list cannot be read or names blocks that the device does not have, or the device does not exist or refuses.
pub fn run(arguments: &Import, session: &mut Session<'_>) -> Result<u8, Failure> {
    let runs = read_list(arguments)?;
    let target = spare_target(session.mapper, &arguments.name)?;
    // All of it is checked before any of it is sent.
    for run in &runs {
        check_range(&arguments.name, &target, *run).map_err(|failure| {
            Failure::new(format!(
                "{failure}; a wrong --block-size or the list of another disk has this effect too"
            ))
        })?;
    }
    if arguments.dry_run {
        print_plan(&runs, arguments.json, session)?;
        return Ok(DONE);
    }
    if !arguments.json {
        writeln!(session.out, "{}", summary(&runs))?;
    }
    send(
        &arguments.name,
        &target,
        "remap",
        &runs,
        arguments.json,
        session,
    )
}

fn read_list(arguments: &Import) -> Result<Vec<Run>, Failure> {
    match (&arguments.list.badblocks, &arguments.list.ddrescue) {
        (Some(path), _) => {
            let block_size = arguments.block_size.unwrap_or(BLOCK_SIZE_DEFAULT);
            bad_blocks::parse(&read_text(path)?, block_size)
        }
        (None, Some(path)) => rescue_map::parse(&read_text(path)?),
        (None, None) => Err(Failure::new(
            "no list is given: use --badblocks FILE or --ddrescue MAPFILE",
        )),
    }
}

fn read_text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::io("read", path, &error))
}

fn print_plan(runs: &[Run], json: bool, session: &mut Session<'_>) -> Result<(), Failure> {
    if json {
        writeln!(session.out, "{}", serde_json::to_string(runs)?)?;
        return Ok(());
    }
    for run in runs {
        writeln!(session.out, "remap {} {}", run.block, run.count)?;
    }
    writeln!(session.out, "{}; nothing was changed", summary(runs))?;
    Ok(())
}

fn summary(runs: &[Run]) -> String {
    let blocks = runs
        .iter()
        .fold(0u64, |sum, run| sum.saturating_add(run.count));
    format!(
        "the list names {blocks} blocks of 4096 bytes in {} runs",
        runs.len()
    )
}
