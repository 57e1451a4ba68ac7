// SPDX-License-Identifier: GPL-2.0-only

//! What `sparectl show` prints, as values that serialize to JSON.

use crate::rules::{judge, Finding, Severity};
use crate::survey::{CopySurvey, Entry, Fault, Lineage, Part, SetSurvey, Survey};
use dm_spare_engine::format::header::FLAG_LAST;
use dm_spare_engine::format::Superblock;
use dm_spare_engine::{Lbn, Slot, Uuid};
use serde::Serialize;

/// Everything.
#[derive(Serialize)]
pub(super) struct Report {
    /// Size of the spare in sectors.
    pub(super) spare_sectors: u64,
    /// Every place where a superblock can lie.
    pub(super) superblocks: Vec<Place>,
    /// The set, if there is one.
    pub(super) set: Option<Set>,
    /// The table, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remaps: Option<Vec<Remap>>,
}

/// A place where a superblock can lie.
#[derive(Serialize)]
pub(super) struct Place {
    pub(super) block: u64,
    pub(super) state: String,
}

/// The set.
#[derive(Serialize)]
pub(super) struct Set {
    pub(super) uuid: String,
    pub(super) main_sectors: u64,
    pub(super) spare_sectors: u64,
    pub(super) capacity: u64,
    pub(super) slots: u64,
    pub(super) remapped: usize,
    pub(super) poisoned: usize,
    pub(super) state: Option<State>,
    pub(super) copies: Vec<Copy>,
}

/// The newest state that all copies give together.
#[derive(Serialize)]
pub(super) struct State {
    pub(super) tid: u64,
    pub(super) base: u64,
    pub(super) epoch: u64,
    pub(super) members: Vec<u8>,
    pub(super) clean: bool,
}

/// One copy.
#[derive(Serialize)]
pub(super) struct Copy {
    pub(super) number: u8,
    pub(super) first_block: u64,
    pub(super) health: String,
    pub(super) superblock: String,
    pub(super) areas: Vec<Option<Area>>,
    pub(super) log: Option<Log>,
    /// The newest transaction that the copy gives alone.
    pub(super) newest: Option<u64>,
}

/// A checkpoint of which a copy has at least the first block.
#[derive(Serialize)]
pub(super) struct Area {
    pub(super) base: u64,
    pub(super) epoch: u64,
    pub(super) sequence: u64,
    pub(super) parts: u64,
    pub(super) complete: bool,
}

/// The log blocks of a copy.
#[derive(Serialize)]
pub(super) struct Log {
    pub(super) blocks: usize,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) damaged: usize,
}

/// One entry of the table.
#[derive(Serialize)]
pub(super) struct Remap {
    pub(super) block: u64,
    pub(super) slot: Option<u32>,
    /// Sectors of main, counted from its beginning.
    pub(super) lost_sectors: Vec<u64>,
}

impl Report {
    pub(super) fn of(survey: &Survey, with_remaps: bool) -> Self {
        let findings = judge(survey, None);
        let superblocks = survey
            .candidates
            .iter()
            .map(|candidate| Place {
                block: candidate.block,
                state: superblock_state(&candidate.found),
            })
            .collect();
        let set = survey.set.as_ref();
        Self {
            spare_sectors: survey.spare_sectors,
            superblocks,
            set: set.map(|set| Set::of(set, &findings)),
            remaps: set.filter(|_| with_remaps).map(|set| {
                set.table
                    .entries
                    .iter()
                    .map(|(block, entry)| Remap::of(*block, *entry))
                    .collect()
            }),
        }
    }
}

impl Set {
    fn of(set: &SetSurvey, findings: &[Finding]) -> Self {
        let slots = (1..set.layout.window())
            .filter_map(|block| u32::try_from(block).ok())
            .filter(|block| set.layout.is_slot(Slot(*block)))
            .count();
        Self {
            uuid: Uuid(set.superblock.uuid).to_string(),
            main_sectors: set.superblock.main_sectors,
            spare_sectors: set.superblock.spare_sectors,
            capacity: set.layout.capacity,
            slots: u64::try_from(slots).unwrap_or(u64::MAX),
            remapped: set.table.remapped(),
            poisoned: set.table.poisoned(),
            state: set.lineage.as_ref().map(|lineage| State {
                tid: lineage.last,
                base: lineage.base,
                epoch: lineage.epoch,
                members: (0..set.layout.copies)
                    .filter(|copy| lineage.is_member(*copy))
                    .collect(),
                clean: lineage.clean,
            }),
            copies: set
                .copies
                .iter()
                .zip(&set.alone)
                .map(|(copy, alone)| Copy::of(copy, alone.as_ref(), findings))
                .collect(),
        }
    }
}

impl Copy {
    fn of(copy: &CopySurvey, alone: Option<&Lineage>, findings: &[Finding]) -> Self {
        let own = || {
            findings
                .iter()
                .filter(|finding| finding.copy == Some(copy.number))
        };
        let errors = own()
            .filter(|finding| finding.severity == Severity::Error)
            .count();
        let health = if own().any(|finding| finding.rule == "left-out") {
            "left out of the newest commit".to_owned()
        } else if errors != 0 {
            format!("{errors} errors")
        } else {
            "good".to_owned()
        };
        Self {
            number: copy.number,
            first_block: copy.first_block,
            health,
            superblock: superblock_state(&copy.superblock),
            areas: copy.areas.iter().map(|area| Area::of(area)).collect(),
            log: Log::of(&copy.ring),
            newest: alone.map(|lineage| lineage.last),
        }
    }
}

impl Area {
    fn of(places: &[Result<Part, Fault>]) -> Option<Self> {
        let first = places.first()?.as_ref().ok()?.header;
        let (mut parts, mut complete) = (0u64, false);
        for (index, place) in places.iter().enumerate() {
            let Ok(part) = place else {
                break;
            };
            let belongs = part.header.sequence == first.sequence
                && usize::try_from(part.header.index) == Ok(index);
            if !belongs {
                break;
            }
            parts = parts.saturating_add(1);
            if part.header.flags & FLAG_LAST != 0 {
                complete = true;
                break;
            }
        }
        Some(Self {
            base: first.tid,
            epoch: first.epoch,
            sequence: first.sequence,
            parts,
            complete,
        })
    }
}

impl Log {
    fn of(ring: &[Result<Part, Fault>]) -> Option<Self> {
        let tids = || ring.iter().flatten().map(|part| part.header.tid);
        Some(Self {
            blocks: tids().count(),
            first: tids().min()?,
            last: tids().max()?,
            damaged: ring
                .iter()
                .filter(|place| matches!(place, Err(fault) if !fault.is_unwritten()))
                .count(),
        })
    }
}

impl Remap {
    fn of(block: u64, entry: Entry) -> Self {
        let first = Lbn(block).first_sector();
        Self {
            block,
            slot: entry.slot.map(|slot| slot.0),
            lost_sectors: (0..8)
                .filter(|bit| entry.mask & (1 << bit) != 0)
                .map(|bit: u64| first.saturating_add(bit))
                .collect(),
        }
    }
}

fn superblock_state(found: &Result<Superblock, Fault>) -> String {
    match found {
        Ok(superblock) => format!(
            "good, copy {} of {} of set {}",
            superblock.copy,
            superblock.copies,
            Uuid(superblock.uuid)
        ),
        Err(fault) => fault.to_string(),
    }
}
