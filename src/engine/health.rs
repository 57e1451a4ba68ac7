// SPDX-License-Identifier: GPL-2.0-only

//! How the set is, in one word; and when main is declared failing.

use super::action::{Action, Timer};
use super::metadata::CopyState;
use super::notice::Notice;
use super::Engine;

/// The length of the window in which bad blocks of main are counted.
const WINDOW_MILLISECONDS: u32 = 60_000;
/// The bit that tells the tickets of the window's timer from those of the lanes.
const TICKET: u32 = 1 << 17;

/// How the set in service is. The first of these that holds, from the end of the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Health {
    /// Nothing is wrong but what has been mended.
    Ok,
    /// A copy of the metadata is out, none can be written, or nothing of the spare can be read: what is served is
    /// served, but not as safely.
    Degraded,
    /// Main had more bad blocks in a minute than the table line allows: no more slots are taken for it unless asked for.
    Failing,
    /// Nothing is written, as the table line asks.
    ReadOnly,
    /// Nothing of main could be read when it was last tried.
    Failed,
}

impl Health {
    /// The word of the status line.
    pub fn word(self) -> &'static str {
        match self {
            Health::Ok => "ok",
            Health::Degraded => "degraded",
            Health::Failing => "failing",
            Health::ReadOnly => "read_only",
            Health::Failed => "failed",
        }
    }
}

/// The bad blocks of main that were met, in windows of a minute each that begin with an error.
pub(super) struct MainErrors {
    in_window: u32,
    window: u16,
    timer_wanted: bool,
    /// More than allowed came in one window; until the next activation.
    pub(super) failing: bool,
}

impl MainErrors {
    pub(super) fn new() -> Self {
        Self {
            in_window: 0,
            window: 0,
            timer_wanted: false,
            failing: false,
        }
    }

    pub(super) fn poll(&mut self) -> Option<Action> {
        core::mem::take(&mut self.timer_wanted).then(|| Action::ArmTimer {
            timer: Timer::ErrorWindow,
            ticket: TICKET | u32::from(self.window),
            milliseconds: WINDOW_MILLISECONDS,
        })
    }

    /// Whether a ticket belongs to the window's timer; the window ends if it is the current one.
    pub(super) fn expired(&mut self, ticket: u32) -> bool {
        if ticket == TICKET | u32::from(self.window) {
            self.in_window = 0;
        }
        ticket & TICKET != 0
    }
}

impl Engine {
    /// Notes that a block of main turned out to be bad.
    pub(super) fn note_bad_block(&mut self) {
        let allowed = self.settings.fail_after;
        let errors = &mut self.main_errors;
        if allowed == 0 || errors.failing {
            return;
        }
        if errors.in_window == 0 {
            errors.window = errors.window.wrapping_add(1);
            errors.timer_wanted = true;
        }
        errors.in_window = errors.in_window.saturating_add(1);
        if errors.in_window > allowed {
            errors.failing = true;
            self.notices.push(Notice::MainFailing { allowed });
        }
    }

    /// How the set is now.
    pub(super) fn health(&self) -> Health {
        let members = self.copies_in(CopyState::Member).count_ones() as usize;
        if self.main_is_gone {
            Health::Failed
        } else if self.settings.read_only {
            Health::ReadOnly
        } else if self.main_errors.failing {
            Health::Failing
        } else if self.spare_is_gone || self.lineage.broken || members < self.copy_count() {
            Health::Degraded
        } else {
            Health::Ok
        }
    }

    /// Tells of a change of health while in service.
    pub(super) fn note_health(&mut self) {
        if !self.is_in_service() {
            return;
        }
        let health = self.health();
        // What finds no room now is told after a later step.
        if self.told_health != health && self.notices.has_room() {
            self.notices.push(Notice::Health { health });
            self.told_health = health;
        }
    }
}
