// SPDX-License-Identifier: GPL-2.0-only

//! What of the journal a recovery would replay, read independently of the engine.

use super::Fault;
use crate::storage::BlockSource;
use dm_spare_engine::dedup::format::journal_block::JournalBlock;
use dm_spare_engine::dedup::format::layout::FIRST_BLOCKS;
use dm_spare_engine::dedup::format::{Header, Invalid, Layout};
use dm_spare_engine::dedup::Lsn;
use dm_spare_engine::{Block, BLOCK_BYTES};

/// Blocks that are read at once.
const RUN: u64 = 256;

/// The journal behind a redo point.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JournalSurvey {
    /// The first block that would be replayed.
    pub redo: Lsn,
    /// Blocks that follow each other.
    pub blocks: u64,
    /// Records in them.
    pub records: u64,
    /// Images of pages in them.
    pub images: u64,
    /// The block behind them is of this journal, and says what cannot be.
    pub damage: Option<Fault>,
}

impl JournalSurvey {
    /// Reads the journal from a redo point on.
    pub fn read(main: &mut dyn BlockSource, layout: &Layout, uuid: [u8; 16], redo: Lsn) -> Self {
        let mut survey = Self {
            redo,
            blocks: 0,
            records: 0,
            images: 0,
            damage: None,
        };
        survey.damage = follow(main, layout, uuid, redo, &mut |_, block| {
            survey.blocks = survey.blocks.saturating_add(1);
            match block {
                JournalBlock::Records(records) => {
                    survey.records = survey.records.saturating_add(records.count() as u64);
                }
                JournalBlock::Image(_) => survey.images = survey.images.saturating_add(1),
            }
        });
        survey
    }
}

/// Visits the blocks of the journal from a redo point on, as far as each is valid and follows the one before; what is
/// wrong with the block behind them, if it was not simply never written.
pub fn follow(
    main: &mut dyn BlockSource,
    layout: &Layout,
    uuid: [u8; 16],
    redo: Lsn,
    visit: &mut dyn FnMut(&Block, JournalBlock<'_>),
) -> Option<Fault> {
    let mut memory = vec![Block([0; BLOCK_BYTES]); RUN as usize];
    let end = redo.after(layout.geometry.journal_blocks);
    let mut lsn = redo;
    while lsn < end {
        let address = layout.journal_address(lsn);
        // Up to the end of the ring, where the places begin anew.
        let to_end = layout.pages_start.saturating_sub(address);
        let count = end.since(lsn).min(to_end).clamp(1, RUN);
        let run = memory.get_mut(..count as usize).unwrap_or(&mut []);
        let whole = main.read_blocks(address, run).is_ok();
        for (address, block) in (address..).zip(run) {
            if !whole {
                if let Err(fault) = main.read_block(address, block) {
                    return Some(Fault::Unreadable(fault.text));
                }
            }
            match JournalBlock::open(block, lsn, layout, uuid, crc32c::crc32c) {
                Ok(opened) => visit(block, opened),
                Err(invalid @ Invalid::Field(_)) => return Some(Fault::Invalid(invalid)),
                Err(_) => return None,
            }
            lsn = lsn.after(1);
        }
    }
    None
}

/// Whether the place of the journal holds a block of a volume of this name, whichever part of it.
pub fn is_used_by(main: &mut dyn BlockSource, layout: &Layout, uuid: [u8; 16]) -> bool {
    newest_remains(main, layout, uuid).is_some()
}

/// The newest block of a volume of this name in the place of the journal. Blocks that cannot be read are
/// passed over.
pub fn newest_remains(main: &mut dyn BlockSource, layout: &Layout, uuid: [u8; 16]) -> Option<Lsn> {
    let mut memory = vec![Block([0; BLOCK_BYTES]); RUN as usize];
    let mut newest = None;
    let mut address = FIRST_BLOCKS;
    while address < layout.pages_start {
        let count = layout.pages_start.saturating_sub(address).min(RUN);
        // CAST: at most 256.
        let run = memory.get_mut(..count as usize).unwrap_or(&mut []);
        let whole = main.read_blocks(address, run).is_ok();
        for (address, block) in (address..).zip(run) {
            if !whole && main.read_block(address, block).is_err() {
                continue;
            }
            match Header::open_any(&block.0, address, crc32c::crc32c) {
                Ok(header) if header.place.uuid == uuid => {
                    newest = newest.max(Some(Lsn(header.sequence)));
                }
                _ => {}
            }
        }
        address = address.saturating_add(count);
    }
    newest
}
