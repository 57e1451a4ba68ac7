// SPDX-License-Identifier: GPL-2.0-only

//! The table that a checkpoint and its log give: which block of main is served how.

use super::lineage::Lineage;
use super::place::Reader;
use super::CopySurvey;
use dm_spare_engine::format::{Kind, Layout, Record};
use dm_spare_engine::{Lbn, Slot, SECTORS_PER_BLOCK};
use std::collections::BTreeMap;
use std::fmt;

/// How one block of main is served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The slot; none if the block is lost as a whole.
    pub slot: Option<Slot>,
    /// One bit for each lost sector.
    pub mask: u8,
}

/// A record that cannot be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WrongRecord {
    /// The record.
    pub record: Record,
    /// What is wrong with it.
    pub why: Why,
    /// The block of the spare that holds it.
    pub block: u64,
}

/// What is wrong with a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// The block lies beyond the end of main.
    BeyondMain {
        /// Blocks of main.
        main_blocks: u64,
    },
    /// The slot lies beyond the window, or within a copy of the metadata.
    NoSlot,
    /// The mask marks sectors beyond the end of main.
    MaskTooWide,
    /// Not every sector of a block without a slot is lost.
    MaskTooNarrow,
}

impl fmt::Display for WrongRecord {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Lbn(lbn) = self.record.lbn;
        let mask = self.record.mask;
        match self.why {
            Why::BeyondMain { main_blocks } => {
                write!(
                    out,
                    "block {lbn} is recorded, but main has {main_blocks} blocks"
                )
            }
            Why::NoSlot => write!(
                out,
                "block {lbn} is served by block {} of the spare, which is no slot",
                self.record.slot.map_or(0, |slot| slot.0)
            ),
            Why::MaskTooWide => write!(
                out,
                "block {lbn} has lost sectors (mask {mask:#04x}) that main does not have"
            ),
            Why::MaskTooNarrow => write!(
                out,
                "block {lbn} has no slot, but only some of its sectors are lost (mask {mask:#04x})"
            ),
        }
    }
}

/// Which blocks of main are served how.
#[derive(Clone, Default, Debug)]
pub struct Table {
    /// By block of main.
    pub entries: BTreeMap<u64, Entry>,
    /// Records that cannot be, in the order in which they were read.
    pub wrong: Vec<WrongRecord>,
}

impl Table {
    /// Reads the records of a checkpoint and its log, each block from the first copy that has it.
    pub(super) fn read(
        reader: &mut Reader<'_>,
        copies: &[CopySurvey],
        layout: &Layout,
        main_sectors: u64,
        lineage: &Lineage,
    ) -> Self {
        let parts = (0..lineage.parts).filter_map(|index| {
            let copy = copies.iter().find(|copy| {
                copy.checkpoint_part(lineage.area, index, lineage.sequence)
                    .is_some()
            })?;
            let block = layout.checkpoint(copy.number, lineage.area, index)?;
            Some((block, Kind::Checkpoint))
        });
        let log = (lineage.base.saturating_add(1)..=lineage.last).filter_map(|tid| {
            let copy = copies
                .iter()
                .find(|copy| copy.log_part(lineage.epoch, tid).is_some())?;
            Some((layout.log(copy.number, tid), Kind::Log))
        });
        let mut table = Self::default();
        for (block, kind) in parts.chain(log) {
            // The block was valid a moment ago; should it have become unreadable since, the loader says so.
            let Ok((_, records)) = reader.records(block, kind) else {
                continue;
            };
            for record in records {
                if let Some(why) = why_wrong(&record, layout, main_sectors) {
                    table.wrong.push(WrongRecord { record, why, block });
                }
                table.apply(&record);
            }
        }
        table
    }

    /// Applies one record: the complete state of its block from now on.
    pub fn apply(&mut self, record: &Record) {
        if record.slot.is_none() && record.mask == 0 {
            // Served by main again.
            self.entries.remove(&record.lbn.0);
        } else {
            let entry = Entry {
                slot: record.slot,
                mask: record.mask,
            };
            self.entries.insert(record.lbn.0, entry);
        }
    }

    /// Blocks that are served by a slot.
    pub fn remapped(&self) -> usize {
        self.entries
            .values()
            .filter(|entry| entry.slot.is_some())
            .count()
    }

    /// Blocks with a lost sector.
    pub fn poisoned(&self) -> usize {
        self.entries
            .values()
            .filter(|entry| entry.mask != 0)
            .count()
    }
}

fn why_wrong(record: &Record, layout: &Layout, main_sectors: u64) -> Option<Why> {
    let main_blocks = main_sectors.div_ceil(SECTORS_PER_BLOCK);
    if record.lbn.0 >= main_blocks {
        return Some(Why::BeyondMain { main_blocks });
    }
    if record.slot.is_some_and(|slot| !layout.is_slot(slot)) {
        return Some(Why::NoSlot);
    }
    let existing = existing_sectors(record.lbn, main_sectors);
    if record.mask & !existing != 0 {
        return Some(Why::MaskTooWide);
    }
    let lost_in_part = record.slot.is_none() && record.mask != 0 && record.mask != existing;
    lost_in_part.then_some(Why::MaskTooNarrow)
}

/// One bit for each sector of a block that exists on main.
fn existing_sectors(lbn: Lbn, main_sectors: u64) -> u8 {
    match main_sectors.saturating_sub(lbn.first_sector()) {
        left @ 0..=7 => (1u8 << left).wrapping_sub(1),
        _ => u8::MAX,
    }
}
