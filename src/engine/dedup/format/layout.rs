// SPDX-License-Identifier: GPL-2.0-only

//! Where things lie on main and on the spare: a function of four sizes.

use super::{map_page, pool_page, presence_page};
use crate::engine::dedup::units::{Lbn, Lsn, PageNumber, Pbn};

/// The smallest main device that is formatted: 64 MiB.
pub const MAIN_BLOCKS_MINIMUM: u64 = 1 << 14;
/// The largest main device: 256 TiB.
pub const MAIN_BLOCKS_MAXIMUM: u64 = 1 << 36;
/// The largest volume: 512 TiB. The bits of all presence pages then fit into a checkpoint.
pub const LOGICAL_BLOCKS_MAXIMUM: u64 = 1 << 37;
/// The shortest journal.
pub const JOURNAL_BLOCKS_MINIMUM: u64 = 64;
/// The longest journal: 4 GiB.
pub const JOURNAL_BLOCKS_MAXIMUM: u64 = 1 << 20;
/// Blocks at the beginning of both legs: the superblock, two checkpoints, and reserved ones.
pub const FIRST_BLOCKS: u64 = 8;
/// The block of the superblock, on both legs.
pub const SUPERBLOCK: u64 = 0;
/// Fewest data blocks that are worth the trouble.
const DATA_BLOCKS_MINIMUM: u64 = 64;

/// What a volume's layout follows from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Geometry {
    /// Size of main in blocks.
    pub main_blocks: u64,
    /// Size of the volume in blocks.
    pub logical_blocks: u64,
    /// Length of the journal in blocks.
    pub journal_blocks: u64,
    /// Blocks left to the index.
    pub index_blocks: u64,
}

/// What a page holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PageKind {
    /// Which pages are present.
    Presence,
    /// Entries of the map.
    Map,
    /// Counts and fingerprints.
    Pool,
}

/// Where things lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    /// What it follows from.
    pub geometry: Geometry,
    /// Presence pages.
    pub presence_pages: u32,
    /// Map pages.
    pub map_pages: u32,
    /// Pool pages.
    pub pool_pages: u32,
    /// The first page's block.
    pub pages_start: u64,
    /// The index's first block.
    pub index_start: u64,
    /// The first data block.
    pub data_start: u64,
    /// Data blocks.
    pub data_blocks: u64,
}

impl Geometry {
    /// Whether a device of this size may be formatted so. [`Layout::new`] also takes smaller ones.
    pub fn is_supported(&self) -> bool {
        (MAIN_BLOCKS_MINIMUM..=MAIN_BLOCKS_MAXIMUM).contains(&self.main_blocks)
            && Layout::new(*self).is_some()
    }

    /// The journal's length for which nobody asked: a 64th of main, from 1 MiB to 64 MiB.
    pub fn default_journal_blocks(main_blocks: u64) -> u64 {
        (main_blocks / 64).clamp(256, 16384)
    }
}

impl Layout {
    /// The layout for a geometry; none if there is not enough room for data, or a size is beyond its limits.
    pub fn new(geometry: Geometry) -> Option<Self> {
        let fits = geometry.main_blocks <= MAIN_BLOCKS_MAXIMUM
            && (1..=LOGICAL_BLOCKS_MAXIMUM).contains(&geometry.logical_blocks)
            && (JOURNAL_BLOCKS_MINIMUM..=JOURNAL_BLOCKS_MAXIMUM).contains(&geometry.journal_blocks);
        if !fits {
            return None;
        }
        let map_pages = geometry.logical_blocks.div_ceil(map_page::ENTRIES);
        let pages_start = FIRST_BLOCKS + geometry.journal_blocks;
        let rest = geometry
            .main_blocks
            .checked_sub(pages_start)?
            .checked_sub(geometry.index_blocks)?
            .checked_sub(map_pages)?;
        // One block of each group of a page and the blocks it speaks of. The presence pages take some of these again, so
        // that the last pool pages may have less to speak of, or nothing.
        let pool_pages = rest.div_ceil(pool_page::BLOCKS + 1);
        let presence_pages = (map_pages + pool_pages).div_ceil(presence_page::PAGES);
        let data_blocks = rest.checked_sub(pool_pages + presence_pages)?;
        let index_start = pages_start + presence_pages + map_pages + pool_pages;
        let layout = Self {
            geometry,
            presence_pages: u32::try_from(presence_pages).ok()?,
            map_pages: u32::try_from(map_pages).ok()?,
            pool_pages: u32::try_from(data_blocks.div_ceil(pool_page::BLOCKS)).ok()?,
            pages_start,
            index_start,
            data_start: index_start + geometry.index_blocks,
            data_blocks,
        };
        (data_blocks >= DATA_BLOCKS_MINIMUM).then_some(layout)
    }

