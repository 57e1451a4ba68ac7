// SPDX-License-Identifier: GPL-2.0-only

//! What a request does once it is known where its name is.

use super::ahead::Known;
use super::search::{Origin, Step};
use super::{State, Wait, Zone, CODE_BITS};
use crate::engine::index::action::ZoneAction;
use crate::engine::index::open_chapter::{Entry, Refused};
use crate::engine::index::parked::Attempt;
use crate::engine::index::record::Data;
use crate::engine::index::request::{Answer, Place, Request, RequestKind, Unavailable};
use crate::engine::index::units::Chapter;

/// What a request changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Change {
    Nothing,
    /// The record enters the open chapter, in place of the one in this closed chapter.
    Put(Data, Option<Chapter>),
    /// The record in the open chapter goes.
    DeleteOpen,
    /// What the chapter that is being written says of the name no longer counts.
    DeleteFrozen(Chapter),
    /// The volume index forgets this chapter's record.
    Forget(Chapter),
}

impl Zone {
    /// Works on a request as far as possible, and answers or parks it.
    pub(super) fn run(
        &mut self,
        mut attempt: Attempt,
        known: Known,
        out: &mut impl FnMut(ZoneAction),
    ) {
        if let Some(why) = self.unavailable() {
            return self.answer(attempt.request, Answer::Unavailable(why), out);
        }
        self.triage(attempt.request.name, out);
        // Nothing changes the open chapter before the entry is stored.
        let position = self.open.locate(attempt.request.name);
        let found = match self.search(&mut attempt, position, known, out) {
            Step::Wait(wait) => return self.park(wait, attempt),
            Step::Absent => None,
            Step::Found(data, origin) => Some((data, origin)),
        };
        let request = attempt.request;
        let entry = match change(request.kind, found) {
            Change::Put(data, replaces) => Some((data, replaces, false)),
            Change::DeleteFrozen(chapter) => Some((Data::default(), Some(chapter), true)),
            Change::DeleteOpen => {
                self.open.delete(request.name);
                None
            }
            Change::Forget(chapter) => {
                self.names.remove(request.name, chapter);
                None
            }
            Change::Nothing => None,
        };
        if let Some((data, replaces, deleted)) = entry {
            let entry = Entry {
                name: request.name,
                data,
                replaces: replaces.map(|chapter| chapter.code(CODE_BITS)),
                deleted,
            };
            match self.open.store_at(position, entry) {
                Ok(_) => {}
                Err(Refused::Full) => return self.park(Wait::Room, attempt),
                // Names that no fingerprint gives; the request is answered, and not remembered.
                Err(Refused::Crowded) => self.statistics.discarded += 1,
            }
        }
        let answer = match found {
            None => Answer::Absent,
            Some((data, origin)) => Answer::Found {
                data,
                place: self.place(origin),
            },
        };
        self.answer(request, answer, out);
        if self.open.remaining() == 0 {
            self.fill_up(out);
        }
    }

    /// Answers a request.
    pub(super) fn answer(
        &mut self,
        request: Request,
        answer: Answer,
        out: &mut impl FnMut(ZoneAction),
    ) {
        self.statistics.count(request.kind, answer);
        out(ZoneAction::Answer {
            request: request.id,
            answer,
        });
    }

    /// Why nothing can be served at this time.
    fn unavailable(&self) -> Option<Unavailable> {
        match self.state {
            State::Loading => Some(Unavailable::Loading),
            State::Serving | State::Resting => None,
            State::Suspended => Some(Unavailable::Suspended),
            State::Failed => Some(Unavailable::Failed),
        }
    }

    fn place(&self, origin: Origin) -> Place {
        match origin {
            Origin::Open => Place::Open,
            Origin::Closed(chapter) if self.geometry.is_sparse_chapter(&self.window, chapter) => {
                Place::Sparse
            }
            Origin::Frozen(_) | Origin::Closed(_) => Place::Dense,
        }
    }
}

/// The table of [`RequestKind`].
fn change(kind: RequestKind, found: Option<(Data, Origin)>) -> Change {
    let moved = |data, origin| match origin {
        Origin::Open => Change::Nothing,
        Origin::Frozen(chapter) | Origin::Closed(chapter) => Change::Put(data, Some(chapter)),
    };
    match (kind, found) {
        (RequestKind::Post(data) | RequestKind::Update(data), None) => Change::Put(data, None),
        (RequestKind::Post(_) | RequestKind::Query, Some((old, origin))) => moved(old, origin),
        (RequestKind::Update(data), Some((_, Origin::Open))) => Change::Put(data, None),
        (RequestKind::Update(data), Some((_, origin))) => moved(data, origin),
        (RequestKind::Delete, Some((_, Origin::Open))) => Change::DeleteOpen,
        (RequestKind::Delete, Some((_, Origin::Frozen(chapter)))) => Change::DeleteFrozen(chapter),
        (RequestKind::Delete, Some((_, Origin::Closed(chapter)))) => Change::Forget(chapter),
        (RequestKind::Peek, Some(_)) => Change::Nothing,
        (RequestKind::Query | RequestKind::Peek | RequestKind::Delete, None) => Change::Nothing,
    }
}
