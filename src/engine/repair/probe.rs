// SPDX-License-Identifier: GPL-2.0-only

//! Telling a bad block from a main that is gone.
//!
//! A device that has died or was taken offline fails everything with the same status as a bad sector. Before an
//! error of main is the reason for a change, something else is read from main: its first, middle
//! and last block, as far as the block in question is another. If none of them can be read main is taken for gone:
//! the request fails and nothing is recorded, so that all is well once main is back.

use super::job::Phase;
use crate::engine::action::{Leg, Operation};
use crate::engine::notice::Notice;
use crate::engine::units::Lbn;
use crate::engine::{Engine, ErrorClass};

impl Engine {
    /// Whether main has to show that it is alive before the current block may be changed.
    pub(super) fn main_is_in_doubt(&self, index: usize) -> bool {
        let job = self.jobs.get(index);
        job.is_some_and(|job| !job.main_is_alive && job.scratch.entry.is_none())
    }

    /// Reads the next place of main that could show it; the buffer's content is lost.
    pub(super) fn probe_main(&mut self, index: usize) {
        let last = self.main_blocks().saturating_sub(1);
        let sectors = self.settings.main_logical_block_sectors;
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        let places = [0, last / 2, last];
        while let Some(place) = places.get(job.probes) {
            job.probes += 1;
            if *place != job.lbn {
                let operation = Operation::Read {
                    leg: Leg::Main,
                    sector: Lbn(*place).first_sector(),
                    sectors,
                    within: 0,
                };
                job.ask(Phase::Probe, operation);
                return;
            }
        }
        if last == 0 {
            // There is no other block to ask.
            self.main_has_answered(index);
            return;
        }
        self.counters.main_gone += 1;
        if !core::mem::replace(&mut self.main_is_gone, true) {
            self.notices.push(Notice::MainGone);
        }
        self.abort(index, ErrorClass::Media);
    }

    pub(super) fn probe_done(&mut self, index: usize, result: Result<(), ErrorClass>) {
        match result {
            Ok(()) => self.main_has_answered(index),
            Err(ErrorClass::Media) => self.probe_main(index),
            Err(class) => self.abort(index, class),
        }
    }

    /// Main is alive: goes on where the doubt arose.
    fn main_has_answered(&mut self, index: usize) {
        self.main_is_gone = false;
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        job.main_is_alive = true;
        if job.request.kind.salvages() {
            self.poison_whole(index);
        } else if job.scratch.relocate {
            self.gather(index, Phase::Merge);
        } else {
            self.begin_relocation(index);
        }
    }
}
