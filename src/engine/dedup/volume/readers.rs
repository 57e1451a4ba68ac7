// SPDX-License-Identifier: GPL-2.0-only

//! Reads that found their blocks without the volume, in the table of translations, and so are no requests.
//!
//! Which of them are under way only the shell knows. It is asked after each commit: when all that were then have ended, no
//! block that was freed until then is read any more. One question is asked at a time; it is that of the newest commit.

use super::Volume;
use crate::engine::dedup::action::{Action, Out};
use crate::engine::dedup::format::Entry;
use crate::engine::dedup::status::State;
use crate::engine::dedup::units::{Batch, Lbn};

/// What is known of such reads.
#[derive(Default)]
pub(super) struct Readers {
    /// None of them reads a block that was freed in this batch, or an earlier one.
    gone: Batch,
    /// The shell is asked about this batch, and the earlier ones.
    asked: Option<Batch>,
}

impl Volume {
    /// Says to such reads what a block of the volume is from now on.
    pub(super) fn translate(&self, lbn: Lbn, entry: Entry) {
        if let Some(translations) = &self.translations {
            translations.set(lbn, entry);
        }
    }

    /// Blocks that were freed in earlier batches are read by none of them.
    pub(super) fn unread_before(&self) -> Batch {
        if self.translations.is_none() || seeded!("dedup_outside_readers_ignored") {
            return Batch(u64::MAX);
        }
        self.readers.gone.next()
    }

    /// Asks the shell, if something was committed since it was asked last.
    pub(super) fn advance_readers(&mut self, out: Out<'_>) -> bool {
        let durable = self.journal.durable();
        let is_served = !matches!(self.state, State::Inactive | State::Activating);
        let is_known = self.translations.is_none() || self.readers.gone >= durable;
        if !is_served || self.readers.asked.is_some() || is_known {
            return false;
        }
        self.readers.asked = Some(durable);
        out(Action::AwaitReaders);
        true
    }

    /// The shell has answered.
    pub(super) fn readers_gone(&mut self) {
        if let Some(batch) = self.readers.asked.take() {
            self.readers.gone = batch;
            self.space_may_be_free();
        }
    }
}
