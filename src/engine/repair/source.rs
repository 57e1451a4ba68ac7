// SPDX-License-Identifier: GPL-2.0-only

//! Reading what a block held: whole, again, and sector by sector.

use super::job::Phase;
use super::steps::place;
use crate::engine::action::{Leg, Operation};
use crate::engine::status::State;
use crate::engine::units::sector_mask;
use crate::engine::{Engine, ErrorClass, RequestKind};

impl Engine {
    /// Reads all of the current block from where it is served.
    pub(super) fn read_whole(&mut self, index: usize) {
        let main_sectors = self.settings.main_sectors;
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        let (leg, sector) = place(job.lbn, job.scratch.entry.and_then(|entry| entry.slot));
        let sectors = match leg {
            Leg::Spare => 8,
            Leg::Main => job.part(main_sectors).valid.count_ones(),
        };
        let operation = Operation::Read {
            leg,
            sector,
            sectors,
            within: 0,
        };
        job.ask(Phase::Whole, operation);
    }

    pub(super) fn whole_done(&mut self, index: usize, result: Result<(), ErrorClass>) {
        let retries = if self.state == State::Suspending {
            0
        } else {
            self.settings.read_retries
        };
        let (main_unit, slot_unit) = (
            self.settings.main_logical_block_sectors,
            self.settings.spare_logical_block_sectors,
        );
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        let on_slot = job.scratch.entry.is_some();
        match result {
            Ok(()) => {
                job.scratch.good = job.scratch.needed;
                self.source_is_seen(index);
                self.source_is_read(index);
            }
            Err(ErrorClass::Media) => {
                count_read_error(&mut self.counters, on_slot);
                if job.scratch.attempts < retries {
                    job.scratch.attempts += 1;
                    self.counters.read_retries += 1;
                    self.read_whole(index);
                    return;
                }
                if job.request.kind == RequestKind::Unremap {
                    self.ordered_block_failed(index);
                    return;
                }
                job.scratch.relocate = true;
                job.scratch.good = 0;
                job.scratch.at = 0;
                if on_slot {
                    job.spare_has_failed();
                } else {
                    job.main_has_failed();
                }
                if (if on_slot { slot_unit } else { main_unit }) == 1 {
                    self.read_sector(index);
                } else {
                    self.counters.lost_sectors += u64::from(job.scratch.needed.count_ones());
                    self.source_is_read(index);
                }
            }
            Err(class) => self.abort(index, class),
        }
    }

    /// Reads the next sector that is needed; goes on when there is none.
    fn read_sector(&mut self, index: usize) {
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        while job.scratch.at < 8 && job.scratch.needed & sector_mask(job.scratch.at, 1) == 0 {
            job.scratch.at += 1;
        }
        let at = job.scratch.at;
        if at >= 8 {
            self.source_is_read(index);
            return;
        }
        let (leg, start) = place(job.lbn, job.scratch.entry.and_then(|entry| entry.slot));
        let operation = Operation::Read {
            leg,
            sector: start + u64::from(at),
            sectors: 1,
            within: if seeded!("salvage_misplaced") { 0 } else { at },
        };
        job.ask(Phase::Sector, operation);
    }

    pub(super) fn sector_done(&mut self, index: usize, result: Result<(), ErrorClass>) {
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        match result {
            Ok(()) => {
                job.scratch.good |= sector_mask(job.scratch.at, 1);
                self.counters.salvaged_sectors += 1;
                self.source_is_seen(index);
            }
            Err(ErrorClass::Media) => {
                count_read_error(&mut self.counters, job.scratch.entry.is_some());
                self.counters.lost_sectors += 1;
            }
            Err(class) => {
                self.abort(index, class);
                return;
            }
        }
        if let Some(job) = self.jobs.get_mut(index) {
            job.scratch.at += 1;
        }
        self.read_sector(index);
    }

    /// Everything that can be read is in the buffer.
    fn source_is_read(&mut self, index: usize) {
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        if job.request.kind.is_order() {
            self.ordered_block_is_read(index);
        } else if job.request.kind == RequestKind::Read {
            job.scratch.at = 0;
            job.phase = Phase::Scatter;
        } else if job.scratch.relocate && job.scratch.good == 0 && self.source_is_in_doubt(index) {
            // Nothing is in the buffer that reading something else could spoil.
            self.probe_source(index);
        } else {
            self.gather(index, Phase::Merge);
        }
    }

    /// Copies the next run of good sectors to the user; relocates the block when there is none left.
    pub(super) fn scatter(&mut self, index: usize) {
        let main_sectors = self.settings.main_sectors;
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        let part = job.part(main_sectors);
        let wanted = part.covered & job.scratch.good;
        if part.covered & !job.scratch.good != 0 {
            job.result = Err(ErrorClass::Media);
        }
        let mut first = job.scratch.at;
        while first < 8 && wanted & sector_mask(first, 1) == 0 {
            first += 1;
        }
        let mut end = first;
        while end < 8 && wanted & sector_mask(end, 1) != 0 {
            end += 1;
        }
        job.scratch.at = end;
        if first < end {
            let operation = Operation::Scatter {
                request: job.request.id,
                skip: part.skip + (first - part.first),
                sectors: end - first,
                within: first,
            };
            job.ask(Phase::Scatter, operation);
        } else if !job.scratch.relocate {
            self.next_block(index);
        } else if job.scratch.good == 0 {
            self.poison_whole(index);
        } else {
            job.phase = Phase::Allocate;
        }
    }

    pub(super) fn scattered(&mut self, index: usize, result: Result<(), ErrorClass>) {
        if let Err(class) = result {
            self.abort(index, class);
        }
    }
}

fn count_read_error(counters: &mut crate::engine::counters::Counters, on_slot: bool) {
    if on_slot {
        counters.slot_errors += 1;
    } else {
        counters.main_read_errors += 1;
    }
}
