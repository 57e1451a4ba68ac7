// SPDX-License-Identifier: GPL-2.0-only

//! Moving a block to a slot.
//!
//! A slot that cannot be written is called bad only when it is certain that the spare is not to blame: when another
//! slot has taken the block. If several have failed, the spare is asked whether it takes anything: by a commit, which
//! needs no record. If that fails the spare is out of order, and no slot is to blame. If it succeeds, the failures may
//! have been of a moment; the block has a second chance, and only what fails then is bad. Errors of other classes
//! than the medium's blame no slot at all.

use super::job::{Change, Job, Phase, CHANGES_MAXIMUM, SUSPECTS_MAXIMUM};
use crate::engine::action::{Leg, Operation};
use crate::engine::block::clear_sectors;
use crate::engine::format::Record;
use crate::engine::notice::Notice;
use crate::engine::units::{Lbn, Slot};
use crate::engine::{Engine, ErrorClass, RequestKind};

/// Behind a bad slot the next one is tried this far away, then this times as far, and so on: what is bad on a disk
/// lies together, and slots that were found bad before the device was created anew are all in front.
const SKIP: u64 = 8;

impl Engine {
    /// Begins to move the current block of a write: first what the user does not overwrite.
    pub(super) fn begin_relocation(&mut self, index: usize) {
        if self.main_is_in_doubt(index) {
            self.probe_source(index);
            return;
        }
        let main_sectors = self.settings.main_sectors;
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        let part = job.part(main_sectors);
        let mut lost = job.scratch.entry.map_or(0, |entry| entry.mask);
        if seeded!("poison_read_as_content") {
            lost = 0;
        }
        job.scratch.attempts = 0;
        job.scratch.good = 0;
        job.scratch.needed = part.valid & !part.covered & !lost;
        if seeded!("rest_not_merged") {
            job.scratch.good = job.scratch.needed;
            job.scratch.needed = 0;
        }
        if job.scratch.needed == 0 {
            self.gather(index, Phase::Merge);
        } else {
            self.read_whole(index);
        }
    }

    /// The user's data lies over what was read.
    pub(super) fn merged(&mut self, index: usize, result: Result<(), ErrorClass>) {
        if let Err(class) = result {
            self.abort(index, class);
            return;
        }
        let main_sectors = self.settings.main_sectors;
        if let Some(job) = self.jobs.get_mut(index) {
            job.scratch.good |= job.part(main_sectors).covered;
            job.phase = Phase::Allocate;
        }
    }

    /// Takes a slot and writes the block to it.
    pub(super) fn allocate(&mut self, index: usize) {
        self.count_bad_block(index);
        if self.must_not_move(index) {
            self.give_up_relocation(index);
            return;
        }
        let slot = if self.entry_fits(index) {
            self.slots.allocate()
        } else {
            None
        };
        let Some(slot) = slot else {
            let suspects = |job: &Job| !job.scratch.suspects.is_empty();
            if self.jobs.get(index).is_some_and(suspects) {
                // There would be more, were these good.
                self.spare_is_to_blame(index);
                return;
            }
            if !core::mem::replace(&mut self.told_exhausted, true) {
                self.notices.push(Notice::SlotsExhausted);
            }
            self.give_up_relocation(index);
            return;
        };
        self.told_exhausted = false;
        let left = self.slots.left();
        if left == self.slots.total() / 10 && left != 0 {
            self.notices.push(Notice::SlotsLow {
                left: u32::try_from(left).unwrap_or(u32::MAX),
            });
        }
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        job.scratch.slot = Some(slot);
        if let Some(buffer) = job.buffer.as_mut() {
            clear_sectors(buffer, !job.scratch.good);
        }
        let operation = Operation::Write {
            leg: Leg::Spare,
            sector: slot.first_sector(),
            sectors: 8,
            within: 0,
            fua: false,
        };
        job.ask(Phase::Relocate, operation);
    }

    pub(super) fn relocated(&mut self, index: usize, result: Result<(), ErrorClass>) {
        let main_sectors = self.settings.main_sectors;
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        let slot = job.scratch.slot.take();
        match (result, slot) {
            (Ok(()), Some(slot)) => {
                job.spare_is_alive = true;
                self.spare_is_gone = false;
                let mut mask = job.part(main_sectors).valid & !job.scratch.good;
                if seeded!("poison_forgotten") {
                    mask = 0;
                }
                self.condemn_suspects(index);
                self.change(index, Some(slot), mask, true);
            }
            (Err(ErrorClass::Media), Some(slot)) => {
                self.counters.slot_errors += 1;
                let suspects = job.scratch.suspects.add(slot);
                job.phase = Phase::Allocate;
                // CAST: at most eight.
                self.slots.skip(SKIP.saturating_pow(suspects as u32));
                // A spare that took no commit is asked at once.
                if suspects >= SUSPECTS_MAXIMUM || self.lineage.broken {
                    self.spare_is_to_blame(index);
                }
            }
            (result, slot) => {
                if let Some(slot) = slot {
                    self.slots.release(slot);
                }
                self.abort(index, result.err().unwrap_or(ErrorClass::Media));
            }
        }
    }

