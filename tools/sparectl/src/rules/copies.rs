// SPDX-License-Identifier: GPL-2.0-only

//! A checkpoint is complete, the log behind it has no gap, and every copy in use holds both and agrees.

use super::Finding;
use crate::survey::{CopySurvey, Fault, Lineage, Part, SetSurvey, Tail};
use std::collections::BTreeMap;

pub(super) fn judge(set: &SetSurvey, findings: &mut Vec<Finding>) {
    agreement(set, findings);
    let Some(lineage) = &set.lineage else {
        findings.push(Finding::error(
            "no-checkpoint",
            "no checkpoint is complete on any copy".to_owned(),
        ));
        return;
    };
    if let Tail::Later(later) = lineage.tail {
        findings.push(Finding::error(
            "log-gap",
            format!(
                "transaction {} is on no copy although {later} exists",
                lineage.last.saturating_add(1)
            ),
        ));
    }
    for copy in &set.copies {
        if lineage.is_member(copy.number) {
            checkpoint(set, copy, lineage, findings);
            log(set, copy, lineage, findings);
        } else {
            findings.push(left_out(copy));
        }
    }
    next_place(set, lineage, findings);
}

fn left_out(copy: &CopySurvey) -> Finding {
    Finding::error(
        "left-out",
        format!(
            "copy {} was left out of the newest commit: it could not be written then",
            copy.number
        ),
    )
    .at(copy.number, copy.first_block)
}

/// Every block of the checkpoint in use is valid. All but the last are durable on every copy before the last one
/// is written anywhere: only that one can be missing after a power cut.
fn checkpoint(set: &SetSurvey, copy: &CopySurvey, lineage: &Lineage, findings: &mut Vec<Finding>) {
    for index in 0..lineage.parts {
        if copy
            .checkpoint_part(lineage.area, index, lineage.sequence)
            .is_some()
        {
            continue;
        }
        let block = set
            .layout
            .checkpoint(copy.number, lineage.area, index)
            .unwrap_or(copy.first_block);
        let place = copy.checkpoint_place(lineage.area, index);
        let is_last = index.saturating_add(1) == lineage.parts;
        let stands_alone = set
            .alone
            .get(usize::from(copy.number))
            .is_some_and(Option::is_some);
        let explained = is_last && !lineage.clean && stands_alone && !is_unreadable(place);
        let text = format!(
            "part {index} of the checkpoint behind transaction {} is {} on copy {}",
            lineage.base,
            describe(place, "an older checkpoint's"),
            copy.number
        );
        findings.push(
            Finding::error("checkpoint-block", text)
                .at(copy.number, block)
                .unless_explained(explained),
        );
    }
}

/// Every log block in use is valid. Only the newest one can be missing after a power cut: it was not acknowledged
/// then.
fn log(set: &SetSurvey, copy: &CopySurvey, lineage: &Lineage, findings: &mut Vec<Finding>) {
    for tid in lineage.base.saturating_add(1)..=lineage.last {
        if copy.log_part(lineage.epoch, tid).is_some() {
            continue;
        }
        let place = copy.log_place(tid);
        let explained = tid == lineage.last && !lineage.clean && !is_unreadable(place);
        let text = format!(
            "the log block of transaction {tid} is {} on copy {}",
            describe(place, "missing: an older one is there"),
            copy.number
        );
        findings.push(
            Finding::error("log-block", text)
                .at(copy.number, set.layout.log(copy.number, tid))
                .unless_explained(explained),
        );
    }
}

/// The place behind the newest transaction is damaged on every copy in use: a newer one may have been there.
fn next_place(set: &SetSurvey, lineage: &Lineage, findings: &mut Vec<Finding>) {
    let tid = lineage.last.saturating_add(1);
    let damaged = |copy: &CopySurvey| matches!(copy.log_place(tid), Some(Err(fault)) if !fault.is_unwritten());
    let mut members = set
        .copies
        .iter()
        .filter(|copy| lineage.is_member(copy.number))
        .peekable();
    let first = members.peek().map_or(0, |copy| copy.number);
    if members.peek().is_some() && members.all(damaged) {
        findings.push(
            Finding::error(
                "next-log-block",
                format!(
                    "the place of transaction {tid} is damaged on every copy in use: if it was committed, it is lost"
                ),
            )
            .at_block(set.layout.log(first, tid)),
        );
    }
}

/// Blocks of one checkpoint and part, and log blocks of one epoch and transaction, are the same wherever they lie.
fn agreement(set: &SetSurvey, findings: &mut Vec<Finding>) {
    let mut parts: BTreeMap<(u64, u32), (&Part, u8)> = BTreeMap::new();
    let mut commits: BTreeMap<(u64, u64), (&Part, u8)> = BTreeMap::new();
    for copy in &set.copies {
        for part in copy.areas.iter().flatten().flatten() {
            let key = (part.header.sequence, part.header.index);
            let (other, holder) = *parts.entry(key).or_insert((part, copy.number));
            if !is_same(part, other) {
                let text = format!(
                    "part {} of a checkpoint differs between copies {holder} and {}",
                    part.header.index, copy.number
                );
                findings.push(disagreement(copy, part, text));
            }
        }
        for part in copy.ring.iter().flatten() {
            let key = (part.header.epoch, part.header.tid);
            let (other, holder) = *commits.entry(key).or_insert((part, copy.number));
            if !is_same(part, other) {
                let text = format!(
                    "the log block of transaction {} differs between copies {holder} and {}",
                    part.header.tid, copy.number
                );
                findings.push(disagreement(copy, part, text));
            }
        }
    }
}

fn disagreement(copy: &CopySurvey, part: &Part, text: String) -> Finding {
    Finding::error("copies-disagree", text).at(copy.number, part.header.address)
}

fn is_same(one: &Part, other: &Part) -> bool {
    let (a, b) = (&one.header, &other.header);
    one.digest == other.digest
        && (a.tid, a.epoch, a.members, a.flags, a.count)
            == (b.tid, b.epoch, b.members, b.flags, b.count)
}

fn is_unreadable(place: Option<&Result<Part, Fault>>) -> bool {
    matches!(place, Some(Err(fault)) if fault.is_unreadable())
}

fn describe(place: Option<&Result<Part, Fault>>, older: &str) -> String {
    match place {
        Some(Ok(_)) | None => older.to_owned(),
        Some(Err(fault)) => fault.to_string(),
    }
}
