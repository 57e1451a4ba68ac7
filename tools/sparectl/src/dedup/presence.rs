// SPDX-License-Identifier: GPL-2.0-only

//! Which pages there are.

use super::pages::Pages;
use super::Fault;
use dm_spare_engine::dedup::format::presence_page::Presence;
use dm_spare_engine::dedup::format::{checkpoint, presence_page, Layout};
use dm_spare_engine::dedup::PageNumber;
use dm_spare_engine::Block;
use std::ops::Range;

/// What the presence pages say.
pub struct Presences {
    layout: Layout,
    /// Each presence page; none if there is none, so that all of its pages are absent.
    pages: Vec<Option<Box<Block>>>,
    /// Those that are damaged.
    pub damaged: Vec<(PageNumber, Fault)>,
}

impl Presences {
    /// Reads the presence pages that the block of a checkpoint names.
    pub fn read(pages: &mut Pages<'_>, roots: &Block) -> Self {
        let layout = pages.layout();
        let (mut read, mut damaged) = (Vec::new(), Vec::new());
        // CAST: 32 bits fit.
        read.resize_with(layout.presence_pages as usize, || None);
        pages.visit(
            0..layout.presence_pages,
            &|page| checkpoint::root(roots, page),
            &mut |page, block, state| match state {
                Ok(()) => {
                    // CAST: 32 bits fit.
                    if let Some(place) = read.get_mut(page.0 as usize) {
                        *place = Some(Box::new(block.clone()));
                    }
                }
                Err(fault) => damaged.push((page, fault)),
            },
        );
        Self {
            layout,
            pages: read,
            damaged,
        }
    }

    /// The presence pages that there are.
    pub fn blocks(&self) -> impl Iterator<Item = (PageNumber, &Block)> {
        (0..)
            .map(PageNumber)
            .zip(&self.pages)
            .filter_map(|(number, page)| Some((number, page.as_deref()?)))
    }

    /// What is known of a map or pool page.
    pub fn get(&self, page: PageNumber) -> Presence {
        let known = self
            .layout
            .presence_place(page)
            .and_then(|(number, index)| {
                // CAST: 32 bits fit.
                let block = self.pages.get(number.0 as usize)?.as_deref()?;
                Some(presence_page::get(block, index))
            });
        known.unwrap_or(Presence::Absent)
    }

    /// Whether there is such a page.
    pub fn is_present(&self, page: PageNumber) -> bool {
        self.get(page) != Presence::Absent
    }

    /// How many pages of a range there are.
    pub fn count(&self, range: Range<u32>) -> u64 {
        range
            .filter(|page| self.is_present(PageNumber(*page)))
            .count() as u64
    }
}

/// All map pages.
pub fn map_pages(layout: &Layout) -> Range<u32> {
    layout.first_map_page().0..layout.first_pool_page().0
}

/// All pool pages.
pub fn pool_pages(layout: &Layout) -> Range<u32> {
    let first = layout.first_pool_page().0;
    first..first.saturating_add(layout.pool_pages)
}