    /// Has the spare show whether it takes writes, by a commit.
    fn spare_is_to_blame(&mut self, index: usize) {
        if let Some(job) = self.jobs.get_mut(index) {
            job.scratch.asks_spare = true;
            job.phase = Phase::Commit;
        }
    }

    /// The spare has taken a commit or not, while the current block had not found a slot.
    pub(super) fn spare_has_answered(&mut self, index: usize, takes_writes: bool) {
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        let again = core::mem::replace(&mut job.scratch.asked_spare, true);
        if takes_writes && !again {
            job.phase = Phase::Allocate;
            self.release_slots_in_doubt(index);
            return;
        }
        if takes_writes {
            self.condemn_suspects(index);
        } else {
            self.release_slots_in_doubt(index);
        }
        self.give_up_relocation(index);
    }

    /// Leaves the slots that have failed for the current block out for as long as the engine lives.
    fn condemn_suspects(&mut self, index: usize) {
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        for slot in job.scratch.suspects.take() {
            self.slots.mark_bad(slot);
            self.notices.push(Notice::SlotFailed { slot });
        }
    }

    /// The block stays where it is: a read has got what there was, a write fails.
    fn give_up_relocation(&mut self, index: usize) {
        self.counters.not_remapped += 1;
        match self.jobs.get(index).map(|job| job.request.kind) {
            Some(RequestKind::Read) => self.next_block(index),
            Some(kind) if kind.is_order() => self.ordered_block_failed(index),
            _ => self.abort(index, ErrorClass::Media),
        }
    }

    /// Nothing of the block could be read.
    pub(super) fn poison_whole(&mut self, index: usize) {
        if self.source_is_in_doubt(index) {
            self.probe_source(index);
            return;
        }
        self.count_bad_block(index);
        let main_sectors = self.settings.main_sectors;
        let Some(job) = self.jobs.get(index) else {
            return;
        };
        let valid = job.part(main_sectors).valid;
        if self.must_not_move(index) || !self.entry_fits(index) {
            self.give_up_relocation(index);
            return;
        }
        self.change(index, None, valid, false);
    }

    /// Counts a block at which main has failed, once, when it is known that main is not gone.
    fn count_bad_block(&mut self, index: usize) {
        let failed = self
            .jobs
            .get_mut(index)
            .is_some_and(|job| core::mem::take(&mut job.scratch.main_failed));
        if failed {
            self.note_bad_block();
        }
    }

    /// Whether the current block has to stay where it is: nothing may be written, or main is declared failing and
    /// not the slot, nor an administrator, is the reason.
    fn must_not_move(&self, index: usize) -> bool {
        let stays = self.jobs.get(index).is_some_and(|job| {
            let on_slot = job.scratch.entry.is_some_and(|entry| entry.slot.is_some());
            !on_slot && job.request.kind != RequestKind::Remap
        });
        self.settings.read_only || (self.main_errors.failing && stays)
    }

    /// Whether the table has room for the current block. While a snapshot is written, places that are given back
    /// stay taken: no more blocks than the table has room for may be in the snapshot and the log behind its base.
    fn entry_fits(&self, index: usize) -> bool {
        let capacity = self.set.map_or(0, |set| set.layout.capacity);
        self.jobs.get(index).is_some_and(|job| {
            job.scratch.entry.is_some()
                || self.lookup.has_place(Lbn(job.lbn))
                || self.lookup.entries() + self.kept_entries < capacity
        })
    }

    /// Notes how the current block is served from now on, and goes on to the next.
    pub(super) fn change(&mut self, index: usize, slot: Option<Slot>, mask: u8, new_slot: bool) {
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        let new_entry = job.scratch.entry.is_none();
        let change = Change {
            record: Record {
                lbn: Lbn(job.lbn),
                slot,
                mask,
            },
            new_slot,
            new_entry,
        };
        // The job asks for a commit before its list is full.
        if job.changes.push_within_capacity(change).is_ok() {
            self.kept_entries += u64::from(new_entry);
        }
        job.lbn += 1;
        job.phase = if job.changes.len() >= CHANGES_MAXIMUM {
            Phase::Commit
        } else {
            Phase::Block
        };
    }

    /// Gives back the slot that is being written, and those that have failed for the current block.
    pub(super) fn release_slots_in_doubt(&mut self, index: usize) {
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        for slot in job.scratch.suspects.take().chain(job.scratch.slot.take()) {
            self.slots.release(slot);
        }
    }

    /// Forgets what a job has changed, which no commit has seen.
    pub(super) fn drop_changes(&mut self, index: usize) {
        self.release_slots_in_doubt(index);
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        for change in job.changes.iter() {
            self.kept_entries = self.kept_entries.saturating_sub(change.new_entry.into());
            if let (true, Some(slot)) = (change.new_slot, change.record.slot) {
                self.slots.release(slot);
            }
        }
        job.changes.clear();
    }
}
