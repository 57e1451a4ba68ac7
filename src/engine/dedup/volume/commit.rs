// SPDX-License-Identifier: GPL-2.0-only

//! When batches are closed, what follows when they are durable, and coming to rest.

use super::operation::Wait;
use super::Volume;
use crate::engine::dedup::action::{Action, Out};
use crate::engine::dedup::status::State;

impl Volume {
    pub(super) fn advance_commit(&mut self, out: Out<'_>) -> bool {
        if self.read_only {
            return false;
        }
        let mut progress = false;
        if self.journal.advance(&self.target, out) {
            let durable = self.journal.durable();
            self.operations.wake(|wait| match wait {
                Wait::Batch(batch) => batch <= durable,
                Wait::Room => true,
                _ => false,
            });
            self.space_may_be_free();
            progress = true;
        }
        if self.journal.is_open_empty() {
            self.commit_wanted = false;
        }
        let is_due = self.commit_wanted
            || self.journal.is_half_full()
            || (self.checkpoint.wanted && self.checkpoint.is_idle());
        if is_due && self.journal.close() {
            self.commit_wanted = false;
            progress = true;
        }
        progress
    }

    pub(super) fn advance_suspend(&mut self, out: Out<'_>) -> bool {
        let is_at_rest = match self.state {
            _ if self.suspends == 0 => return false,
            State::Activating => return false,
            // There is nothing to bring to rest, or it was undone.
            State::Inactive | State::Active => true,
            State::Suspending | State::Suspended => self.comes_to_rest(),
        };
        if !is_at_rest {
            return false;
        }
        self.suspends -= 1;
        if self.state == State::Suspending {
            self.state = State::Suspended;
        }
        let clean = self.state == State::Suspended && self.is_marked_clean();
        out(Action::Suspended { clean });
        true
    }

    /// Whether nothing is left to be done; otherwise sees to it that it is.
    fn comes_to_rest(&mut self) -> bool {
        if !self.operations.is_empty() {
            return false;
        }
        if self.read_only {
            return self.journal.is_quiet() && self.checkpoint.is_quiet();
        }
        if !self.journal.is_open_empty() {
            // Without a batch on its way it is closed at once.
            self.commit_wanted = true;
        }
        if !self.journal.is_open_empty() || !self.journal.is_idle() || !self.checkpoint.is_idle() {
            return false;
        }
        if !self.is_marked_clean() {
            self.checkpoint.wanted = true;
            return false;
        }
        true
    }

    /// Whether the newest checkpoint says that nothing lies behind it, and nothing does.
    fn is_marked_clean(&self) -> bool {
        self.checkpoint.newest_is_clean()
            && self.journal.taken() == 0
            && self.journal.is_open_empty()
    }
}
