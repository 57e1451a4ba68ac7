// SPDX-License-Identifier: GPL-2.0-only

//! What is shown of a volume, as values that serialize to JSON, and as text.

use crate::dedup::journal_survey::JournalSurvey;
use crate::dedup::survey::{LegSurvey, Survey};
use crate::dedup::Fault;
use dm_spare_engine::dedup::format::layout::FIRST_BLOCKS;
use dm_spare_engine::dedup::format::superblock::Method;
use dm_spare_engine::dedup::format::{Checkpoint, Layout, Superblock};
use dm_spare_engine::dedup::Leg;
use dm_spare_engine::index::format::Superblock as IndexSuperblock;
use dm_spare_engine::index::{Geometry, MemorySize};
use dm_spare_engine::{Uuid, SECTORS_PER_BLOCK};
use serde::Serialize;
use std::fmt::Write as _;

/// Everything.
#[derive(Serialize)]
pub(super) struct Report {
    mode: &'static str,
    /// The legs that were given.
    legs: Vec<LegReport>,
    /// The volume; none if no superblock is valid.
    pub(super) volume: Option<Volume>,
    /// The newest checkpoint of all legs.
    checkpoint: Option<CheckpointReport>,
    /// The journal behind it; only of main.
    journal: Option<Journal>,
    /// The index; only of main.
    index: Option<Index>,
}

/// A leg.
#[derive(Serialize)]
struct LegReport {
    leg: &'static str,
    blocks: u64,
    superblock: String,
    /// In both places.
    checkpoints: Vec<Place>,
}

/// The place of a checkpoint.
#[derive(Serialize)]
struct Place {
    block: u64,
    state: String,
    checkpoint: Option<CheckpointReport>,
}

/// What a volume is.
#[derive(Serialize)]
pub(super) struct Volume {
    uuid: String,
    sectors: u64,
    logical_blocks: u64,
    main_blocks: u64,
    spare_blocks: u64,
    fingerprint: &'static str,
    features: [u64; 3],
    journal: Area,
    presence_pages: Area,
    map_pages: Area,
    pool_pages: Area,
    index: Area,
    data: Area,
}

/// Blocks of main.
#[derive(Serialize)]
struct Area {
    first: u64,
    blocks: u64,
}

/// A checkpoint.
#[derive(Serialize)]
struct CheckpointReport {
    number: u64,
    redo_lsn: u64,
    used_blocks: u64,
    mapped_blocks: u64,
    clean: bool,
}

/// What a recovery would replay.
#[derive(Serialize)]
struct Journal {
    first_lsn: u64,
    first_block: u64,
    blocks: u64,
    records: u64,
    images: u64,
    damage: Option<String>,
}

/// The index.
#[derive(Serialize)]
struct Index {
    state: String,
    uuid: Option<String>,
    generation: Option<u64>,
    memory_size_mebibytes: Option<u32>,
}

impl Report {
    pub(super) fn of(
        survey: &Survey,
        journal: Option<&JournalSurvey>,
        index: Option<&Result<IndexSuperblock, Fault>>,
    ) -> Self {
        let layout = survey.volume.map(|(_, layout)| layout);
        Self {
            mode: "dedup",
            legs: survey.legs.iter().map(LegReport::of).collect(),
            volume: survey
                .volume
                .map(|(superblock, layout)| Volume::of(&superblock, &layout)),
            checkpoint: survey.newest().map(CheckpointReport::of),
            journal: journal.zip(layout).map(|(journal, layout)| Journal {
                first_lsn: journal.redo.0,
                first_block: layout.journal_address(journal.redo),
                blocks: journal.blocks,
                records: journal.records,
                images: journal.images,
                damage: journal.damage.as_ref().map(Fault::to_string),
            }),
            index: index.map(Index::of),
        }
    }

    /// As lines for people.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let mut line = |name: &str, value: String| {
            let _ = writeln!(text, "{name:<20}{value}");
        };
        line("mode", self.mode.to_owned());
        if let Some(volume) = &self.volume {
            volume.lines(&mut line);
        }
        if let Some(newest) = &self.checkpoint {
            newest.lines(&mut line);
        }
        if let Some(journal) = &self.journal {
            line(
                "to be replayed",
                format!(
                    "{} blocks from LSN {} (block {}) on: {} records, {} images{}",
                    journal.blocks,
                    journal.first_lsn,
                    journal.first_block,
                    journal.records,
                    journal.images,
                    journal
                        .damage
                        .as_ref()
                        .map_or(String::new(), |damage| format!("; the next is {damage}"))
                ),
            );
        }
        if let Some(index) = &self.index {
            line("index", index.text());
        }
        for leg in &self.legs {
            leg.lines(&mut line);
        }
        text
    }
}

impl LegReport {
    fn of(survey: &LegSurvey) -> Self {
        Self {
            leg: match survey.leg {
                Leg::Main => "main",
                Leg::Spare => "spare",
            },
            blocks: survey.blocks,
            superblock: match &survey.superblock {
                Ok(_) => "good".to_owned(),
                Err(fault) => fault.to_string(),
            },
            checkpoints: (0..)
                .zip(&survey.checkpoints)
                .map(|(number, found)| Place {
                    block: Layout::checkpoint_address(number),
                    state: match found {
                        Ok(_) => "good".to_owned(),
                        Err(fault) => fault.to_string(),
                    },
                    checkpoint: found.as_ref().ok().copied().map(CheckpointReport::of),
                })
                .collect(),
        }
    }

