// SPDX-License-Identifier: GPL-2.0-only

//! How often each data block is referred to, counted from the map.

use super::pages::{Pages, Visit};
use super::presence::{map_pages, Presences};
use dm_spare_engine::dedup::format::{map_page, Entry, Layout};
use dm_spare_engine::dedup::{Lbn, PageNumber, Pbn};
use dm_spare_engine::Block;
use std::collections::BTreeMap;
use std::ops::Range;

/// Pool pages whose blocks are counted at once: those of 1 TiB, which takes half a GiB of memory. A larger pool takes
/// several walks through the map.
pub const WINDOW_PAGES: u32 = 1_200_000;

/// Counts of the data blocks of a range of pool pages.
pub struct References {
    layout: Layout,
    first: u64,
    counts: Vec<u16>,
    /// References beyond what 16 bits hold.
    beyond: BTreeMap<u64, u64>,
}

impl References {
    /// No references to the blocks of these pool pages.
    pub fn none(layout: &Layout, pages: &Range<u32>) -> Self {
        let start = layout.pool_block(PageNumber(pages.start), 0).0;
        let blocks = pages
            .clone()
            .map(|page| layout.pool_page_blocks(PageNumber(page)))
            .sum::<u64>();
        Self {
            layout: *layout,
            first: start,
            // CAST: a window of 32 bits.
            counts: vec![0; blocks as usize],
            beyond: BTreeMap::new(),
        }
    }

    /// Counts one reference, if the block is one of the range.
    pub fn add(&mut self, pbn: Pbn) {
        let Some(place) = self.place(pbn).and_then(|at| self.counts.get_mut(at)) else {
            return;
        };
        match place.checked_add(1) {
            Some(more) => *place = more,
            None => {
                let beyond = self.beyond.entry(pbn.0).or_insert(0);
                *beyond = beyond.saturating_add(1);
            }
        }
    }

    /// How often a block of the range is referred to.
    pub fn get(&self, pbn: Pbn) -> u64 {
        let count = self.place(pbn).and_then(|at| self.counts.get(at));
        let beyond = self.beyond.get(&pbn.0).copied().unwrap_or(0);
        count.map_or(0, |count| u64::from(*count).saturating_add(beyond))
    }

    /// The blocks of a pool page that are referred to.
    pub fn of_page(&self, page: PageNumber) -> impl Iterator<Item = (Pbn, u64)> + '_ {
        let first = self.layout.pool_block(page, 0).0;
        let end = first.saturating_add(self.layout.pool_page_blocks(page));
        (first..end).map(|pbn| (Pbn(pbn), self.get(Pbn(pbn))))
    }

    fn place(&self, pbn: Pbn) -> Option<usize> {
        usize::try_from(pbn.0.checked_sub(self.first)?).ok()
    }
}

/// The windows of a pool, in order.
pub fn windows(layout: &Layout) -> impl Iterator<Item = Range<u32>> {
    let all = super::presence::pool_pages(layout);
    let end = all.end;
    // CAST: 32 bits fit.
    all.step_by(WINDOW_PAGES as usize)
        .map(move |first| first..first.saturating_add(WINDOW_PAGES).min(end))
}

/// Visits every map page that there is, in order.
pub fn walk_map(pages: &mut Pages<'_>, presences: &Presences, visit: Visit<'_>) {
    let range = map_pages(&pages.layout());
    pages.visit(range, &|page| presences.is_present(page), visit);
}

/// The entries of a map page for the blocks that the volume has; none for a number that means nothing.
pub fn entries<'a>(
    layout: &Layout,
    page: PageNumber,
    block: &'a Block,
) -> impl Iterator<Item = (Lbn, Option<Entry>)> + 'a {
    let first = layout.first_lbn(page).0;
    let end = layout.geometry.logical_blocks;
    (first..end).map(Lbn).zip(map_page::entries(block))
}
