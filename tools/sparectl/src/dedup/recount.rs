// SPDX-License-Identifier: GPL-2.0-only

//! Recounts every reference from the map, and compares with the pool. It says what differs; `rules` says what that means.

use super::pages::Pages;
use super::presence::{map_pages, pool_pages, Presences};
use super::references::{entries, walk_map, windows, References};
use super::Fault;
use dm_spare_engine::dedup::format::presence_page::Presence;
use dm_spare_engine::dedup::format::{pool_page, presence_page, Entry, Header, Invalid, Layout};
use dm_spare_engine::dedup::{Lbn, Lsn, PageNumber, Pbn};
use dm_spare_engine::Block;
use std::collections::BTreeMap;

/// Most things of one kind that are kept; more are only counted.
const KEPT_MAXIMUM: usize = 10_000;

/// Things of one kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct List<T> {
    /// The first of them.
    pub kept: Vec<T>,
    /// How many more there are.
    pub more: u64,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self {
            kept: Vec::new(),
            more: 0,
        }
    }
}

impl<T> List<T> {
    fn push(&mut self, one: T) {
        if self.kept.len() < KEPT_MAXIMUM {
            self.kept.push(one);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}

/// An entry of the map that cannot be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WrongEntry {
    /// The block of the volume.
    pub lbn: Lbn,
    /// What it refers to; none if the number means nothing.
    pub pbn: Option<Pbn>,
    /// The map page.
    pub page: PageNumber,
}

/// A data block whose count is not the number of its references.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Miscount {
    /// The block.
    pub pbn: Pbn,
    /// Its count.
    pub count: u16,
    /// References of the map.
    pub references: u64,
    /// The first block of the volume that refers to it.
    pub lbn: Option<Lbn>,
    /// The pool page.
    pub page: PageNumber,
}

/// A map or pool page that the presence pages tell something wrong of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WrongPresence {
    /// The page.
    pub page: PageNumber,
    /// What they say.
    pub presence: Presence,
    /// Of a pool page: blocks that are referred to, by its counts.
    pub used: u64,
}

/// What a recount has found.
#[derive(Default, Debug)]
pub struct Recount {
    /// Blocks of the volume with a data block.
    pub mapped: u64,
    /// Data blocks with a count.
    pub used: u64,
    /// Pages that cannot be used.
    pub damaged: List<(PageNumber, Fault)>,
    /// Pool pages that count blocks behind the last one.
    pub beyond: List<PageNumber>,
    /// Entries that cannot be.
    pub wrong_entries: List<WrongEntry>,
    /// Counts that differ.
    pub miscounts: List<Miscount>,
    /// Pages that hold what the journal does not say yet, with the LSN that they name.
    pub ahead: List<(PageNumber, Lsn)>,
    /// Presence pages that speak of pages behind the last one, with the first of those.
    pub presences_beyond: List<(PageNumber, PageNumber)>,
    /// What the presence pages have wrong.
    pub wrong_presences: List<WrongPresence>,
    /// Some references are not known, since a page of the map cannot be used.
    pub map_is_damaged: bool,
    /// Some counts are not known, since a page of the pool cannot be used.
    pub pool_is_damaged: bool,
}

/// Walks through map and pool. The journal ends before `end`. `progress` is told how many of how many pages have been read.
pub fn recount(
    pages: &mut Pages<'_>,
    presences: &Presences,
    end: Lsn,
    progress: &mut dyn FnMut(u64, u64),
) -> Recount {
    let layout = pages.layout();
    let mut found = Recount::default();
    found.look_at_presences(&layout, presences, end);
    let walks = windows(&layout).count() as u64;
    let maps = presences.count(map_pages(&layout));
    let pools = presences.count(pool_pages(&layout));
    let total = maps.saturating_mul(walks).saturating_add(pools);
    let mut done = 0u64;
    let mut step = || {
        done = done.saturating_add(1);
        progress(done, total);
    };
    for (walk, window) in windows(&layout).enumerate() {
        let mut references = References::none(&layout, &window);
        walk_map(pages, presences, &mut |page, block, state| {
            step();
            if walk == 0 {
                let presence = presences.get(page);
                found.look_at_lsn(&layout, page, block, state.is_ok(), end);
                found.look_at_map(&layout, page, presence, block, state.as_ref().err());
            }
            if is_legible(&state) {
                entries(&layout, page, block)
                    .filter_map(|(_, entry)| entry?.block())
                    .for_each(|pbn| references.add(pbn));
            }
        });
        for page in window.clone().map(PageNumber) {
            if !presences.is_present(page) {
                found.compare(&references, page, |_| 0);
            }
        }
        let wanted = |page| presences.is_present(page);
        pages.visit(window, &wanted, &mut |page, block, state| {
            step();
            found.look_at_lsn(&layout, page, block, state.is_ok(), end);
            if is_legible(&state) {
                let presence = presences.get(page);
                found.look_at_pool(&layout, page, presence, block, state.is_err());
                found.compare(&references, page, |index| pool_page::count(block, index));
            } else if let Err(fault) = state {
                found.pool_is_damaged = true;
                found.damaged.push((page, fault));
            }
        });
    }
    found.name_referrers(pages, presences);
    found
}

