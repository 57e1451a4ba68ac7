// SPDX-License-Identifier: GPL-2.0-only

//! Telling a bad block from a device that is gone.
//!
//! A device that has died or was taken offline fails everything with the same status as a bad sector. Before an
//! error of main is the reason for a change, and before a block whose slot cannot be read is recorded as lost,
//! something else is read from that device: its first, middle and last block, as far as the block in question is
//! another. If none of them can be read the device is taken for gone: the request fails and nothing is recorded, so
//! that all is well once the device is back.
//!
//! That a slot cannot be written is no reason to ask: writing the next one shows as much. See `relocate`.

use super::job::Phase;
use super::steps::place;
use crate::engine::action::{Leg, Operation};
use crate::engine::notice::Notice;
use crate::engine::units::{Lbn, SECTORS_PER_BLOCK};
use crate::engine::{Engine, ErrorClass};

impl Engine {
    /// Whether main has to show that it is alive before the current block may be changed.
    pub(super) fn main_is_in_doubt(&self, index: usize) -> bool {
        let job = self.jobs.get(index);
        job.is_some_and(|job| !job.main_is_alive && job.scratch.entry.is_none())
    }

    /// Whether the device that the current block was read from has to show that it is alive.
    pub(super) fn source_is_in_doubt(&self, index: usize) -> bool {
        let job = self.jobs.get(index);
        let on_slot = job.is_some_and(|job| {
            !job.spare_is_alive && job.scratch.entry.is_some_and(|entry| entry.slot.is_some())
        });
        on_slot || self.main_is_in_doubt(index)
    }

    /// Reads the next place that could show that the device of the current block is alive; the buffer's content is
    /// lost.
    pub(super) fn probe_source(&mut self, index: usize) {
        let settings = self.settings;
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        let (leg, own) = place(job.lbn, job.scratch.entry.and_then(|entry| entry.slot));
        let (all, sectors) = match leg {
            Leg::Main => (settings.main_sectors, settings.main_logical_block_sectors),
            Leg::Spare => (settings.spare_sectors, settings.spare_logical_block_sectors),
        };
        let last = all.div_ceil(SECTORS_PER_BLOCK).saturating_sub(1);
        let places = [0, last / 2, last].map(|block| Lbn(block).first_sector());
        while let Some(sector) = places.get(job.probes).copied() {
            job.probes += 1;
            if sector != own {
                let operation = Operation::Read {
                    leg,
                    sector,
                    sectors,
                    within: 0,
                };
                job.ask(Phase::Probe, operation);
                return;
            }
        }
        if last == 0 {
            // There is no other block to ask.
            self.source_has_answered(index);
            return;
        }
        if leg == Leg::Main {
            self.counters.main_gone += 1;
            if !core::mem::replace(&mut self.main_is_gone, true) {
                self.notices.push(Notice::MainGone);
            }
        } else {
            self.counters.spare_gone += 1;
            if !core::mem::replace(&mut self.spare_is_gone, true) {
                self.notices.push(Notice::SpareGone);
            }
        }
        self.abort(index, ErrorClass::Media);
    }

    pub(super) fn probe_done(&mut self, index: usize, result: Result<(), ErrorClass>) {
        match result {
            Ok(()) => self.source_has_answered(index),
            Err(ErrorClass::Media) => self.probe_source(index),
            Err(class) => self.abort(index, class),
        }
    }

    /// The device that the current block is on has done what it was asked for.
    pub(super) fn source_is_seen(&mut self, index: usize) {
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        match job.scratch.entry {
            None => {
                job.main_is_alive = true;
                self.main_is_gone = false;
            }
            Some(entry) if entry.slot.is_some() => {
                job.spare_is_alive = true;
                self.spare_is_gone = false;
            }
            Some(_) => {}
        }
    }

    /// The device is alive: goes on where the doubt arose.
    fn source_has_answered(&mut self, index: usize) {
        self.source_is_seen(index);
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        if job.request.kind.salvages() {
            self.poison_whole(index);
        } else if job.scratch.relocate {
            self.gather(index, Phase::Merge);
        } else {
            self.begin_relocation(index);
        }
    }
}
