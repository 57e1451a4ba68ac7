// SPDX-License-Identifier: GPL-2.0-only

//! What a volume is told at construction.

use super::format::layout::{FIRST_BLOCKS, JOURNAL_BLOCKS_MINIMUM};
use super::format::superblock::Method;
use super::format::{Geometry, Layout};
use crate::engine::index::{self, MemorySize};
use kernel::alloc::AllocError;

/// Journal blocks for which one step of a request may need room: three images of pages, three of presence pages, one of
/// records, and one to spare.
pub(super) const STEP_BLOCKS: u32 = 8;
/// Pages that one request holds in memory at most: of the map, of the pool before, of the pool after.
pub(super) const PINS: u32 = 3;
/// Fewest buffers of the journal: one step while another batch is on its way.
pub(super) const JOURNAL_BUFFERS_MINIMUM: u32 = 2 * STEP_BLOCKS;
/// Most buffers of the journal, and most blocks of a batch: a number of 16 bits has to hold them.
pub(super) const JOURNAL_BUFFERS_MAXIMUM: u32 = 4096;
/// Most requests at once.
const OPERATIONS_MAXIMUM: u32 = 1 << 16;
/// Most cached pages: 64 GiB.
const CACHE_PAGES_MAXIMUM: u32 = 1 << 24;

/// Sizes of an index for which nobody asked, in MiB.
const DEFAULT_INDEXES: [u32; 5] = [256, 128, 64, 32, 16];

/// Memory, in MiB, of the index for which nobody asked: the largest of a few sizes whose area takes at most a 16th of main;
/// 0, which is no index, if all take more.
pub fn default_index_mebibytes(main_blocks: u64) -> u32 {
    let fits = |mebibytes: &u32| {
        index_geometry(*mebibytes).is_some_and(|index| index.disk_blocks() <= main_blocks / 16)
    };
    DEFAULT_INDEXES.into_iter().find(fits).unwrap_or(0)
}

/// The index of a volume that takes so many MiB of memory; none if there is no such size.
pub fn index_geometry(mebibytes: u32) -> Option<index::Geometry> {
    index::Geometry::of_size(MemorySize::from_mebibytes(mebibytes)?, false)
}

/// What a volume is told at construction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// What the layout follows from.
    pub geometry: Geometry,
    /// Blocks of the spare.
    pub spare_blocks: u64,
    /// How fingerprints are made, if the legs get formatted.
    pub method: Method,
    /// Equal fingerprints are taken for equal data, without a comparison.
    pub trusts_fingerprints: bool,
    /// Data that is read is compared with its fingerprint. No read gets by the volume then.
    pub checks_reads: bool,
    /// Map and pool pages in memory.
    pub cache_pages: u32,
    /// Requests at once.
    pub operations: u32,
    /// Buffers of the journal.
    pub journal_buffers: u32,
    /// Buffers through which pages are written back.
    pub write_buffers: u32,
    /// The pool page, counted from the first, with which allocation begins.
    pub first_pool_page: u32,
}

/// Why settings cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SettingsError {
    /// The devices are too small or too large for these sizes.
    Geometry,
    /// The cache, the buffers or the number of requests are out of range.
    Range,
    /// Too little memory.
    Memory,
}

impl From<AllocError> for SettingsError {
    fn from(_: AllocError) -> Self {
        Self::Memory
    }
}

impl Settings {
    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// Which cannot be used.
    pub fn layout(&self) -> Result<Layout, SettingsError> {
        let layout = Layout::new(self.geometry).ok_or(SettingsError::Geometry)?;
        if self.spare_blocks < FIRST_BLOCKS {
            return Err(SettingsError::Geometry);
        }
        let buffers = JOURNAL_BUFFERS_MINIMUM..=JOURNAL_BUFFERS_MAXIMUM;
        let pinned = self.operations.saturating_mul(PINS);
        // The open batch and the one before must fit into the ring, with a checkpoint under way.
        let fits = u64::from(self.journal_buffers) <= self.geometry.journal_blocks / 2;
        let in_range = (1..=OPERATIONS_MAXIMUM).contains(&self.operations)
            && buffers.contains(&self.journal_buffers)
            && (1..=4096).contains(&self.write_buffers)
            && (pinned.saturating_add(PINS)..=CACHE_PAGES_MAXIMUM).contains(&self.cache_pages);
        const { assert!(JOURNAL_BUFFERS_MINIMUM as u64 <= JOURNAL_BLOCKS_MINIMUM / 2) };
        if in_range && fits {
            Ok(layout)
        } else {
            Err(SettingsError::Range)
        }
    }
}
