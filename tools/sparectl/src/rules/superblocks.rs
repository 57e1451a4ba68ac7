// SPDX-License-Identifier: GPL-2.0-only

//! Every superblock is valid, agrees with the others, and fits both devices.

use super::{Finding, MainSizes};
use crate::survey::{Fault, Survey};
use dm_spare_engine::format::{Invalid, Superblock};
use dm_spare_engine::Uuid;

pub(super) fn judge(survey: &Survey, main: Option<MainSizes>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some((_, first)) = survey.superblocks().next() else {
        findings.push(none_valid(survey));
        return findings;
    };
    for (block, superblock) in survey.superblocks() {
        agree(first, block, superblock, &mut findings);
        fits(survey, main, block, superblock, &mut findings);
    }
    for copy in survey.set.iter().flat_map(|set| &set.copies) {
        if let Err(fault) = &copy.superblock {
            let what = match fault {
                Fault::Invalid(Invalid::Blank) => "missing".to_owned(),
                other => other.to_string(),
            };
            findings.push(
                Finding::error(
                    "superblock",
                    format!("the superblock of copy {} is {what}", copy.number),
                )
                .at(copy.number, copy.first_block),
            );
        }
    }
    findings
}

fn none_valid(survey: &Survey) -> Finding {
    let places: Vec<String> = survey
        .candidates
        .iter()
        .filter_map(|candidate| {
            let fault = candidate.found.as_ref().err()?;
            Some(format!("block {} is {fault}", candidate.block))
        })
        .collect();
    Finding::error(
        "no-superblock",
        format!("no superblock is valid: {}", places.join(", ")),
    )
}

fn agree(first: &Superblock, block: u64, superblock: &Superblock, findings: &mut Vec<Finding>) {
    if superblock.uuid != first.uuid {
        findings.push(
            Finding::error(
                "superblocks-disagree",
                format!(
                    "block {block} holds a superblock of set {}, and the first one found is of set {}",
                    Uuid(superblock.uuid),
                    Uuid(first.uuid)
                ),
            )
            .at_block(block),
        );
    } else if superblock.copies != first.copies {
        findings.push(
            Finding::error(
                "superblocks-disagree",
                format!(
                    "the superblock in block {block} says {} copies, and the first one found says {}",
                    superblock.copies, first.copies
                ),
            )
            .at_block(block),
        );
    } else if superblock.main_sectors != first.main_sectors {
        findings.push(
            Finding::error(
                "superblocks-disagree",
                format!(
                    "the superblock in block {block} says that main has {} sectors, and the first one found says {}",
                    superblock.main_sectors, first.main_sectors
                ),
            )
            .at_block(block),
        );
    }
}

fn fits(
    survey: &Survey,
    main: Option<MainSizes>,
    block: u64,
    superblock: &Superblock,
    findings: &mut Vec<Finding>,
) {
    let mut add = |rule, text| findings.push(Finding::error(rule, text).at(superblock.copy, block));
    if superblock.spare_sectors != survey.spare_sectors {
        add(
            "spare-size",
            format!(
                "the superblock in block {block} is of a spare of {} sectors, and this one has {}",
                superblock.spare_sectors, survey.spare_sectors
            ),
        );
    }
    if let Some(main) = main {
        if superblock.main_sectors != main.sectors {
            add(
                "main-size",
                format!(
                    "the superblock in block {block} is of a main device of {} sectors, and the one given has {}",
                    superblock.main_sectors, main.sectors
                ),
            );
        }
    }
    if superblock.incompatible != 0 {
        add(
            "features",
            format!(
                "the superblock in block {block} needs the unknown features {:#x}",
                superblock.incompatible
            ),
        );
    }
    if !superblock.geometry_known {
        add(
            "geometry",
            format!("the superblock in block {block} places the metadata where this format version does not"),
        );
    }
}
