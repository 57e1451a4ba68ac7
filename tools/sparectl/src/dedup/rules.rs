// SPDX-License-Identifier: GPL-2.0-only

//! What must hold of a volume of dedup mode, and what does not.

mod journal;
mod recounted;
mod superblocks;

use self::journal::Journal;
use super::data::{verify, DataFault};
use super::recount::recount;
use super::survey::Survey;
use super::view::{NoView, View};
use crate::failure::Failure;
use crate::rules::Finding;
use crate::storage::BlockSource;
use dm_spare_engine::dedup::Leg;

/// Most blocks of data that are named.
const NAMED_MAXIMUM: u64 = 10_000;

/// Checks a volume of which both legs were surveyed. Writes nothing. With `data`, every stored block is read too.
/// `progress` is told how many of how many blocks of what have been read.
///
/// # Errors
///
/// There is too little memory, or the recovery has not left what it should.
pub fn judge(
    survey: &Survey,
    main: &mut dyn BlockSource,
    spare: &mut dyn BlockSource,
    data: bool,
    progress: &mut dyn FnMut(&'static str, u64, u64),
) -> Result<Vec<Finding>, Failure> {
    let mut findings = superblocks::judge(survey);
    if survey.volume.is_none() {
        return Ok(findings);
    }
    let journal = Journal::read(survey, main);
    let mut view = match View::new(survey, main, spare) {
        Ok(view) => view,
        Err(NoView::Failed(failure)) => return Err(failure),
        Err(NoView::Refused(refusal)) => {
            findings.push(Finding::error(
                "would-not-load",
                format!(
                    "the module would refuse the volume: {refusal}; so nothing could be recounted"
                ),
            ));
            return Ok(findings);
        }
    };
    replayed(survey, &view, &mut findings);
    if let Some(journal) = &journal {
        journal.judge(&view.layout, &mut findings);
    }
    let unwritten = |fault| {
        Failure::new(format!(
            "the recovery has left no checkpoint ({fault}): report this"
        ))
    };
    let (newest, _) = view.checkpoint().map_err(unwritten)?;
    let presences = view.presences().map_err(unwritten)?;
    let end = journal.map_or(newest.redo, |journal| journal.end);
    let found = recount(&mut view.pages(), &presences, end, &mut |done, total| {
        progress("pages", done, total);
    });
    recounted::judge(&view.layout, &newest, &found, &mut findings);
    if data {
        let mut named = 0u64;
        verify(
            &mut view,
            &presences,
            found.used,
            &mut |pbn, fault| {
                named = named.saturating_add(1);
                if named <= NAMED_MAXIMUM {
                    findings.push(stored(pbn.0, &fault));
                }
            },
            &mut |done, total| progress("data blocks", done, total),
        );
        if let Some(more) = named.checked_sub(NAMED_MAXIMUM).filter(|more| *more > 0) {
            findings.push(Finding::error(
                "data",
                format!("{more} further blocks of data cannot be read or hold something else"),
            ));
        }
    }
    Ok(findings)
}

fn replayed(survey: &Survey, view: &View<'_>, findings: &mut Vec<Finding>) {
    let replayed = view.activation.replayed;
    if let Some(newest) = survey.newest().filter(|_| replayed > 0) {
        let first = view.layout.journal_address(newest.redo);
        findings.push(
            Finding::error(
                "journal",
                format!("the volume was not brought to rest: {replayed} blocks of the journal are replayed when it is activated, from LSN {} on", newest.redo.0),
            )
            .on(Leg::Main, first)
            .unless_explained(true),
        );
    }
}

fn stored(pbn: u64, fault: &DataFault) -> Finding {
    let text = match fault {
        DataFault::Unreadable(text) => format!("block {pbn} of main is stored and cannot be read: {text}"),
        DataFault::Other => format!("block {pbn} of main holds something else than was stored: its fingerprint is another one"),
    };
    Finding::error("data", text).on(Leg::Main, pbn)
}
