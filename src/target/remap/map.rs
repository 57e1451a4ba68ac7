// SPDX-License-Identifier: GPL-2.0-only

//! The way down: each bio finds its leg, or is held.
//!
//! Runs in the submitter's context on every CPU at once. A bio that touches no remapped block takes no lock and
//! allocates nothing.

use kernel::sync::{
    atomic::Relaxed,
    ArcBorrow, //
};

use crate::{
    dm::{
        MapBio,
        Mapped,
        Operation,
        Status, //
    },
    engine::Verdict,
};

use crate::target::Spare;

use super::{
    construct::LONGEST_BIO,
    per_bio::{
        Reason,
        Route, //
    },
    Remap, //
};

/// Number of the flush that goes to main; the other one goes to the spare.
const FLUSH_OF_MAIN: u32 = 0;

impl Remap {
    /// Maps one bio.
    pub(in crate::target) fn map_bio<'a>(this: ArcBorrow<'_, Self>, bio: MapBio<'a, Spare>) -> Mapped<'a> {
        match bio.operation() {
            Operation::Read | Operation::Write | Operation::WriteZeroes => {
                Self::map_data(this, bio)
            }
            Operation::Discard => Self::map_discard(this, bio),
            Operation::Flush => this.map_flush(bio),
            Operation::SecureErase | Operation::Other(_) => bio.complete(Status::NOTSUPP),
        }
    }

    fn map_data<'a>(this: ArcBorrow<'_, Self>, mut bio: MapBio<'a, Spare>) -> Mapped<'a> {
        let changes = bio.operation().changes_data();
        if changes && this.options.read_only {
            return bio.fail();
        }
        // Before the verdict: a repair that marks its blocks busy after we have looked waits for this.
        bio.per_bio_mut().remap.epoch = changes.then(|| this.epoch.enter());
        // The target splits long bios itself. dm core, told to do so, would also split at the queue's own limit, which
        // it does for no target that has no limit: a disk below that takes 127 KiB at a time then costs a second bio.
        let longest = bio.sectors().min(LONGEST_BIO);
        let mut verdict = this.lookup.decide(bio.sector(), longest, changes);
        if !changes && matches!(verdict, Verdict::Slot { .. }) {
            // A slot that is given back waits for the reads on their way to it; what was found before may be over.
            bio.per_bio_mut().remap.epoch = Some(this.epoch.enter());
            verdict = this.lookup.decide(bio.sector(), longest, changes);
        }
        match this.in_logical_blocks(verdict) {
            Verdict::Main { sectors } => {
                if bio.accept_partial(sectors).is_err() {
                    return Self::refuse(this, bio);
                }
                let sector = bio.sector();
                bio.remap(&this.main, sector)
            }
            Verdict::Slot {
                sector_on_spare,
                sectors,
            } => {
                if bio.accept_partial(sectors).is_err() {
                    return Self::refuse(this, bio);
                }
                bio.per_bio_mut().remap.route = Route::Slot;
                this.count_slot(changes);
                bio.remap(&this.spare, sector_on_spare)
            }
            Verdict::Poisoned { sectors } => {
                if bio.accept_partial(sectors).is_err() {
                    return Self::refuse(this, bio);
                }
                this.counters.poisoned_reads.count();
                Self::leave_early(this, &mut bio);
                bio.fail()
            }
            Verdict::Hold if bio.is_nowait() => {
                // Its blocks wait for other I/O, and its submitter will not.
                Self::leave_early(this, &mut bio);
                this.counters.nowait_refused.count();
                bio.complete(Status::AGAIN)
            }
            Verdict::Hold => {
                if bio.accept_partial(longest).is_err() {
                    return Self::refuse(this, bio);
                }
                Self::leave_early(this, &mut bio);
                bio.per_bio_mut().remap.reason = Reason::Blocked;
                let (held, mapped) = bio.hold();
                Self::put_into_inbox(this, held);
                mapped
            }
        }
    }

