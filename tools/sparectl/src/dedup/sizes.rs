// SPDX-License-Identifier: GPL-2.0-only

//! The sizes that belong to a volume: what is chosen for blank legs, and how a table line names what a volume has.

use crate::failure::Failure;
use crate::leg::Leg;
use dm_spare_engine::dedup::format::layout::{FIRST_BLOCKS, MAIN_BLOCKS_MINIMUM};
use dm_spare_engine::dedup::format::{Geometry, Layout};
use dm_spare_engine::dedup::{default_index_mebibytes, index_geometry};
use dm_spare_engine::index::MemorySize;
use dm_spare_engine::SECTORS_PER_BLOCK;

/// Blocks of a MiB.
pub const BLOCKS_PER_MEBIBYTE: u64 = 256;

/// What the user says of a volume's sizes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Sectors of 512 bytes of the volume.
    pub sectors: Option<u64>,
    /// Length of the journal in MiB.
    pub journal_mb: Option<u32>,
    /// Memory of the index in MiB, 0 for none.
    pub index_memory: Option<u32>,
}

/// The sizes of a volume that is to be formatted.
pub struct Sizes {
    /// What the layout follows from.
    pub geometry: Geometry,
    /// Where things lie.
    pub layout: Layout,
    /// Memory of the index in MiB, 0 for none.
    pub index_memory: u32,
}

/// The sizes of a volume on these legs, as the module would choose them where nothing is said.
///
/// # Errors
///
/// A size that cannot be, or legs that are too small for it.
pub fn choose(wanted: Wanted, main: &Leg, spare: &Leg) -> Result<Sizes, Failure> {
    let main_blocks = main.sectors() / SECTORS_PER_BLOCK;
    let sectors = wanted
        .sectors
        .unwrap_or_else(|| main_blocks.saturating_mul(SECTORS_PER_BLOCK));
    if sectors % SECTORS_PER_BLOCK != 0 {
        return Err(Failure::new(format!(
            "a volume of {sectors} sectors ends within a block: give a multiple of {SECTORS_PER_BLOCK}"
        )));
    }
    let index_memory = wanted
        .index_memory
        .unwrap_or_else(|| default_index_mebibytes(main_blocks));
    // Whole MiB, so that a table line can name the journal's length.
    let journal_mb = wanted.journal_mb.map_or_else(
        || Geometry::default_journal_blocks(main_blocks) / BLOCKS_PER_MEBIBYTE,
        u64::from,
    );
    let geometry = Geometry {
        main_blocks,
        logical_blocks: sectors / SECTORS_PER_BLOCK,
        journal_blocks: journal_mb.saturating_mul(BLOCKS_PER_MEBIBYTE),
        index_blocks: index_blocks(index_memory)?,
    };
    if main_blocks < MAIN_BLOCKS_MINIMUM {
        return Err(Failure::new(format!(
            "{} has {} sectors: main needs at least {}",
            main.path().display(),
            main.sectors(),
            MAIN_BLOCKS_MINIMUM * SECTORS_PER_BLOCK
        )));
    }
    if spare.sectors() / SECTORS_PER_BLOCK < FIRST_BLOCKS {
        return Err(Failure::new(format!(
            "{} has {} sectors: the spare needs at least {}",
            spare.path().display(),
            spare.sectors(),
            FIRST_BLOCKS * SECTORS_PER_BLOCK
        )));
    }
    Layout::new(geometry)
        .filter(|_| geometry.is_supported())
        .map(|layout| Sizes {
            geometry,
            layout,
            index_memory,
        })
        .ok_or_else(|| {
            Failure::new(format!(
                "{} has {} sectors: with a journal of {journal_mb} MiB and an index of {index_memory} MiB of memory it is too small or too large for a volume of {sectors} sectors; choose other sizes",
                main.path().display(),
                main.sectors(),
            ))
        })
}

/// Blocks of main that an index of so many MiB of memory takes.
fn index_blocks(megabytes: u32) -> Result<u64, Failure> {
    match megabytes {
        0 => Ok(0),
        megabytes => index_geometry(megabytes)
            .map(|index| index.disk_blocks())
            .ok_or_else(|| {
                Failure::new(format!(
                    "there is no index of {megabytes} MiB: give 0, 16, 32, 64, 128, 256, 512, 768 or a multiple of 1024"
                ))
            }),
    }
}

/// Length of a volume's journal in MiB; none if it is not a whole number of them, as when the module chose it: then a
/// table line says nothing, and the module chooses the same again.
pub fn journal_mebibytes(geometry: &Geometry) -> Option<u64> {
    (geometry.journal_blocks % BLOCKS_PER_MEBIBYTE == 0)
        .then_some(geometry.journal_blocks / BLOCKS_PER_MEBIBYTE)
}

/// Memory of a volume's index in MiB, 0 for none; none if no index of this program takes so many blocks.
pub fn index_mebibytes(geometry: &Geometry) -> Option<u32> {
    if geometry.index_blocks == 0 {
        return Some(0);
    }
    MemorySize::all()
        .map(|size| size.mebibytes())
        .find(|megabytes| {
            index_geometry(*megabytes)
                .is_some_and(|index| index.disk_blocks() == geometry.index_blocks)
        })
}
