// SPDX-License-Identifier: GPL-2.0-only

//! Writes what a volume consists of but for its data: pages, checkpoints, superblocks.

use super::host::sector;
use super::survey::blank;
use crate::failure::Failure;
use crate::storage::Storage;
use dm_spare_engine::dedup::format::layout::SUPERBLOCK;
use dm_spare_engine::dedup::format::presence_page::Presence;
use dm_spare_engine::dedup::format::{
    checkpoint, page, pool_page, presence_page, Checkpoint, Layout, PageKind, Place, Superblock,
};
use dm_spare_engine::dedup::{Leg, Lsn, PageNumber};
use dm_spare_engine::{Block, ErrorClass};

/// The legs of a volume that is not active.
pub struct Legs<'a> {
    /// Main.
    pub main: &'a mut dyn Storage,
    /// The spare.
    pub spare: &'a mut dyn Storage,
}

/// What is to be written to the legs of a volume.
pub struct Writer {
    superblock: Superblock,
    layout: Layout,
    /// Where the journal, which is empty, goes on.
    redo: Lsn,
    presence: Vec<Option<Box<Block>>>,
}

/// What a volume counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Data blocks that are referred to.
    pub used: u64,
    /// Blocks of the volume that refer to them.
    pub mapped: u64,
}

impl Writer {
    /// A writer for a volume whose journal goes on at `redo`, and of which no page is known to be present.
    pub fn new(superblock: Superblock, layout: Layout, redo: Lsn) -> Self {
        let mut presence = Vec::new();
        // CAST: 32 bits fit.
        presence.resize_with(layout.presence_pages as usize, || None);
        Self {
            superblock,
            layout,
            redo,
            presence,
        }
    }

    /// Writes a map or pool page to its place, and notes it as present, or full.
    ///
    /// # Errors
    ///
    /// Main cannot be written.
    pub fn write_page(
        &mut self,
        number: PageNumber,
        block: &mut Block,
        legs: &mut Legs<'_>,
    ) -> Result<(), Failure> {
        self.note(number, block);
        self.seal_and_write(number, block, legs)
    }

    /// Notes a map or pool page that is right where it is.
    pub fn note(&mut self, number: PageNumber, block: &Block) {
        let is_full = self.layout.page_kind(number) == Some(PageKind::Pool)
            && pool_page::used(block) == self.layout.pool_page_blocks(number);
        let presence = if is_full {
            Presence::Full
        } else {
            Presence::Present
        };
        let Some((page, index)) = self.layout.presence_place(number) else {
            return;
        };
        // CAST: 32 bits fit.
        if let Some(place) = self.presence.get_mut(page.0 as usize) {
            presence_page::set(place.get_or_insert_with(blank), index, presence);
        }
    }

    /// Writes everything else: the presence pages, the checkpoints `number` and the one behind it, and the superblocks, each
    /// durable before the next.
    ///
    /// # Errors
    ///
    /// A leg cannot be written.
    pub fn finish(
        mut self,
        number: u64,
        totals: Totals,
        legs: &mut Legs<'_>,
    ) -> Result<(), Failure> {
        let presence = std::mem::take(&mut self.presence);
        let mut roots = blank();
        for (index, block) in (0..).zip(presence) {
            if let Some(mut block) = block {
                checkpoint::set_root(&mut roots, PageNumber(index));
                self.seal_and_write(PageNumber(index), &mut block, legs)?;
            }
        }
        legs.flush()?;
        for number in [number, number.saturating_add(1)] {
            let checkpoint = Checkpoint {
                number,
                redo: self.redo,
                used_blocks: totals.used,
                mapped_blocks: totals.mapped,
                clean: true,
            };
            for leg in Leg::BOTH {
                let uuid = self.superblock.uuid;
                checkpoint.seal(leg, uuid, &mut roots, crc32c::crc32c);
                legs.write(leg, Layout::checkpoint_address(number), &roots)?;
            }
            legs.flush()?;
        }
        Leg::BOTH
            .into_iter()
            .try_for_each(|leg| legs.write_superblock(leg, &self.superblock))
    }

    fn seal_and_write(
        &self,
        number: PageNumber,
        block: &mut Block,
        legs: &mut Legs<'_>,
    ) -> Result<(), Failure> {
        let Some(kind) = self.layout.page_kind(number) else {
            return Ok(());
        };
        let address = self.layout.page_address(number);
        let place = Place {
            address,
            uuid: self.superblock.uuid,
        };
        let lsn = Lsn(self.redo.0.saturating_sub(1));
        page::seal(block, number, kind, lsn, place, crc32c::crc32c);
        legs.write(Leg::Main, address, block)
    }
}

impl Legs<'_> {
    /// Writes the superblock of a leg, durably.
    ///
    /// # Errors
    ///
    /// The leg cannot be written.
    pub fn write_superblock(&mut self, leg: Leg, superblock: &Superblock) -> Result<(), Failure> {
        let mut block = blank();
        superblock.encode(leg, &mut block, crc32c::crc32c);
        self.write(leg, SUPERBLOCK, &block)?;
        self.flush()
    }

    fn write(&mut self, leg: Leg, address: u64, block: &Block) -> Result<(), Failure> {
        let result = self.leg(leg).write(sector(address), &block.0);
        result.map_err(|class| unwritable(leg, class))
    }

    /// Makes everything durable.
    ///
    /// # Errors
    ///
    /// A leg cannot be written.
    pub fn flush(&mut self) -> Result<(), Failure> {
        Leg::BOTH.into_iter().try_for_each(|leg| {
            let result = self.leg(leg).flush();
            result.map_err(|class| unwritable(leg, class))
        })
    }

    fn leg(&mut self, leg: Leg) -> &mut dyn Storage {
        match leg {
            Leg::Main => self.main,
            Leg::Spare => self.spare,
        }
    }
}

fn unwritable(leg: Leg, class: ErrorClass) -> Failure {
    Failure::new(format!(
        "{leg} cannot be written ({class}): mend or replace the device, and do this again"
    ))
}
