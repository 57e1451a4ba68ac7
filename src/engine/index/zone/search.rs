// SPDX-License-Identifier: GPL-2.0-only

//! Where a name is: the open chapter, the chapter being written, then what the volume index says.

use super::{Wait, Zone};
use crate::engine::index::action::ZoneAction;
use crate::engine::index::format::RecordPage;
use crate::engine::index::open_chapter::Entry;
use crate::engine::index::page_cache::{Lookup, PageKey};
use crate::engine::index::parked::Attempt;
use crate::engine::index::record::{Data, Name};
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
    /// ruled out for good: its content never changes, so only the rest of a search is ever repeated.
    pub(super) fn search(
        &mut self,
        attempt: &mut Attempt,
        out: &mut impl FnMut(ZoneAction),
    ) -> Step {
        let name = attempt.request.name;
        if let Some(entry) = self.open.find(name) {
            return step_of(&entry, Origin::Open);
        }
        let searched = !cfg!(seeded_bug = "index_frozen_not_searched");
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
        let candidates = self.names.candidates(name);
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
                self.statistics.cache_hits += 1;
                match self.find_on_page(index, name) {
                    Some(data) => Probe::Found(data),
                    None => {
                        self.statistics.false_candidates += 1;
                        attempt.rule_out(chapter);
                        Probe::NotThere
                    }
                }
            }
            Lookup::Reading(index) => {
                self.statistics.joined_reads += 1;
                Probe::Wait(Wait::Page(index))
            }
            Lookup::Absent => Probe::Wait(self.read_page(key, out)),
        }
    }

    fn find_on_page(&self, index: usize, name: Name) -> Option<Data> {
        RecordPage::of_checked(self.cache.page(index)?).find(name)
    }
}
