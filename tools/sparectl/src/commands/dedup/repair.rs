// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl repair`: makes a volume right again, as far as the map tells what is right.

use super::{blocks, open_volume, survey};
use crate::cli::Repair;
use crate::commands::check::{CLEAN, ERRORS_LEFT, NOT_DONE};
use crate::commands::Session;
use crate::dedup::host::Host;
use crate::dedup::repair::{repair, Repaired};
use crate::dedup::rules::judge;
use crate::dedup::survey::Survey;
use crate::dedup::writer::Legs;
use crate::failure::Failure;
use crate::leg::{Access, Leg};
use crate::progress;
use crate::rules::{Finding, Severity};
use crate::storage::BlockSource;
use dm_spare_engine::dedup::format::layout::FIRST_BLOCKS;
use dm_spare_engine::dedup::format::Superblock;
use dm_spare_engine::dedup::{is_zero, Leg as Role};
use dm_spare_engine::{Block, Uuid, BLOCK_BYTES};

/// Exit code: errors were found, and corrected.
pub const CORRECTED: u8 = 1;

/// Runs the command.
///
/// # Errors
///
/// The volume cannot be repaired; the exit code is then 8.
pub fn run(arguments: &Repair, session: &mut Session<'_>) -> Result<u8, Failure> {
    repair_legs(arguments, session).map_err(|failure| failure.with_code(NOT_DONE))
}

fn repair_legs(arguments: &Repair, session: &mut Session<'_>) -> Result<u8, Failure> {
    let (mut main, mut spare, found) =
        open_volume(&arguments.main, &arguments.spare, Access::Write)?;
    let Some((superblock, layout)) = found.volume else {
        return Err(Failure::new(
            "no superblock is valid: only sparectl restore helps, with a dump of the volume",
        ));
    };
    check_sizes(&superblock, &main, &spare)?;
    let before = errors(&found, &mut main, &mut spare)?;
    if before.is_empty() {
        writeln!(session.out, "volume {}: nothing is wrong", Uuid(superblock.uuid))?;
        return Ok(CLEAN);
    }
    mend_superblocks(&found, &superblock, &mut main, &mut spare)?;
    bring_to_rest(&superblock, &mut main, &mut spare)?;
    let bar = progress::bar(0, "pages");
    let done = repair(&mut main, &mut spare, superblock, layout, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    print(&superblock, before.len(), &done?, session)?;
    let again = survey(&mut main, &mut spare);
    let left = errors(&again, &mut main, &mut spare)?;
    for finding in &left {
        writeln!(session.out, "left: {}", finding.text)?;
    }
    Ok(if left.is_empty() { CORRECTED } else { ERRORS_LEFT })
}

/// What `check` calls an error.
fn errors(found: &Survey, main: &mut Leg, spare: &mut Leg) -> Result<Vec<Finding>, Failure> {
    let mut findings = judge(found, main, spare, false, &mut |_, _, _| {})?;
    findings.retain(|finding| finding.severity == Severity::Error);
    Ok(findings)
}

fn check_sizes(superblock: &Superblock, main: &Leg, spare: &Leg) -> Result<(), Failure> {
    for (leg, expected) in [
        (main, superblock.geometry.main_blocks),
        (spare, superblock.spare_blocks),
    ] {
        if blocks(leg) != expected {
            return Err(Failure::new(format!(
                "{} has {} blocks, and the volume was formatted for {expected}: give the devices that it was formatted for",
                leg.path().display(),
                blocks(leg)
            )));
        }
    }
    Ok(())
}

/// Writes a superblock that is not valid anew, if the leg shows by its checkpoints that it is the volume's, or is a new
/// spare.
fn mend_superblocks(
    found: &Survey,
    superblock: &Superblock,
    main: &mut Leg,
    spare: &mut Leg,
) -> Result<(), Failure> {
    let is_new = is_blank(spare)?;
    let mut legs = Legs { main, spare };
    for leg in &found.legs {
        let is_ours =
            leg.checkpoints.iter().any(Result::is_ok) || (leg.leg == Role::Spare && is_new);
        match (&leg.superblock, is_ours) {
            (Ok(_), _) => {}
            (Err(_), true) => legs.write_superblock(leg.leg, superblock)?,
            (Err(fault), false) => {
                return Err(Failure::new(format!(
                    "the superblock of {} is {fault}, and nothing else shows that it is of this volume: name the right device",
                    leg.leg
                )));
            }
        }
    }
    Ok(())
}

/// Whether all blocks of the spare that a volume uses are zero.
fn is_blank(spare: &mut Leg) -> Result<bool, Failure> {
    let mut memory = vec![Block([0; BLOCK_BYTES]); FIRST_BLOCKS as usize];
    spare
        .read_blocks(0, &mut memory)
        .map_err(|fault| Failure::new(format!("cannot read {}: {}", spare.path().display(), fault.text)))?;
    Ok(memory.iter().all(is_zero))
}

/// Has the engine replay the journal for good.
fn bring_to_rest(
    superblock: &Superblock,
    main: &mut Leg,
    spare: &mut Leg,
) -> Result<(), Failure> {
    let mut host = Host::new(superblock.geometry, superblock.spare_blocks, main, spare)?;
    host.activate([0; 16], [0; 16]).map_err(|refusal| {
        Failure::new(format!(
            "the journal cannot be replayed, so nothing is certain of the newest writes: {refusal}"
        ))
    })?;
    if host.rest() {
        Ok(())
    } else {
        Err(Failure::new(format!(
            "{} or {} cannot be written: look for I/O errors in the kernel log, and do this again",
            Role::Main,
            Role::Spare
        )))
    }
}

fn print(
    superblock: &Superblock,
    errors: usize,
    done: &Repaired,
    session: &mut Session<'_>,
) -> Result<(), Failure> {
    writeln!(
        session.out,
        "volume {}: {errors} errors; {} counts set, {} fingerprints computed, {} blocks of the volume poisoned",
        Uuid(superblock.uuid),
        done.counts,
        done.fingerprints,
        done.poisoned
    )?;
    writeln!(
        session.out,
        "{} blocks mapped, {} used",
        done.totals.mapped, done.totals.used
    )?;
    Ok(())
}
