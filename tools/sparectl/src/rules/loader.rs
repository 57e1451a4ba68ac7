// SPDX-License-Identifier: GPL-2.0-only

//! The engine's own loader accepts the spare, and reads the same table as the survey.

use super::{Finding, MainSizes};
use crate::host::{Host, SetSizes};
use crate::storage::{BlockSource, Overlay};
use crate::survey::{Entry, SetSurvey, Survey};
use dm_spare_engine::{Lbn, Verdict, SECTORS_PER_BLOCK};

pub(super) fn judge(
    survey: &Survey,
    main: Option<MainSizes>,
    source: &mut dyn BlockSource,
    findings: &mut Vec<Finding>,
) {
    let Some((_, superblock)) = survey.superblocks().next() else {
        // The loader would format a blank spare, which is not loading.
        return;
    };
    let mut overlay = Overlay::new(source);
    let sizes = SetSizes {
        main_sectors: main.map_or(superblock.main_sectors, |main| main.sectors),
        spare_sectors: survey.spare_sectors,
        main_logical_block_sectors: main.map_or(1, |main| main.logical_block_sectors),
        spare_logical_block_sectors: 1,
        metadata_copies: None,
    };
    let mut host = match Host::new(sizes, &mut overlay) {
        Ok(host) => host,
        Err(failure) => {
            findings.push(Finding::error("would-not-load", failure.to_string()));
            return;
        }
    };
    match host.activate([0; 16]) {
        Err(refusal) => findings.push(Finding::error("would-not-load", refusal.to_string())),
        Ok(_) => {
            if let Some(set) = &survey.set {
                compare(&host, set, sizes.main_sectors, findings);
            }
        }
    }
}

/// Whatever the loader serves differently than the survey says is a fault of one of the two.
fn compare(host: &Host<'_>, set: &SetSurvey, main_sectors: u64, findings: &mut Vec<Finding>) {
    let status = host.status();
    let counted = (set.table.remapped() as u64, set.table.poisoned() as u64);
    if (status.remapped, status.poisoned) != counted {
        findings.push(Finding::error(
            "loader-differs",
            format!(
                "the loader finds {} remapped and {} poisoned blocks, and this check {} and {}; report this",
                status.remapped, status.poisoned, counted.0, counted.1
            ),
        ));
    }
    for (lbn, entry) in &set.table.entries {
        let first = Lbn(*lbn).first_sector();
        let end = first.saturating_add(SECTORS_PER_BLOCK).min(main_sectors);
        let differs = (first..end).find(|sector| host.decide(*sector) != expected(entry, *sector));
        if let Some(sector) = differs {
            findings.push(Finding::error(
                "loader-differs",
                format!("the loader serves sector {sector} of main differently than the records say; report this"),
            ));
            return;
        }
    }
}

fn expected(entry: &Entry, sector: u64) -> Verdict {
    let within = sector % SECTORS_PER_BLOCK;
    match entry.slot {
        Some(slot) if entry.mask & (1 << within) == 0 => Verdict::Slot {
            sector_on_spare: slot.first_sector().saturating_add(within),
            sectors: 1,
        },
        _ => Verdict::Poisoned { sectors: 1 },
    }
}
