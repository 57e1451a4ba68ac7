// SPDX-License-Identifier: GPL-2.0-only

//! Orders: what an administrator asks for, done by the same jobs as the repairs.
//!
//! `Test` reads each block and repairs what fails, as a user's read would. `Remap` moves each block to a slot although
//! main may still serve it. `Unremap` writes each block back to main, reads it again, and gives the slot up once the
//! record of that is committed. `Sync` writes a checkpoint to every copy.

use super::job::{Job, Phase};
use crate::engine::action::{Leg, Operation};
use crate::engine::format::Record;
use crate::engine::status::State;
use crate::engine::units::{Lbn, SECTOR_BYTES};
use crate::engine::{Engine, ErrorClass, Request, RequestKind};

/// What became of the blocks of an order, each of which counts once, when that is certain: a block that has moved
/// counts when its record is committed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// Blocks that are served elsewhere now: moved to a slot, or given back to main.
    pub moved: u32,
    /// Blocks that were as they should be.
    pub unchanged: u32,
    /// Of a test, blocks with at least one lost sector; of a remap, blocks of which nothing is left to be moved.
    pub lost: u32,
    /// Blocks with which it could not be done.
    pub failed: u32,
}

impl Outcome {
    /// All blocks that were dealt with.
    pub fn blocks(&self) -> u64 {
        [self.moved, self.unchanged, self.lost, self.failed]
            .iter()
            .fold(0, |sum: u64, count| sum.saturating_add((*count).into()))
    }

    /// Adds what became of further blocks.
    pub fn add(&mut self, other: &Self) {
        self.moved = self.moved.saturating_add(other.moved);
        self.unchanged = self.unchanged.saturating_add(other.unchanged);
        self.lost = self.lost.saturating_add(other.lost);
        self.failed = self.failed.saturating_add(other.failed);
    }

    /// Notes how a block is recorded after an order of this kind; not at all for a bio.
    pub(super) fn note(&mut self, kind: RequestKind, record: &Record) {
        match kind {
            RequestKind::Test if record.mask != 0 => self.lost += 1,
            RequestKind::Remap if record.slot.is_none() => self.lost += 1,
            RequestKind::Test | RequestKind::Remap | RequestKind::Unremap => self.moved += 1,
            _ => {}
        }
    }
}

/// Why an order came to nothing, or was broken off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OrderError {
    /// The device is suspended, being suspended, or not active.
    Suspended,
    /// A device failed, or the metadata could not be committed.
    Failed(ErrorClass),
}

impl Engine {
    /// Whether an order cannot be begun now. Unlike a bio, it may be sent again.
    pub(super) fn cannot_order(&self, request: &Request) -> bool {
        request.kind.is_order() && (self.state != State::Active || self.settings.read_only)
    }

    /// Begins the current block of an order.
    pub(super) fn begin_ordered_block(&mut self, index: usize) {
        let main_sectors = self.settings.main_sectors;
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        let valid = job.part(main_sectors).valid;
        let entry = job.scratch.entry;
        if entry.is_some_and(|entry| entry.uncommitted) {
            // What was decided about this block may or may not be on the spare: decide it first.
            job.phase = Phase::Commit;
            return;
        }
        let lost = entry.map_or(0, |entry| entry.mask);
        match (job.request.kind, entry) {
            (RequestKind::Test, _) if valid & !lost == 0 => job.outcome.lost += 1,
            (RequestKind::Test, _) | (RequestKind::Remap, None) => {
                job.scratch.needed = valid & !lost;
                self.read_whole(index);
                return;
            }
            (RequestKind::Unremap, Some(entry)) if entry.slot.is_some() && lost == 0 => {
                job.scratch.needed = valid;
                self.read_whole(index);
                return;
            }
            (RequestKind::Remap, Some(entry)) if entry.slot.is_none() => job.outcome.lost += 1,
            // Main cannot be given what is lost.
            (RequestKind::Unremap, Some(_)) => job.outcome.failed += 1,
            _ => job.outcome.unchanged += 1,
        }
        self.next_block(index);
    }

    /// Everything that can be read of an ordered block is in the buffer.
    pub(super) fn ordered_block_is_read(&mut self, index: usize) {
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        match job.request.kind {
            RequestKind::Unremap => {
                self.return_to_main(index);
                return;
            }
            RequestKind::Test if !job.scratch.relocate => {
                if job.scratch.entry.is_some_and(|entry| entry.mask != 0) {
                    job.outcome.lost += 1;
                } else {
                    job.outcome.unchanged += 1;
                }
                self.next_block(index);
                return;
            }
            _ => {}
        }
        if job.scratch.good == 0 {
            self.poison_whole(index);
        } else {
            job.phase = Phase::Allocate;
        }
    }

    /// The current block stays as it is, and the order goes on with the next.
    pub(super) fn ordered_block_failed(&mut self, index: usize) {
        if let Some(job) = self.jobs.get_mut(index) {
            job.outcome.failed += 1;
        }
        self.next_block(index);
    }

    /// Writes what the slot holds to main.
    fn return_to_main(&mut self, index: usize) {
        let (main_sectors, checksum) = (self.settings.main_sectors, self.checksum);
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        job.scratch.sum = content(job, main_sectors).map(checksum);
        let operation = Operation::Write {
            leg: Leg::Main,
            sector: Lbn(job.lbn).first_sector(),
            sectors: job.part(main_sectors).valid.count_ones(),
            within: 0,
            // Durable before the record says that main serves the block.
            fua: !seeded!("return_without_fua"),
        };
        job.ask(Phase::Return, operation);
    }

    /// Main has taken the block or not; has it read again.
    pub(super) fn returned(&mut self, index: usize, result: Result<(), ErrorClass>) {
        match result {
            Ok(()) => {}
            Err(ErrorClass::Media) => {
                self.counters.main_write_errors += 1;
                self.ordered_block_failed(index);
                return;
            }
            Err(class) => {
                self.abort(index, class);
                return;
            }
        }
        let main_sectors = self.settings.main_sectors;
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        let operation = Operation::Read {
            leg: Leg::Main,
            sector: Lbn(job.lbn).first_sector(),
            sectors: job.part(main_sectors).valid.count_ones(),
            within: 0,
        };
        job.ask(Phase::Verify, operation);
    }

    /// Main has shown what it took.
    pub(super) fn verified(&mut self, index: usize, result: Result<(), ErrorClass>) {
        let (main_sectors, checksum) = (self.settings.main_sectors, self.checksum);
        let Some(job) = self.jobs.get(index) else {
            return;
        };
        match result {
            Ok(()) if job.scratch.sum == content(job, main_sectors).map(checksum) => {
                self.main_is_gone = false;
                self.change(index, None, 0, false);
            }
            Ok(()) => self.ordered_block_failed(index),
            Err(ErrorClass::Media) => {
                self.counters.main_read_errors += 1;
                self.ordered_block_failed(index);
            }
            Err(class) => self.abort(index, class),
        }
    }
}

/// The bytes of the current block that exist on main.
fn content(job: &Job, main_sectors: u64) -> Option<&[u8]> {
    // CAST: at most eight.
    let sectors = job.part(main_sectors).valid.count_ones() as usize;
    job.buffer.as_ref()?.0.get(..sectors * SECTOR_BYTES)
}