    fn lines(&self, line: &mut dyn FnMut(&str, String)) {
        line(self.leg, format!("{} blocks", self.blocks));
        line("  superblock", self.superblock.clone());
        for place in &self.checkpoints {
            let what = match &place.checkpoint {
                Some(found) => format!("good, number {}", found.number),
                None => place.state.clone(),
            };
            line(&format!("  checkpoint in {}", place.block), what);
        }
    }
}

impl Volume {
    fn of(superblock: &Superblock, layout: &Layout) -> Self {
        let geometry = superblock.geometry;
        let area = |first: u64, blocks: u64| Area { first, blocks };
        let pages = |first: u32, count: u32| Area {
            first: layout.pages_start.saturating_add(first.into()),
            blocks: count.into(),
        };
        Self {
            uuid: Uuid(superblock.uuid).to_string(),
            sectors: geometry.logical_blocks.saturating_mul(SECTORS_PER_BLOCK),
            logical_blocks: geometry.logical_blocks,
            main_blocks: geometry.main_blocks,
            spare_blocks: superblock.spare_blocks,
            fingerprint: match superblock.method {
                Method::Fast => "fast, with a secret; data is compared",
                Method::Cryptographic => "cryptographic",
            },
            features: [
                superblock.features.compatible,
                superblock.features.read_only_compatible,
                superblock.features.incompatible,
            ],
            journal: area(FIRST_BLOCKS, geometry.journal_blocks),
            presence_pages: pages(0, layout.presence_pages),
            map_pages: pages(layout.first_map_page().0, layout.map_pages),
            pool_pages: pages(layout.first_pool_page().0, layout.pool_pages),
            index: area(layout.index_start, geometry.index_blocks),
            data: area(layout.data_start, layout.data_blocks),
        }
    }

    fn lines(&self, line: &mut dyn FnMut(&str, String)) {
        line("volume", self.uuid.clone());
        line(
            "size",
            format!("{} sectors, {} blocks", self.sectors, self.logical_blocks),
        );
        line(
            "formatted for",
            format!(
                "main of {} blocks, a spare of {}",
                self.main_blocks, self.spare_blocks
            ),
        );
        line("fingerprints", self.fingerprint.to_owned());
        for (name, area) in [
            ("journal", &self.journal),
            ("presence pages", &self.presence_pages),
            ("map pages", &self.map_pages),
            ("pool pages", &self.pool_pages),
            ("area of the index", &self.index),
            ("data", &self.data),
        ] {
            line(name, area.text());
        }
    }
}

impl Area {
    fn text(&self) -> String {
        match self.first.saturating_add(self.blocks).checked_sub(1) {
            Some(last) if self.blocks > 0 => {
                format!("{} blocks, {} to {last} of main", self.blocks, self.first)
            }
            _ => "none".to_owned(),
        }
    }
}

impl CheckpointReport {
    fn of(checkpoint: Checkpoint) -> Self {
        Self {
            number: checkpoint.number,
            redo_lsn: checkpoint.redo.0,
            used_blocks: checkpoint.used_blocks,
            mapped_blocks: checkpoint.mapped_blocks,
            clean: checkpoint.clean,
        }
    }

    fn lines(&self, line: &mut dyn FnMut(&str, String)) {
        line(
            "newest checkpoint",
            format!("{}, redo point LSN {}", self.number, self.redo_lsn),
        );
        line(
            "used blocks",
            format!("{} at the checkpoint", self.used_blocks),
        );
        line(
            "mapped blocks",
            format!("{} at the checkpoint", self.mapped_blocks),
        );
        let clean = if self.clean { "yes" } else { "no" };
        line("suspended cleanly", clean.to_owned());
    }
}

impl Index {
    fn of(found: &Result<IndexSuperblock, Fault>) -> Self {
        let superblock = found.as_ref().ok();
        let size = superblock.and_then(|superblock| {
            MemorySize::all().find(|size| {
                [false, true].into_iter().any(|sparse| {
                    Geometry::of_size(*size, sparse)
                        .is_some_and(|geometry| geometry.parameters == superblock.parameters)
                })
            })
        });
        Self {
            state: match found {
                Ok(_) => "good".to_owned(),
                Err(fault) => format!("{fault}: it is made anew"),
            },
            uuid: superblock.map(|superblock| Uuid(superblock.uuid).to_string()),
            generation: superblock.map(|superblock| superblock.generation),
            memory_size_mebibytes: size.map(MemorySize::mebibytes),
        }
    }

    fn text(&self) -> String {
        match (self.generation, self.memory_size_mebibytes) {
            (Some(generation), Some(size)) => {
                format!("good, of {size} MiB of memory, generation {generation}")
            }
            (Some(generation), None) => format!("good, generation {generation}"),
            _ => self.state.clone(),
        }
    }
}
