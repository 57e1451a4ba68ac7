// SPDX-License-Identifier: GPL-2.0-only

//! Coming to rest, and going on.

use super::{State, Zone};
use crate::engine::index::action::ZoneAction;
use crate::engine::index::message::ToKeeper;
use crate::engine::index::units::Chapter;

impl Zone {
    /// Takes no more requests.
    pub(super) fn suspend(&mut self) {
        self.rest_is_owed = true;
        self.resumes_serving = self.state == State::Serving;
        if self.state != State::Failed {
            self.state = State::Resting;
        }
    }

    /// Tells the keeper when nothing is left to be done: no request waits, no read is under way, and no chapter is to
    /// be closed.
    pub(super) fn rest_if_idle(&mut self, out: &mut impl FnMut(ZoneAction)) {
        let is_idle = self.parked.len() == 0
            && self.cache.reading() == 0
            && self.sparse.reading().is_none()
            && self.loads.reading() == 0
            && (!self.is_filled || self.state == State::Failed);
        let is_idle = is_idle || cfg!(seeded_bug = "index_rests_too_early");
        if !self.rest_is_owed || !is_idle {
            return;
        }
        self.rest_is_owed = false;
        if self.state == State::Resting {
            self.state = State::Suspended;
        }
        out(ZoneAction::Tell(ToKeeper::AtRest));
    }

    /// Goes on.
    pub(super) fn resume(&mut self, replaced: bool) {
        self.rest_is_owed = false;
        if replaced {
            self.cache.forget_all();
            self.sparse.forget_before(Chapter(Chapter::LIMIT));
        }
        if matches!(self.state, State::Resting | State::Suspended) {
            self.state = if self.resumes_serving {
                State::Serving
            } else {
                State::Loading
            };
        }
    }
}
