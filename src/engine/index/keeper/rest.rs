// SPDX-License-Identifier: GPL-2.0-only

//! Coming to rest, and going on.
//!
//! First the zones come to rest, each when no request of it waits. A chapter that one of them has closed meanwhile is
//! announced before that, so it is written before the keeper is idle. Then the open chapters are saved, if that is
//! wanted.

use super::{Keeper, Phase};
use crate::engine::index::action::KeeperAction;
use crate::engine::index::message::ToZone;

impl Keeper {
    /// Comes to rest.
    pub(super) fn begin_suspend(&mut self, save: bool, out: &mut impl FnMut(KeeperAction)) {
        if self.is_suspended {
            return out(KeeperAction::Suspended { saved: false });
        }
        self.suspend = Some(save);
        self.restless = self.zones.count();
        self.tell_all(|| ToZone::Suspend, out);
    }

    /// Whether a chapter is being closed.
    fn is_closing(&self) -> bool {
        self.arrived.iter().any(Option::is_some)
    }

    /// Answers the suspend when nothing is under way.
    pub(super) fn suspend_if_idle(&mut self, out: &mut impl FnMut(KeeperAction)) {
        let Some(save) = self.suspend else {
            return;
        };
        if self.restless != 0 || self.in_flight != 0 {
            return;
        }
        match self.phase {
            Phase::Idle if self.is_closing() => {}
            Phase::Idle if save => self.begin_save(out),
            Phase::Idle | Phase::Closed | Phase::Failed => self.rested(false, out),
            Phase::Loading(_) if self.load_is_at_rest() => self.rested(false, out),
            _ => {}
        }
    }

    /// The suspend is done.
    pub(super) fn rested(&mut self, saved: bool, out: &mut impl FnMut(KeeperAction)) {
        self.suspend = None;
        self.is_suspended = true;
        out(KeeperAction::Suspended { saved });
    }

    /// Goes on.
    pub(super) fn resume(&mut self, replaced: bool, out: &mut impl FnMut(KeeperAction)) {
        if !self.is_suspended {
            return;
        }
        self.is_suspended = false;
        self.tell_all(|| ToZone::Resume { replaced }, out);
        if matches!(self.phase, Phase::Loading(_)) {
            self.replay_more(out);
        }
    }
}