/// Whether the content of a page can be looked at: its header is right, whatever it says.
fn is_legible(state: &Result<(), Fault>) -> bool {
    matches!(
        state,
        Ok(()) | Err(Fault::Invalid(Invalid::Field("entry" | "count")))
    )
}

impl Recount {
    fn look_at_presences(&mut self, layout: &Layout, presences: &Presences, end: Lsn) {
        for (number, block) in presences.blocks() {
            self.look_at_lsn(layout, number, block, true, end);
            let first = presence_page::PAGES
                .saturating_mul(number.0.into())
                .saturating_add(layout.first_map_page().0.into());
            let behind = (0..presence_page::PAGES)
                .filter(|index| first.saturating_add(*index) >= layout.pages())
                // CAST: below 16,192.
                .find(|index| presence_page::get(block, *index as usize) != Presence::Absent);
            if let Some(index) = behind {
                // CAST: not far behind a number of 32 bits.
                let page = PageNumber(first.saturating_add(index) as u32);
                self.presences_beyond.push((number, page));
            }
        }
    }

    /// Notes a page that is newer than the journal.
    fn look_at_lsn(
        &mut self,
        layout: &Layout,
        page: PageNumber,
        block: &Block,
        is_valid: bool,
        end: Lsn,
    ) {
        let header = Header::open_any(&block.0, layout.page_address(page), crc32c::crc32c);
        if let Some(header) = header
            .ok()
            .filter(|header| is_valid && header.sequence >= end.0)
        {
            self.ahead.push((page, Lsn(header.sequence)));
        }
    }

    fn look_at_map(
        &mut self,
        layout: &Layout,
        page: PageNumber,
        presence: Presence,
        block: &Block,
        fault: Option<&Fault>,
    ) {
        if presence == Presence::Full {
            self.wrong_presences.push(WrongPresence {
                page,
                presence,
                used: 0,
            });
        }
        match fault {
            None => {}
            Some(Fault::Invalid(Invalid::Field("entry"))) => {}
            Some(fault) => {
                self.map_is_damaged = true;
                self.damaged.push((page, fault.clone()));
                return;
            }
        }
        for (lbn, entry) in entries(layout, page, block) {
            let pbn = match entry {
                None => None,
                Some(Entry::Block(pbn)) => {
                    if layout.pool_place(pbn).is_some() {
                        self.mapped = self.mapped.saturating_add(1);
                        continue;
                    }
                    Some(pbn)
                }
                Some(_) => continue,
            };
            self.wrong_entries.push(WrongEntry { lbn, pbn, page });
        }
    }

    fn look_at_pool(
        &mut self,
        layout: &Layout,
        page: PageNumber,
        presence: Presence,
        block: &Block,
        counts_too_much: bool,
    ) {
        let capacity = layout.pool_page_blocks(page);
        // CAST: at most 224.
        let used = (0..capacity as usize)
            .filter(|index| pool_page::count(block, *index) != 0)
            .count() as u64;
        self.used = self.used.saturating_add(used);
        if counts_too_much {
            self.beyond.push(page);
        }
        if (used == capacity) != (presence == Presence::Full) {
            self.wrong_presences.push(WrongPresence {
                page,
                presence,
                used,
            });
        }
    }

    /// Compares the counts of a pool page with the references to its blocks.
    fn compare(&mut self, references: &References, page: PageNumber, count: impl Fn(usize) -> u16) {
        for (index, (pbn, references)) in references.of_page(page).enumerate() {
            let count = count(index);
            // References that a damaged page of the map has are not missing.
            let is_wrong = u64::from(count) < references
                || (u64::from(count) > references && !self.map_is_damaged);
            if is_wrong {
                self.miscounts.push(Miscount {
                    pbn,
                    count,
                    references,
                    lbn: None,
                    page,
                });
            }
        }
    }

    /// Finds who refers to the blocks whose counts differ.
    fn name_referrers(&mut self, pages: &mut Pages<'_>, presences: &Presences) {
        let mut first: BTreeMap<u64, Option<Lbn>> = self
            .miscounts
            .kept
            .iter()
            .filter(|miscount| miscount.references > 0)
            .map(|miscount| (miscount.pbn.0, None))
            .collect();
        if first.is_empty() {
            return;
        }
        let layout = pages.layout();
        walk_map(pages, presences, &mut |page, block, state| {
            if !is_legible(&state) {
                return;
            }
            for (lbn, entry) in entries(&layout, page, block) {
                let Some(pbn) = entry.and_then(Entry::block) else {
                    continue;
                };
                if let Some(place) = first.get_mut(&pbn.0) {
                    place.get_or_insert(lbn);
                }
            }
        });
        for miscount in &mut self.miscounts.kept {
            miscount.lbn = first.get(&miscount.pbn.0).copied().flatten();
        }
    }
}
