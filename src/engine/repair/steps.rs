// SPDX-License-Identifier: GPL-2.0-only

//! What a job does with one block, and with the answers it gets.

use super::job::{Answer, Phase, Scratch};
use crate::engine::action::{Leg, Operation};
use crate::engine::block::Buffer;
use crate::engine::status::State;
use crate::engine::units::{Lbn, Slot};
use crate::engine::{Cause, Engine, ErrorClass, RequestKind};

impl Engine {
    /// Moves a job that waits for nothing by one step; true if anything changed.
    pub(in super::super) fn advance_job(&mut self, index: usize) -> bool {
        let Some(job) = self.jobs.get(index) else {
            return false;
        };
        if job.waits || job.in_round || matches!(job.phase, Phase::Free | Phase::Finished) {
            return false;
        }
        if self.noflush {
            self.hand_back(index);
            return true;
        }
        match job.phase {
            Phase::Block => self.begin_block(index),
            Phase::Scatter => self.scatter(index),
            Phase::Allocate => self.allocate(index),
            _ => return false,
        }
        true
    }

    pub(in super::super) fn job_done(
        &mut self,
        index: usize,
        generation: u16,
        result: Result<(), ErrorClass>,
        buffer: Option<Buffer>,
    ) {
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        if buffer.is_some() {
            job.buffer = buffer;
        }
        if job.generation != generation || !job.waits {
            return;
        }
        job.waits = false;
        let phase = job.phase;
        if let Err(ErrorClass::Other(_) | ErrorClass::Metadata) = result {
            self.counters.other_errors += 1;
        }
        if self.noflush {
            self.hand_back(index);
            return;
        }
        match phase {
            Phase::Gather => self.gathered(index, result),
            Phase::Direct => self.direct_done(index, result),
            Phase::Whole => self.whole_done(index, result),
            Phase::Sector => self.sector_done(index, result),
            Phase::Scatter => self.scattered(index, result),
            Phase::Probe => self.probe_done(index, result),
            Phase::Merge => self.merged(index, result),
            Phase::Relocate => self.relocated(index, result),
            Phase::Return => self.returned(index, result),
            Phase::Verify => self.verified(index, result),
            Phase::Free
            | Phase::Quiesce
            | Phase::Block
            | Phase::Allocate
            | Phase::Commit
            | Phase::Sync
            | Phase::Finished => {}
        }
    }

    /// Gives the request back unfinished, for a noflush suspend.
    fn hand_back(&mut self, index: usize) {
        self.drop_changes(index);
        if let Some(job) = self.jobs.get_mut(index) {
            job.answer = Answer::Requeue;
        }
        self.finish(index);
    }

    /// Ends the request with an error. What it changed in earlier blocks is committed all the same.
    pub(super) fn abort(&mut self, index: usize, class: ErrorClass) {
        self.release_slots_in_doubt(index);
        if let Some(job) = self.jobs.get_mut(index) {
            job.result = Err(class);
            job.stopped = true;
            job.phase = Phase::Block;
        }
    }

    pub(super) fn next_block(&mut self, index: usize) {
        if let Some(job) = self.jobs.get_mut(index) {
            job.lbn += 1;
            job.phase = Phase::Block;
        }
    }

    fn begin_block(&mut self, index: usize) {
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        if job.request.kind.is_order() && self.state != State::Active {
            // Whoever waits for the suspension need not wait for the rest; it can be ordered again.
            job.answer = Answer::Requeue;
            job.stopped = true;
        }
        if job.stopped || job.lbn > job.last {
            if job.changes.is_empty() {
                self.finish(index);
            } else {
                job.phase = Phase::Commit;
            }
            return;
        }
        let part = job.part(self.settings.main_sectors);
        let entry = self.lookup.entry(Lbn(job.lbn));
        job.scratch = Scratch::new(entry);
        if job.request.kind.is_order() {
            self.begin_ordered_block(index);
            return;
        }
        if job.request.kind == RequestKind::Read {
            let mask = entry.map_or(0, |entry| entry.mask);
            if part.covered & !mask == 0 {
                job.result = Err(ErrorClass::Media);
                self.next_block(index);
            } else {
                job.scratch.needed = part.valid & !mask;
                self.read_whole(index);
            }
            return;
        }
        let first_try_failed = matches!(job.request.cause, Cause::MainFailed(_))
            && job.lbn == job.last
            && job.request.sector / 8 == job.lbn;
        match entry {
            // What was decided about this block may or may not be on the spare: decide it first.
            Some(entry) if entry.uncommitted => job.phase = Phase::Commit,
            None if first_try_failed => {
                self.counters.main_write_errors += 1;
                job.main_has_failed();
                self.begin_relocation(index);
            }
            Some(entry) if entry.slot.is_none() => self.begin_relocation(index),
            Some(_) if part.covered != 0xff && self.settings.spare_logical_block_sectors == 8 => {
                self.begin_relocation(index);
            }
            _ => self.gather(index, Phase::Gather),
        }
    }

    /// Brings the user's data for the current block into the buffer.
    pub(super) fn gather(&mut self, index: usize, phase: Phase) {
        let main_sectors = self.settings.main_sectors;
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        let part = job.part(main_sectors);
        if job.request.kind == RequestKind::Write {
            let operation = Operation::Gather {
                request: job.request.id,
                skip: part.skip,
                sectors: part.count,
                within: part.first,
            };
            job.ask(phase, operation);
            return;
        }
        if let Some(buffer) = job.buffer.as_mut() {
            crate::engine::block::clear_sectors(buffer, part.covered);
        }
        if phase == Phase::Gather {
            self.gathered(index, Ok(()));
        } else {
            self.merged(index, Ok(()));
        }
    }

    /// The user's data is in the buffer: writes it where the block is served.
    fn gathered(&mut self, index: usize, result: Result<(), ErrorClass>) {
        if let Err(class) = result {
            self.abort(index, class);
            return;
        }
        let main_sectors = self.settings.main_sectors;
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        let part = job.part(main_sectors);
        let (leg, start) = place(job.lbn, job.scratch.entry.and_then(|entry| entry.slot));
        let operation = Operation::Write {
            leg,
            sector: start + u64::from(part.first),
            sectors: part.count,
            within: part.first,
            fua: job.request.fua,
        };
        job.ask(Phase::Direct, operation);
    }

    fn direct_done(&mut self, index: usize, result: Result<(), ErrorClass>) {
        let main_sectors = self.settings.main_sectors;
        let Some(job) = self.jobs.get(index) else {
            return;
        };
        let (part, entry) = (job.part(main_sectors), job.scratch.entry);
        match result {
            Ok(()) => {
                self.source_is_seen(index);
                let heals = entry.filter(|entry| entry.mask & part.covered != 0);
                if let Some(entry) = heals.filter(|_| !seeded!("healing_not_recorded")) {
                    self.change(index, entry.slot, entry.mask & !part.covered, false);
                } else {
                    self.next_block(index);
                }
            }
            Err(ErrorClass::Media) => {
                if entry.is_some() {
                    self.counters.slot_errors += 1;
                } else {
                    self.counters.main_write_errors += 1;
                    if let Some(job) = self.jobs.get_mut(index) {
                        job.main_has_failed();
                    }
                }
                self.begin_relocation(index);
            }
            Err(class) => self.abort(index, class),
        }
    }
}

/// Where a block is served: the leg, and the block's first sector there.
pub(super) fn place(lbn: u64, slot: Option<Slot>) -> (Leg, u64) {
    match slot {
        Some(slot) => (Leg::Spare, slot.first_sector()),
        None => (Leg::Main, Lbn(lbn).first_sector()),
    }
}
