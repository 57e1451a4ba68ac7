// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl show` of a volume of dedup mode.

mod report;

use super::{blocks, check_roles};
use crate::cli::Show;
use crate::commands::show::open;
use crate::commands::{Session, DONE};
use crate::dedup::journal_survey::JournalSurvey;
use crate::dedup::survey::{read_index, role, Survey};
use crate::failure::Failure;
use crate::leg::Leg;
use crate::storage::BlockSource;
use dm_spare_engine::dedup::Leg as Role;
use report::Report;

/// Runs the command. What is on main is shown if `device` is main, or if main is named beside its spare.
///
/// # Errors
///
/// The device holds no volume that can be read, or main cannot be opened.
pub fn run(arguments: &Show, mut device: Leg, session: &mut Session<'_>) -> Result<u8, Failure> {
    if arguments.remaps {
        return Err(Failure::new(
            "--remaps is for sets of remap mode: leave it out, sparectl dump lists the map of a volume",
        ));
    }
    let mut legs = Vec::new();
    match &arguments.main {
        Some(path) => {
            let mut main = open(path)?;
            check_roles(&mut main, &mut device)?;
            legs.push((Role::Main, main));
            legs.push((Role::Spare, device));
        }
        None => legs.push((role(&mut device).unwrap_or(Role::Main), device)),
    }
    let report = read(&mut legs);
    if arguments.json {
        writeln!(session.out, "{}", serde_json::to_string(&report)?)?;
    } else {
        session.out.write_all(report.text().as_bytes())?;
    }
    if report.volume.is_some() {
        return Ok(DONE);
    }
    Err(Failure::new(
        "no superblock of a volume of dedup mode can be read: sparectl check says why",
    ))
}

fn read(legs: &mut [(Role, Leg)]) -> Report {
    let mut sources: Vec<(Role, u64, &mut dyn BlockSource)> = legs
        .iter_mut()
        .map(|(role, leg)| {
            let size = blocks(leg);
            (*role, size, leg as &mut dyn BlockSource)
        })
        .collect();
    let survey = Survey::read(&mut sources);
    let main = sources.iter_mut().find(|(role, _, _)| *role == Role::Main);
    let (mut journal, mut index) = (None, None);
    if let (Some((_, _, main)), Some((superblock, layout))) = (main, survey.volume) {
        journal = survey
            .newest()
            .map(|newest| JournalSurvey::read(*main, &layout, superblock.uuid, newest.redo));
        if layout.geometry.index_blocks > 0 {
            index = Some(read_index(*main, &layout));
        }
    }
    Report::of(&survey, journal.as_ref(), index.as_ref())
}