    /// All pages.
    pub fn pages(&self) -> u64 {
        u64::from(self.presence_pages) + u64::from(self.map_pages) + u64::from(self.pool_pages)
    }

    /// The block of a page.
    pub fn page_address(&self, page: PageNumber) -> u64 {
        self.pages_start.saturating_add(page.0.into())
    }

    /// What a page holds; none if there is no such page.
    pub fn page_kind(&self, page: PageNumber) -> Option<PageKind> {
        let number = u64::from(page.0);
        let first_map = u64::from(self.presence_pages);
        let first_pool = first_map + u64::from(self.map_pages);
        if number < first_map {
            Some(PageKind::Presence)
        } else if number < first_pool {
            Some(PageKind::Map)
        } else {
            (number < self.pages()).then_some(PageKind::Pool)
        }
    }

    /// The first map page.
    pub fn first_map_page(&self) -> PageNumber {
        PageNumber(self.presence_pages)
    }

    /// The first pool page.
    pub fn first_pool_page(&self) -> PageNumber {
        PageNumber(self.presence_pages.saturating_add(self.map_pages))
    }

    /// The map page of a block of the volume, and the block's entry in it; none behind the end.
    pub fn map_place(&self, lbn: Lbn) -> Option<(PageNumber, usize)> {
        if lbn.0 >= self.geometry.logical_blocks {
            return None;
        }
        let page = u32::try_from(lbn.0 / map_page::ENTRIES).ok()?;
        // CAST: below 809.
        let index = (lbn.0 % map_page::ENTRIES) as usize;
        Some((
            PageNumber(self.first_map_page().0.checked_add(page)?),
            index,
        ))
    }

    /// The first block of the volume that a map page speaks of.
    pub fn first_lbn(&self, page: PageNumber) -> Lbn {
        Lbn(u64::from(page.0.saturating_sub(self.presence_pages)) * map_page::ENTRIES)
    }

    /// The pool page of a data block, and the block's entry in it; none if it is no data block.
    pub fn pool_place(&self, pbn: Pbn) -> Option<(PageNumber, usize)> {
        let number = pbn.0.checked_sub(self.data_start)?;
        if number >= self.data_blocks {
            return None;
        }
        let page = u32::try_from(number / pool_page::BLOCKS).ok()?;
        // CAST: below 224.
        let index = (number % pool_page::BLOCKS) as usize;
        let first = self.first_pool_page().0;
        Some((PageNumber(first.checked_add(page)?), index))
    }

    /// The data block of an entry of a pool page.
    pub fn pool_block(&self, page: PageNumber, index: usize) -> Pbn {
        let page = page.0.saturating_sub(self.first_pool_page().0);
        Pbn(self.data_start + u64::from(page) * pool_page::BLOCKS + index as u64)
    }

    /// Data blocks that a pool page speaks of.
    pub fn pool_page_blocks(&self, page: PageNumber) -> u64 {
        let before = u64::from(page.0.saturating_sub(self.first_pool_page().0)) * pool_page::BLOCKS;
        self.data_blocks
            .saturating_sub(before)
            .min(pool_page::BLOCKS)
    }

    /// The presence page of a map or pool page, and the page's bits in it; none for other pages.
    pub fn presence_place(&self, page: PageNumber) -> Option<(PageNumber, usize)> {
        if u64::from(page.0) >= self.pages() {
            return None;
        }
        let number = u64::from(page.0.checked_sub(self.presence_pages)?);
        let presence = u32::try_from(number / presence_page::PAGES).ok()?;
        // CAST: below 16,192.
        let index = (number % presence_page::PAGES) as usize;
        Some((PageNumber(presence), index))
    }

    /// The block of a block of the journal.
    pub fn journal_address(&self, lsn: Lsn) -> u64 {
        let length = self.geometry.journal_blocks;
        FIRST_BLOCKS + lsn.0.checked_rem(length).unwrap_or(0)
    }

    /// The block of a checkpoint, on both legs.
    pub fn checkpoint_address(number: u64) -> u64 {
        SUPERBLOCK + 1 + number % 2
    }
}
