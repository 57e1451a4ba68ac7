// SPDX-License-Identifier: GPL-2.0-only

//! What a job does once a round has ended.

use super::job::Phase;
use crate::engine::format::Record;
use crate::engine::notice::Notice;
use crate::engine::{Engine, ErrorClass, RequestKind};

impl Engine {
    /// Publishes what a job has changed. After a round that failed the entries are marked, since they may or may not
    /// be on the spare: no write may pass before a commit has succeeded. A block that was moved is served from its
    /// slot all the same, the only place that has what the round was to record.
    pub(in super::super) fn job_committed(&mut self, index: usize, committed: bool) {
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        if job.request.kind == RequestKind::Sync {
            job.result = if committed {
                Ok(())
            } else {
                Err(ErrorClass::Metadata)
            };
            job.phase = Phase::Finished;
            return;
        }
        for change in job.changes.iter() {
            let record = change.record;
            let old = self.lookup.entry(record.lbn);
            if committed {
                job.outcome.note(job.request.kind, &record);
            } else if job.request.kind.is_order() {
                job.outcome.failed += 1;
            }
            if let (false, false, Some(entry)) = (committed, change.new_slot, old) {
                // Only the record was to change: that sectors are lost or healed, or that main, which holds the same
                // as the slot, serves the block. What the table says stays true until that is tried again.
                let kept = Record {
                    lbn: record.lbn,
                    slot: entry.slot,
                    mask: entry.mask,
                };
                self.lookup.publish(&kept, true);
                continue;
            }
            if record.is_returned() {
                // A snapshot that is being written walks through the table.
                self.lookup.forget(record.lbn, !self.checkpoint.is_idle());
                self.counters.remapped = self.counters.remapped.saturating_sub(1);
                if let Some(slot) = old.and_then(|old| old.slot) {
                    // The grace period that the job began with has waited for every bio on its way to the slot.
                    self.slots.release(slot);
                }
                self.told_exhausted = false;
                self.notices.push(Notice::Returned { lbn: record.lbn });
                continue;
            }
            self.kept_entries = self.kept_entries.saturating_sub(change.new_entry.into());
            self.lookup.publish(&record, !committed);
            let (was_remapped, was_poisoned) =
                old.map_or((false, false), |old| (old.slot.is_some(), old.mask != 0));
            self.counters.remapped += u64::from(record.slot.is_some());
            self.counters.remapped = self.counters.remapped.saturating_sub(was_remapped.into());
            self.counters.poisoned += u64::from(record.mask != 0);
            self.counters.poisoned = self.counters.poisoned.saturating_sub(was_poisoned.into());
            if let Some(slot) = old
                .and_then(|old| old.slot)
                .filter(|slot| record.slot != Some(*slot))
            {
                self.slots.mark_bad(slot);
                self.notices.push(Notice::SlotFailed { slot });
            }
            if let (true, Some(slot)) = (change.new_slot, record.slot) {
                self.notices.push(Notice::Remapped {
                    lbn: record.lbn,
                    slot,
                });
            }
            if record.mask == 0 && was_poisoned {
                self.counters.healed_blocks += 1;
                self.notices.push(Notice::Healed { lbn: record.lbn });
            } else if record.mask & !old.map_or(0, |old| old.mask) != 0 {
                self.notices.push(Notice::Poisoned {
                    lbn: record.lbn,
                    mask: record.mask,
                });
            }
        }
        job.changes.clear();
        job.phase = Phase::Block;
        // A read has its data, or knows that it is lost, whatever became of the commit.
        if !committed && job.request.kind != RequestKind::Read {
            job.result = Err(ErrorClass::Metadata);
            job.stopped = true;
        }
        if core::mem::take(&mut job.scratch.asks_spare) {
            self.spare_has_answered(index, committed);
        }
    }
}
