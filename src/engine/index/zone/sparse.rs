// SPDX-License-Identifier: GPL-2.0-only

//! Old chapters of a sparse index: hooks bring their chapter's filters into the cache, and filters find other names.

use super::search::{Probe, Step};
use super::{IoOwner, Wait, Zone};
use crate::engine::event::ErrorClass;
use crate::engine::index::action::ZoneAction;
use crate::engine::index::extent::Extent;
use crate::engine::index::format::{filter_page, FilterPage, Place};
use crate::engine::index::io::{Io, IoKind};
use crate::engine::index::message::ToKeeper;
use crate::engine::index::parked::Attempt;
use crate::engine::index::record::Name;
use crate::engine::index::sparse_cache::Wanted;
use crate::engine::index::units::Chapter;

impl Zone {
    /// Has the filters of the sparse chapter that a hook may be in come into the cache. The hook itself still waits for
    /// its page then, so names that come after it wait for the filters, and are not taken for unknown.
    pub(super) fn triage(&mut self, name: Name, out: &mut impl FnMut(ZoneAction)) {
        if !self.geometry.is_sparse() || !name.is_hook() {
            return;
        }
        let candidates = self.names.candidates(name);
        if let Some(newest) = candidates.as_slice().first() {
            self.hook_found(*newest, out);
        }
    }

    /// Looks for a name that the volume index does not know in the chapters whose filters are in the cache.
    pub(super) fn search_sparse(
        &mut self,
        attempt: &mut Attempt,
        out: &mut impl FnMut(ZoneAction),
    ) -> Step {
        let name = attempt.request.name;
        if !self.geometry.is_sparse() || name.is_hook() {
            return Step::Absent;
        }
        // A hook that came just before may be about to make this name known.
        if let Some(index) = self.sparse.reading() {
            return Step::Wait(Wait::Filters(index));
        }
        let mut before = Chapter(Chapter::LIMIT);
        while let Some((index, chapter)) = self.sparse.next_before(before) {
            before = chapter;
            let page = self.bounds.page(chapter, name);
            if !page.is_some_and(|page| self.sparse.may_contain(index, page, name)) {
                continue;
            }
            match self.probe(attempt, chapter, out) {
                Probe::Found(data) => {
                    self.sparse.touch(chapter);
                    return Step::Found(data, super::search::Origin::Closed(chapter));
                }
                Probe::NotThere => {}
                Probe::Wait(wait) => return Step::Wait(wait),
            }
        }
        Step::Absent
    }

    /// A hook has led to this chapter: its filters come into the cache of every zone.
    pub(super) fn hook_found(&mut self, chapter: Chapter, out: &mut impl FnMut(ZoneAction)) {
        if self.geometry.is_sparse_chapter(&self.window, chapter) {
            if !self.sparse.has(chapter) {
                out(ZoneAction::Tell(ToKeeper::Sparse(chapter)));
            }
            self.cache_filters(chapter, out);
        }
    }

    /// Takes the filters of a chapter into the cache.
    pub(super) fn cache_filters(&mut self, chapter: Chapter, out: &mut impl FnMut(ZoneAction)) {
        if self.sparse.has(chapter) {
            return self.sparse.touch(chapter);
        }
        if !self.is_reading_allowed() || !self.window.contains(chapter) {
            return;
        }
        let keys = self.zones.keys(self.number);
        let part = |key| {
            let page = self.bounds.page(chapter, Name { key, rest: 0 });
            page.map(|page| filter_page::place_of(page).0)
        };
        let Some(last) = part(keys.last) else { return };
        let first = part(keys.first).unwrap_or(0);
        let Some(block) = self.layout.filter(chapter, first) else {
            return;
        };
        let Some(wanted) = self.sparse.begin(chapter, first, last) else {
            return;
        };
        let Wanted {
            index,
            pages,
            memory,
        } = wanted;
        out(ZoneAction::Io(Io {
            token: IoOwner::Filters(index).token(),
            kind: IoKind::Read {
                block,
                blocks: pages,
            },
            memory: Some(memory),
        }));
    }

    /// Takes filters that were read.
    pub(super) fn filters_done(
        &mut self,
        index: usize,
        result: Result<(), ErrorClass>,
        memory: Extent,
    ) {
        let is_good = result.is_ok() && self.are_filters(index, &memory);
        self.statistics.invalid_filters += u64::from(!is_good);
        let waiting = self.sparse.finish(index, memory, is_good);
        self.parked.append(&mut self.ready, waiting);
    }

    /// Whether memory holds the filters that an entry of the cache is for.
    fn are_filters(&self, index: usize, memory: &Extent) -> bool {
        let Some((chapter, first, pages)) = self.sparse.of(index) else {
            return false;
        };
        // CAST: 32 bits fit.
        let mut blocks = (first..).zip(memory.blocks()).take(pages as usize);
        blocks.all(|(part, block)| {
            let uuid = self.uuid;
            self.layout.filter(chapter, part).is_some_and(|address| {
                let place = Place { address, uuid };
                FilterPage::open(&block.0, &place, chapter, part, self.checksum).is_ok()
            })
        })
    }
}
