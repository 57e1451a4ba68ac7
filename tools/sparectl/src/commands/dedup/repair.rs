// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl repair`: makes a volume right again, as far as the map tells what is right.

use super::{blocks, open_volume, survey};
use crate::cli::Repair;
use crate::commands::check::{CLEAN, ERRORS_LEFT, NOT_DONE};
use crate::commands::Session;
use crate::dedup::data::stored;
use crate::dedup::host::Host;
use crate::dedup::index::{self, IndexHost};
use crate::dedup::pages::Pages;
use crate::dedup::presence::{pool_pages, Presences};
use crate::dedup::repair::{parts, repair, Repaired};
use crate::dedup::rules::judge;
use crate::dedup::survey::Survey;
use crate::dedup::view::newest_checkpoint;
use crate::dedup::writer::Legs;
use crate::failure::Failure;
use crate::leg::{Access, Leg};
use crate::progress;
use crate::rules::{Finding, Severity};
use crate::storage::BlockSource;
use dm_spare_engine::dedup::format::layout::FIRST_BLOCKS;
use dm_spare_engine::dedup::format::{Layout, Superblock};
use dm_spare_engine::dedup::{is_zero, Leg as Role};
use dm_spare_engine::index::OpenMode;
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
        writeln!(
            session.out,
            "volume {}: nothing is wrong",
            Uuid(superblock.uuid)
        )?;
        if index::geometry(&layout).is_some() {
            bring_to_rest(&superblock, &mut main, &mut spare)?;
            rebuild_index(&superblock, &layout, &mut main, session)?;
        }
        return Ok(CLEAN);
    }
    mend_superblocks(&found, &superblock, &mut main, &mut spare)?;
    bring_to_rest(&superblock, &mut main, &mut spare)?;
    let bar = progress::bar(0, "pages");
    let done = repair(
        &mut main,
        &mut spare,
        superblock,
        layout,
        &mut |done, total| {
            bar.set_length(total);
            bar.set_position(done);
        },
    );
    bar.finish_and_clear();
    print(&superblock, before.len(), &done?, session)?;
    rebuild_index(&superblock, &layout, &mut main, session)?;
    let again = survey(&mut main, &mut spare);
    let left = errors(&again, &mut main, &mut spare)?;
    for finding in &left {
        writeln!(session.out, "left: {}", finding.text)?;
    }
    Ok(if left.is_empty() {
        CORRECTED
    } else {
        ERRORS_LEFT
    })
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
    spare.read_blocks(0, &mut memory).map_err(|fault| {
        Failure::new(format!(
            "cannot read {}: {}",
            spare.path().display(),
            fault.text
        ))
    })?;
    Ok(memory.iter().all(is_zero))
}

/// Has the engine replay the journal for good.
fn bring_to_rest(superblock: &Superblock, main: &mut Leg, spare: &mut Leg) -> Result<(), Failure> {
    let mut host = Host::new(superblock.geometry, superblock.spare_blocks, main, spare)?;
    host.activate([0; 16], [0; 16]).map_err(|refusal| {
        Failure::new(format!(
            "nothing can be repaired while the module itself would refuse the volume: {refusal}"
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

/// Makes the index anew from the pool, if the volume has one; of so many blocks as it can hold.
fn rebuild_index(
    superblock: &Superblock,
    layout: &Layout,
    main: &mut Leg,
    session: &mut Session<'_>,
) -> Result<(), Failure> {
    let Some(geometry) = index::geometry(layout) else {
        return Ok(());
    };
    let uuid = superblock.uuid;
    let (newest, roots) = newest_checkpoint(main, layout, uuid)
        .map_err(|fault| Failure::new(format!("no checkpoint can be used, it is {fault}")))?;
    let presences = Presences::read(&mut Pages::new(main, *layout, uuid), &roots);
    let mode = OpenMode::Create {
        uuid: uuid::Uuid::new_v4().into_bytes(),
    };
    let mut index = IndexHost::open(geometry, layout, mode, main)?;
    let bar = progress::bar(newest.used_blocks, "records of the index");
    // The oldest would be pushed out again.
    let mut passed_over = newest.used_blocks.saturating_sub(geometry.records());
    let mut told = 0u64;
    let mut last = None;
    for range in parts(pool_pages(layout)) {
        let stored = stored(&mut Pages::new(main, *layout, uuid), &presences, range);
        for (pbn, fingerprint) in stored {
            bar.inc(1);
            if let Some(left) = passed_over.checked_sub(1) {
                passed_over = left;
                continue;
            }
            index.learn(fingerprint, pbn, main);
            told = told.saturating_add(1);
            last = Some((fingerprint, pbn));
        }
    }
    bar.finish_and_clear();
    let is_saved = index.save(main);
    // What was saved is loaded again: it must know what it was told.
    let mut again = IndexHost::open(geometry, layout, OpenMode::LoadClean, main)?;
    let is_known = last.is_none_or(|(fingerprint, _)| again.look_up(fingerprint, main).is_some());
    if !is_saved || !is_known {
        return Err(Failure::new(
            "the index could not be made: the module makes an empty one when it needs it, and the volume is whole",
        ));
    }
    writeln!(session.out, "the index knows {told} blocks")?;
    Ok(())
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