    /// Makes the verdict about a bio end where a logical block does: a read fails if it touches a lost sector, and a leg
    /// takes no part of its blocks. Only sectors that are lost one by one, on the leg with the smaller blocks, make others.
    fn in_logical_blocks(&self, verdict: Verdict) -> Verdict {
        let block = self.logical_block_sectors;
        match verdict {
            Verdict::Slot { sectors, .. } if sectors < block => {
                Verdict::Poisoned { sectors: block }
            }
            Verdict::Slot {
                sector_on_spare,
                sectors,
            } => Verdict::Slot {
                sector_on_spare,
                // A power of two, so the mask is what a division would leave.
                sectors: sectors & !block.wrapping_sub(1),
            },
            Verdict::Poisoned { sectors } => Verdict::Poisoned {
                sectors: sectors.saturating_add(block.wrapping_sub(1)) & !block.wrapping_sub(1),
            },
            verdict => verdict,
        }
    }

    /// Sends a discard to main where nothing is remapped, and ignores it elsewhere.
    ///
    /// A discard promises nothing about the content that follows, so a remapped block may keep its data. One that
    /// is being repaired must: its old data may be all that the repair has.
    fn map_discard<'a>(this: ArcBorrow<'_, Self>, mut bio: MapBio<'a, Spare>) -> Mapped<'a> {
        if this.options.read_only {
            return bio.fail();
        }
        bio.per_bio_mut().remap.epoch = Some(this.epoch.enter());
        // Nothing of a discard is ever repaired, so it may be of any length: devices ignore what is shorter than their
        // granularity. Only where all of it cannot pass it is looked at piece by piece.
        let longest = bio.sectors().min(LONGEST_BIO);
        let mut verdict = this.lookup.decide(bio.sector(), bio.sectors(), true);
        if verdict == Verdict::Hold {
            verdict = this.lookup.decide(bio.sector(), longest, true);
        }
        match verdict {
            Verdict::Main { sectors } if bio.accept_partial(sectors).is_ok() => {
                let sector = bio.sector();
                bio.remap(&this.main, sector)
            }
            verdict => {
                // Only as much of it as the verdict covers: main may serve what follows. A bio that cannot be
                // split is ignored as a whole.
                let covered = match verdict {
                    Verdict::Slot { sectors, .. } => sectors,
                    _ => longest,
                };
                let _ = bio.accept_partial(covered);
                Self::leave_early(this, &mut bio);
                bio.complete(Status::OK)
            }
        }
    }

    /// Each flush comes twice, once for each leg.
    fn map_flush<'a>(&self, bio: MapBio<'a, Spare>) -> Mapped<'a> {
        if bio.target_bio_number() == FLUSH_OF_MAIN {
            self.counters.main_flushes.count();
            return bio.remap(&self.main, 0);
        }
        // ORDERING: relaxed suffices. The flag was set before the slot's write was submitted; whoever may expect
        // this flush to cover that write has seen it completed, and so sees the flag.
        if self.counters.spare_written.load(Relaxed) == 0 {
            return bio.complete(Status::OK);
        }
        self.counters.spare_flushes.count();
        bio.remap(&self.spare, 0)
    }

    /// Ends a bio that must be split and cannot be. dm core only makes such bios for operations that this target
    /// does not offer.
    fn refuse<'a>(this: ArcBorrow<'_, Self>, mut bio: MapBio<'a, Spare>) -> Mapped<'a> {
        Self::leave_early(this, &mut bio);
        bio.complete(Status::NOTSUPP)
    }

    fn leave_early(this: ArcBorrow<'_, Self>, bio: &mut MapBio<'_, Spare>) {
        if let Some(token) = bio.per_bio_mut().remap.epoch.take() {
            Self::leave_epoch(this, token);
        }
    }

    /// Counts a user bio that is about to go to a slot.
    pub(super) fn count_slot(&self, changes: bool) {
        if changes {
            self.note_spare_write();
            self.counters.slot_writes.count();
        } else {
            self.counters.slot_reads.count();
        }
    }

    /// Notes, before it is submitted, a write whose data a later flush of the user has to make durable on the spare.
    pub(super) fn note_spare_write(&self) {
        // Once set it stays set; reading first keeps the line shared between CPUs.
        if self.counters.spare_written.load(Relaxed) == 0 {
            self.counters.spare_written.store(1, Relaxed);
        }
    }
}
