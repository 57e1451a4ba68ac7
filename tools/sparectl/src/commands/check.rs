// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl check`: every rule that can be checked on a spare by itself. Writes nothing.

use super::Session;
use crate::cli::Check;
use crate::failure::Failure;
use crate::leg::Leg;
use crate::progress;
use crate::rules::{judge, judge_loading, Finding, MainSizes, Severity};
use crate::storage::BlockSource;
use crate::survey::Survey;
use dm_spare_engine::Uuid;
use serde::Serialize;
use std::collections::BTreeMap;

/// Exit code: nothing is wrong.
pub const CLEAN: u8 = 0;
/// Exit code: errors, which stay as they are.
pub const ERRORS_LEFT: u8 = 4;
/// Exit code: the check could not be done.
pub const NOT_DONE: u8 = 8;
/// Exit code: the command line makes no sense.
pub const USAGE: u8 = 16;

/// Most findings of one rule that are printed for people; JSON has them all.
const SHOWN_OF_A_RULE: usize = 20;

/// What a check has found.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// The set; none if no superblock is valid.
    pub uuid: Option<String>,
    /// Nothing is wrong.
    pub clean: bool,
    /// Findings that are errors.
    pub errors: usize,
    /// Findings that a power cut explains.
    pub notes: usize,
    /// Everything found.
    pub findings: Vec<Finding>,
}

/// Checks a spare of remap mode.
///
/// # Errors
///
/// The output cannot be written, or an option is dedup mode's.
pub fn run(
    arguments: &Check,
    main: Option<Leg>,
    mut spare: Leg,
    session: &mut Session<'_>,
) -> Result<u8, Failure> {
    if arguments.data {
        return Err(Failure::new(
            "--data is for volumes of dedup mode: leave it out, remap mode keeps no fingerprints",
        ));
    }
    let main = main.map(|main| MainSizes {
        sectors: main.sectors(),
        logical_block_sectors: main.logical_block_sectors(),
    });
    let sectors = spare.sectors();
    let bar = progress::bar(0, "metadata blocks");
    let verdict = examine(&mut spare, sectors, main, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    report(arguments, &verdict, session)
}

/// Prints what a check has found; the exit code.
///
/// # Errors
///
/// The output cannot be written.
pub(super) fn report(
    arguments: &Check,
    verdict: &Verdict,
    session: &mut Session<'_>,
) -> Result<u8, Failure> {
    if arguments.json {
        writeln!(session.out, "{}", serde_json::to_string(verdict)?)?;
    } else {
        print(&arguments.spare.display().to_string(), verdict, session)?;
    }
    Ok(if verdict.clean { CLEAN } else { ERRORS_LEFT })
}

/// Checks a spare of `sectors` sectors; `main` is compared if it is given.
pub fn examine(
    spare: &mut dyn BlockSource,
    sectors: u64,
    main: Option<MainSizes>,
    progress: &mut dyn FnMut(u64, u64),
) -> Verdict {
    let survey = Survey::read(spare, sectors, progress);
    let mut findings = judge(&survey, main);
    findings.extend(judge_loading(&survey, main, spare));
    let uuid = survey
        .superblocks()
        .next()
        .map(|(_, superblock)| superblock.uuid);
    Verdict::new(uuid, findings)
}

impl Verdict {
    /// The verdict on a set or volume, by what was found.
    pub(super) fn new(uuid: Option<[u8; 16]>, findings: Vec<Finding>) -> Self {
        let errors = findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .count();
        Self {
            uuid: uuid.map(|uuid| Uuid(uuid).to_string()),
            clean: errors == 0,
            errors,
            notes: findings.len().saturating_sub(errors),
            findings,
        }
    }
}

fn print(spare: &str, verdict: &Verdict, session: &mut Session<'_>) -> Result<(), Failure> {
    let mut shown: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in &verdict.findings {
        let count = shown.entry(finding.rule).or_insert(0);
        *count = count.saturating_add(1);
        if *count > SHOWN_OF_A_RULE {
            continue;
        }
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Note => "note",
        };
        let place = match finding.block {
            Some(block) if finding.leg == Some("main") => format!(" (block {block} of main)"),
            Some(block) => format!(" (block {block} of the spare)"),
            None => String::new(),
        };
        writeln!(session.out, "{severity}: {}{place}", finding.text)?;
    }
    for (rule, count) in shown {
        if count > SHOWN_OF_A_RULE {
            let left = count.saturating_sub(SHOWN_OF_A_RULE);
            writeln!(session.out, "… and {left} more of the rule {rule}")?;
        }
    }
    let set = match &verdict.uuid {
        Some(uuid) => format!("set {uuid}"),
        None => "no set".to_owned(),
    };
    let conclusion = if verdict.clean { "clean" } else { "not clean" };
    writeln!(
        session.out,
        "{spare}: {set}, {conclusion}: {} errors, {} notes",
        verdict.errors, verdict.notes
    )?;
    Ok(())
}
