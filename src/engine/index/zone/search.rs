// SPDX-License-Identifier: GPL-2.0-only

//! Where a name is: the open chapter, the chapter being written, then what the volume index says.

use super::ahead::Known;
use super::{Wait, Zone};
use crate::engine::index::action::ZoneAction;
use crate::engine::index::format::RecordPage;
use crate::engine::index::open_chapter::{Entry, Position};
use crate::engine::index::page_cache::{Lookup, PageKey};
use crate::engine::index::parked::Attempt;
use crate::engine::index::record::Data;
use crate::engine::index::units::Chapter;

/// Where a record was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    /// In the open chapter.
    Open,
    /// In the chapter that is being written.
    Frozen(Chapter),
    /// In a durable chapter.
    Closed(Chapter),
}

/// How far a search came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// The name is known.
    Found(Data, Origin),
    /// It is not.
    Absent,
    /// Something has to be read first.
    Wait(Wait),
}

/// How the search of one closed chapter ended.
pub(super) enum Probe {
    Found(Data),
    NotThere,
    Wait(Wait),
}

/// What an entry in memory says. One that was deleted hides what older chapters say.
fn step_of(entry: &Entry, origin: Origin) -> Step {
    if entry.deleted {
        Step::Absent
    } else {
        Step::Found(entry.data, origin)
    }
}

impl Zone {
    /// Looks for a name as far as that goes without a read. A closed chapter that turns out not to hold the name is
    /// ruled out for good: its content never changes, so only the rest of a search is ever repeated. `position` is that
    /// of the name in the open chapter.
    pub(super) fn search(
        &mut self,
        attempt: &mut Attempt,
        position: Position,
        known: Known,
        out: &mut impl FnMut(ZoneAction),
    ) -> Step {
        let name = attempt.request.name;
        if let Some(entry) = self.open.at(position) {
            return step_of(&entry, Origin::Open);
        }
        let searched = !seeded!("index_frozen_not_searched");
        if let Some(closing) = self.closing.as_ref().filter(|_| searched) {
            if let Some(entry) = closing.share.find(name) {
                return step_of(&entry, Origin::Frozen(closing.chapter));
            }
        }
        if !self.names.is_complete() {
            let segment = self.names.segment(name);
            if !self.names.has(segment) {
                if let Err(wait) = self.want_segment(segment, out) {
                    return Step::Wait(wait);
                }
            }
        }
        let candidates = match known {
            Known::Nothing => self.names.candidates(name),
            Known::Candidates(candidates) => candidates,
            Known::Page(index, key) => match self.probe_arrived(attempt, index, key) {
                Some(data) => return Step::Found(data, Origin::Closed(key.chapter)),
                None => self.names.candidates(name),
            },
        };
        for chapter in candidates.as_slice() {
            match self.probe(attempt, *chapter, out) {
                Probe::Found(data) => {
                    if name.is_hook() && self.geometry.is_sparse() {
                        self.hook_found(*chapter, out);
                    }
                    return Step::Found(data, Origin::Closed(*chapter));
                }
                Probe::NotThere => {}
                Probe::Wait(wait) => return Step::Wait(wait),
            }
        }
        self.search_sparse(attempt, out)
    }

    /// Looks for the name in one closed chapter.
    pub(super) fn probe(
        &mut self,
        attempt: &mut Attempt,
        chapter: Chapter,
        out: &mut impl FnMut(ZoneAction),
    ) -> Probe {
        if !self.window.contains(chapter) || attempt.is_ruled_out(chapter) {
            return Probe::NotThere;
        }
        let name = attempt.request.name;
        let Some(page) = self.bounds.page(chapter, name) else {
            attempt.rule_out(chapter);
            return Probe::NotThere;
        };
        let key = PageKey { chapter, page };
        match self.cache.find(key) {
            Lookup::Cached(index) => {
                let data = self.find_on_page(attempt, index, chapter);
                data.map_or(Probe::NotThere, Probe::Found)
            }
            Lookup::Reading(index) => {
                self.statistics.joined_reads += 1;
                Probe::Wait(Wait::Page(index))
            }
            Lookup::Absent => Probe::Wait(self.read_page(key, out)),
        }
    }

    /// Looks for the name on the page that it waited for, if nothing can have come before that in the meantime.
    fn probe_arrived(&mut self, attempt: &mut Attempt, index: usize, key: PageKey) -> Option<Data> {
        let is_next = attempt.version == self.names.version()
            && self.window.contains(key.chapter)
            && !self.geometry.is_sparse()
            && self.cache.is_at(index, key);
        is_next
            .then(|| self.find_on_page(attempt, index, key.chapter))
            .flatten()
    }

    /// Looks for the name on a cached page of a chapter, and rules the chapter out if it is not there.
    fn find_on_page(
        &mut self,
        attempt: &mut Attempt,
        index: usize,
        chapter: Chapter,
    ) -> Option<Data> {
        self.statistics.cache_hits += 1;
        let page = self.cache.page(index).map(RecordPage::of_checked);
        let data = page.and_then(|page| page.find(attempt.request.name));
        if data.is_none() {
            self.statistics.false_candidates += 1;
            attempt.rule_out(chapter);
        }
        data
    }
}
