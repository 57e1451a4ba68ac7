// SPDX-License-Identifier: GPL-2.0-only

//! What lies on a spare, copy by copy, read independently of the engine's loader.
//!
//! The survey reads every block of every copy once, keeps what each says about itself, and works out from that
//! which checkpoint is the newest, how far its log reaches, and what table they give: for all copies together
//! and for each alone. It judges nothing; [`rules`](crate::rules) does.

mod lineage;
mod place;
mod table;

pub use lineage::{Lineage, Tail};
pub use place::{Fault, Part};
pub use table::{Entry, Table, WrongRecord};

use crate::storage::BlockSource;
use dm_spare_engine::format::{Kind, Layout, Superblock};
use dm_spare_engine::{Block, Uuid, BLOCK_BYTES, SECTORS_PER_BLOCK};

/// A place where a superblock can lie.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Block of the spare.
    pub block: u64,
    /// What lies there.
    pub found: Result<Superblock, Fault>,
}

/// All blocks of one copy.
#[derive(Clone, Debug)]
pub struct CopySurvey {
    /// From 0.
    pub number: u8,
    /// Its first block on the spare.
    pub first_block: u64,
    /// Its superblock.
    pub superblock: Result<Superblock, Fault>,
    /// The blocks of both checkpoint areas.
    pub areas: [Vec<Result<Part, Fault>>; 2],
    /// The places of the log.
    pub ring: Vec<Result<Part, Fault>>,
}

/// A set that was found on the spare.
#[derive(Clone, Debug)]
pub struct SetSurvey {
    /// The superblock that names it: the first valid one.
    pub superblock: Superblock,
    /// Where things lie.
    pub layout: Layout,
    /// Its copies.
    pub copies: Vec<CopySurvey>,
    /// The newest state that all copies give together; none without a complete checkpoint.
    pub lineage: Option<Lineage>,
    /// The newest state that each copy gives alone.
    pub alone: Vec<Option<Lineage>>,
    /// The table of `lineage`.
    pub table: Table,
}

/// Everything that was found on a spare.
#[derive(Clone, Debug)]
pub struct Survey {
    /// Size of the spare in sectors.
    pub spare_sectors: u64,
    /// The places where superblocks can lie, each once.
    pub candidates: Vec<Candidate>,
    /// The set; none if there is no valid superblock, or if it places its metadata where this program does not.
    pub set: Option<SetSurvey>,
}

impl Survey {
    /// Reads a spare of `spare_sectors` sectors. `progress` is told after each block how many of how many have
    /// been read.
    pub fn read(
        source: &mut dyn BlockSource,
        spare_sectors: u64,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Self {
        let candidates = read_candidates(source, spare_sectors);
        let set = candidates
            .iter()
            .find_map(|candidate| candidate.found.as_ref().ok())
            .filter(|superblock| superblock.geometry_known)
            .and_then(|superblock| read_set(source, *superblock, progress));
        Self {
            spare_sectors,
            candidates,
            set,
        }
    }

    /// Valid superblocks, wherever they lie.
    pub fn superblocks(&self) -> impl Iterator<Item = (u64, &Superblock)> {
        self.candidates.iter().filter_map(|candidate| {
            let superblock = candidate.found.as_ref().ok()?;
            Some((candidate.block, superblock))
        })
    }
}

/// Reads the places where superblocks can lie on a spare of this size.
pub fn read_candidates(source: &mut dyn BlockSource, spare_sectors: u64) -> Vec<Candidate> {
    let mut blocks = Layout::candidates(spare_sectors / SECTORS_PER_BLOCK).to_vec();
    blocks.sort_unstable();
    blocks.dedup();
    let mut buffer = Block([0; BLOCK_BYTES]);
    blocks
        .into_iter()
        .map(|block| Candidate {
            block,
            found: place::superblock(source, &mut buffer, block),
        })
        .collect()
}

/// Whether a device of this size is the spare of a set, of the one that is named if one is. A partition at the beginning of
/// a disk shares its first block with the disk: the size tells them apart.
pub fn holds_set(source: &mut dyn BlockSource, sectors: u64, uuid: Option<Uuid>) -> bool {
    read_candidates(source, sectors)
        .iter()
        .filter_map(|candidate| candidate.found.as_ref().ok())
        .any(|superblock| {
            superblock.spare_sectors == sectors && uuid.is_none_or(|uuid| uuid.0 == superblock.uuid)
        })
}

fn read_set(
    source: &mut dyn BlockSource,
    superblock: Superblock,
    progress: &mut dyn FnMut(u64, u64),
) -> Option<SetSurvey> {
    let layout = Layout::new(
        superblock.spare_sectors / SECTORS_PER_BLOCK,
        superblock.copies,
    )?;
    let total = layout
        .copy_blocks()
        .saturating_mul(u64::from(layout.copies));
    let mut reader = place::Reader::new(source, superblock.uuid, total, progress);
    let copies: Vec<CopySurvey> = (0..layout.copies)
        .map(|copy| read_copy(&mut reader, &layout, copy))
        .collect();
    let lineage = Lineage::newest(&copies, &layout, u8::MAX);
    let alone = copies
        .iter()
        .map(|copy| Lineage::newest(&copies, &layout, 1 << copy.number))
        .collect();
    let table = lineage.as_ref().map_or_else(Table::default, |lineage| {
        Table::read(
            &mut reader,
            &copies,
            &layout,
            superblock.main_sectors,
            lineage,
        )
    });
    Some(SetSurvey {
        superblock,
        layout,
        copies,
        lineage,
        alone,
        table,
    })
}

fn read_copy(reader: &mut place::Reader<'_>, layout: &Layout, copy: u8) -> CopySurvey {
    let first_block = layout.superblock(copy);
    let superblock = reader.superblock(first_block);
    let mut area = |number: u8| {
        (0..layout.area_blocks)
            .filter_map(|index| layout.checkpoint(copy, number, index))
            .map(|block| reader.part(block, Kind::Checkpoint))
            .collect()
    };
    let areas = [area(0), area(1)];
    let ring = (0..layout.ring_blocks)
        .map(|place| reader.part(layout.log(copy, place), Kind::Log))
        .collect();
    CopySurvey {
        number: copy,
        first_block,
        superblock,
        areas,
        ring,
    }
}

impl CopySurvey {
    /// Part `index` of a checkpoint, if it is of that checkpoint and valid.
    pub fn checkpoint_part(&self, area: u8, index: u64, sequence: u64) -> Option<&Part> {
        self.checkpoint_place(area, index)?
            .as_ref()
            .ok()
            .filter(|part| {
                part.header.sequence == sequence && u64::from(part.header.index) == index
            })
    }

    /// What lies where part `index` of area 0 or 1 belongs.
    pub fn checkpoint_place(&self, area: u8, index: u64) -> Option<&Result<Part, Fault>> {
        self.areas
            .get(usize::from(area))?
            .get(usize::try_from(index).ok()?)
    }

    /// The log block of a transaction, if it is valid.
    pub fn log_part(&self, epoch: u64, tid: u64) -> Option<&Part> {
        self.log_place(tid)?
            .as_ref()
            .ok()
            .filter(|part| part.header.tid == tid && part.header.epoch == epoch)
    }

    /// What lies where a transaction belongs.
    pub fn log_place(&self, tid: u64) -> Option<&Result<Part, Fault>> {
        let place = tid.checked_rem(u64::try_from(self.ring.len()).ok()?)?;
        self.ring.get(usize::try_from(place).ok()?)
    }
}
