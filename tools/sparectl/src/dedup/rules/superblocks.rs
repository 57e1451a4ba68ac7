// SPDX-License-Identifier: GPL-2.0-only

//! Superblocks and checkpoints: each is valid, agrees with its copy, and fits the devices.

use crate::dedup::survey::{LegSurvey, Survey};
use crate::dedup::Fault;
use crate::rules::Finding;
use dm_spare_engine::dedup::format::header::HEADER_BYTES;
use dm_spare_engine::dedup::format::layout::SUPERBLOCK;
use dm_spare_engine::dedup::format::{checkpoint, Checkpoint, Invalid, Layout, Superblock};
use dm_spare_engine::dedup::{Leg, PageNumber};
use dm_spare_engine::Uuid;

pub(super) fn judge(survey: &Survey) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some((first, layout)) = survey.volume else {
        let places: Vec<String> = survey
            .legs
            .iter()
            .filter_map(|leg| {
                Some(format!(
                    "that of {} is {}",
                    leg.leg,
                    leg.superblock.as_ref().err()?
                ))
            })
            .collect();
        findings.push(
            Finding::error(
                "no-superblock",
                format!("no superblock is valid: {}", places.join(", ")),
            )
            .on(Leg::Main, SUPERBLOCK),
        );
        return findings;
    };
    let is_fresh = survey.newest().is_some_and(|newest| newest.number <= 1);
    for leg in &survey.legs {
        match &leg.superblock {
            Ok(superblock) => {
                agrees(&first, superblock, leg.leg, &mut findings);
                fits(superblock, leg, &mut findings);
            }
            Err(fault) => {
                let is_missing = *fault == Fault::Invalid(Invalid::Blank);
                let what = if is_missing {
                    "missing".to_owned()
                } else {
                    fault.to_string()
                };
                findings.push(
                    Finding::error(
                        "superblock",
                        format!("the superblock of {} is {what}", leg.leg),
                    )
                    .on(leg.leg, SUPERBLOCK)
                    // Formatting writes that of the spare last.
                    .unless_explained(is_missing && is_fresh && leg.leg == Leg::Spare),
                );
            }
        }
    }
    match survey.newest() {
        Some(newest) => {
            checkpoints(survey, newest, &mut findings);
            for number in newest.number.saturating_sub(1)..=newest.number {
                copies_agree(survey, number, &mut findings);
            }
            roots_exist(survey, newest, &layout, &mut findings);
        }
        None => findings.push(
            Finding::error(
                "no-checkpoint",
                "no checkpoint is valid on either leg".to_owned(),
            )
            .on(Leg::Main, Layout::checkpoint_address(0)),
        ),
    }
    findings
}

fn agrees(first: &Superblock, superblock: &Superblock, leg: Leg, findings: &mut Vec<Finding>) {
    if superblock == first {
        return;
    }
    let text = if superblock.uuid == first.uuid {
        format!("the superblock of {leg} says other things of the volume than that of main")
    } else {
        format!(
            "{leg} belongs to volume {}, and main to volume {}",
            Uuid(superblock.uuid),
            Uuid(first.uuid)
        )
    };
    findings.push(Finding::error("superblocks-disagree", text).on(leg, SUPERBLOCK));
}

fn fits(superblock: &Superblock, leg: &LegSurvey, findings: &mut Vec<Finding>) {
    let (rule, recorded) = match leg.leg {
        Leg::Main => ("main-size", superblock.geometry.main_blocks),
        Leg::Spare => ("spare-size", superblock.spare_blocks),
    };
    if recorded != leg.blocks {
        let text = format!(
            "the volume was formatted for {} of {recorded} blocks, and the one given has {}",
            leg.leg, leg.blocks
        );
        findings.push(Finding::error(rule, text).on(leg.leg, SUPERBLOCK));
    }
    let unknown = superblock.features.incompatible | superblock.features.read_only_compatible;
    if unknown != 0 {
        let text = format!(
            "the superblock of {} needs the unknown features {unknown:#x}",
            leg.leg
        );
        findings.push(Finding::error("features", text).on(leg.leg, SUPERBLOCK));
    }
}

/// What both legs have of a checkpoint is the same, behind the header, which names the leg.
fn copies_agree(survey: &Survey, number: u64, findings: &mut Vec<Finding>) {
    let copies: Vec<_> = survey
        .legs
        .iter()
        .filter_map(|leg| leg.checkpoint_block(number)?.0.get(HEADER_BYTES..))
        .collect();
    if copies.windows(2).any(|pair| pair.first() != pair.last()) {
        findings.push(
            Finding::error(
                "checkpoint",
                format!("the copies of checkpoint {number} differ"),
            )
            .on(Leg::Spare, Layout::checkpoint_address(number)),
        );
    }
}

/// Nothing is said of presence pages behind the last one.
fn roots_exist(survey: &Survey, newest: Checkpoint, layout: &Layout, findings: &mut Vec<Finding>) {
    for leg in &survey.legs {
        let Some(block) = leg.checkpoint_block(newest.number) else {
            continue;
        };
        let behind = layout.presence_pages..checkpoint::ROOTS_MAXIMUM;
        if let Some(page) = behind
            .map(PageNumber)
            .find(|page| checkpoint::root(block, *page))
        {
            findings.push(
                Finding::error(
                    "presence",
                    format!(
                        "checkpoint {} says that there is presence page {}, and the volume has {}",
                        newest.number, page.0, layout.presence_pages
                    ),
                )
                .on(leg.leg, Layout::checkpoint_address(newest.number)),
            );
        }
    }
}

/// The newest checkpoint, and in the other place the one before, are on both legs. Each is written to main and then to the
/// spare, so a power cut can leave the spare without the newest, or main without the one before.
fn checkpoints(survey: &Survey, newest: Checkpoint, findings: &mut Vec<Finding>) {
    let before = newest.number.checked_sub(1);
    for leg in &survey.legs {
        for (number, may_lack) in [(Some(newest.number), Leg::Spare), (before, Leg::Main)] {
            let Some(number) = number else { continue };
            let place = usize::try_from(number % 2).unwrap_or(0);
            let what = match leg.checkpoints.get(place) {
                Some(Ok(found)) if found.number == number => continue,
                Some(Ok(found)) => format!("is number {}", found.number),
                Some(Err(fault)) => format!("is {fault}"),
                None => continue,
            };
            let text = format!(
                "the checkpoint of {} in the place of number {number} {what}",
                leg.leg
            );
            let other_has_it = survey.legs.iter().any(|other| {
                other.leg != leg.leg
                    && matches!(other.checkpoints.get(place), Some(Ok(found)) if found.number == number)
            });
            findings.push(
                Finding::error("checkpoint", text)
                    .on(leg.leg, Layout::checkpoint_address(number))
                    .unless_explained(leg.leg == may_lack && other_has_it),
            );
        }
    }
}
