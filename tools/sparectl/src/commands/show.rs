// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl show`: the metadata on a spare, decoded.

mod report;

use super::{Session, DONE};
use crate::cli::Show;
use crate::failure::Failure;
use crate::leg::{Access, Leg};
use crate::progress;
use crate::survey::Survey;
use report::{Area, Copy, Remap, Report, Set};
use std::io::Write;
use std::path::Path;

/// Opens a device that may be in use; what is read of it is then said to be of different moments.
///
/// # Errors
///
/// It does not exist, or is neither a block device nor a file.
pub(super) fn open(path: &Path) -> Result<Leg, Failure> {
    Leg::open_unused(path, Access::Read).or_else(|in_use| {
        let leg = Leg::open_shared(path).map_err(|_| in_use)?;
        eprintln!(
            "sparectl: {} is in use: what is shown may be of different moments",
            leg.path().display()
        );
        Ok(leg)
    })
}

/// Shows a spare of remap mode.
///
/// # Errors
///
/// The spare holds no set.
pub fn run(arguments: &Show, mut spare: Leg, session: &mut Session<'_>) -> Result<u8, Failure> {
    let sectors = spare.sectors();
    let bar = progress::bar(0, "metadata blocks");
    let survey = Survey::read(&mut spare, sectors, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let report = Report::of(&survey, arguments.remaps);
    if arguments.json {
        writeln!(session.out, "{}", serde_json::to_string(&report)?)?;
    } else {
        print(&report, session.out)?;
    }
    if report.set.is_some() {
        return Ok(DONE);
    }
    Err(Failure::new(format!(
        "{} holds no set that can be read: sparectl check says why",
        spare.path().display()
    )))
}

fn print(report: &Report, out: &mut dyn Write) -> Result<(), Failure> {
    for place in &report.superblocks {
        writeln!(out, "superblock in block {}: {}", place.block, place.state)?;
    }
    if let Some(set) = &report.set {
        print_set(set, out)?;
    }
    for remap in report.remaps.iter().flatten() {
        print_remap(remap, out)?;
    }
    Ok(())
}

fn print_set(set: &Set, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "set                 {}", set.uuid)?;
    writeln!(out, "main                {} sectors", set.main_sectors)?;
    writeln!(out, "spare               {} sectors", set.spare_sectors)?;
    writeln!(
        out,
        "slots               {} of {} used",
        set.remapped, set.slots
    )?;
    writeln!(out, "remapped blocks     {}", set.remapped)?;
    writeln!(out, "poisoned blocks     {}", set.poisoned)?;
    match &set.state {
        Some(state) => {
            writeln!(out, "newest transaction  {}", state.tid)?;
            writeln!(out, "checkpoint behind   {}", state.base)?;
            writeln!(out, "epoch               {:016x}", state.epoch)?;
            let clean = if state.clean { "yes" } else { "no" };
            writeln!(out, "suspended cleanly   {clean}")?;
        }
        None => writeln!(out, "newest transaction  none: no checkpoint is complete")?,
    }
    for copy in &set.copies {
        print_copy(copy, out)?;
    }
    Ok(())
}

fn print_copy(copy: &Copy, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(
        out,
        "copy {}, from block {}: {}",
        copy.number, copy.first_block, copy.health
    )?;
    writeln!(out, "  superblock        {}", copy.superblock)?;
    for (number, area) in copy.areas.iter().enumerate() {
        match area {
            Some(Area {
                base,
                sequence,
                parts,
                complete,
                ..
            }) => {
                let whole = if *complete {
                    "complete"
                } else {
                    "not complete"
                };
                writeln!(
                    out,
                    "  checkpoint {number}      behind transaction {base}, sequence {sequence:016x}, {parts} blocks, {whole}"
                )?;
            }
            None => writeln!(out, "  checkpoint {number}      none")?,
        }
    }
    match &copy.log {
        Some(log) => writeln!(
            out,
            "  log               {} blocks, transactions {} to {}, {} places damaged",
            log.blocks, log.first, log.last, log.damaged
        )?,
        None => writeln!(out, "  log               empty")?,
    }
    match copy.newest {
        Some(tid) => writeln!(out, "  alone it gives    transaction {tid}")?,
        None => writeln!(out, "  alone it gives    nothing")?,
    }
    Ok(())
}

fn print_remap(remap: &Remap, out: &mut dyn Write) -> Result<(), Failure> {
    let place = match remap.slot {
        Some(slot) => format!("slot {slot}"),
        None => "no slot".to_owned(),
    };
    if remap.lost_sectors.is_empty() {
        writeln!(out, "block {}: {place}", remap.block)?;
    } else {
        let lost: Vec<String> = remap.lost_sectors.iter().map(u64::to_string).collect();
        writeln!(
            out,
            "block {}: {place}, lost sectors {}",
            remap.block,
            lost.join(" ")
        )?;
    }
    Ok(())
}
