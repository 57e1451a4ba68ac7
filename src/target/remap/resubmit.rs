// SPDX-License-Identifier: GPL-2.0-only

//! A held bio is mapped again, once nothing holds it any more.

use kernel::sync::ArcBorrow;

use crate::{
    dm::{
        HeldBio,
        Status, //
    },
    engine::Verdict,
};

use crate::target::Spare;

use super::{
    per_bio::{
        Reason,
        Route, //
    },
    Remap, //
};

/// What becomes of a held bio that is mapped again.
enum Whole {
    /// It can be sent now.
    Free,
    /// A repair has some of its blocks, or it heals one.
    Blocked,
    /// It reads what is lost.
    Poisoned,
}

impl Remap {
    /// Maps a held bio again, in as many parts as it needs by now.
    ///
    /// All of it must be free before any of it is sent: a bio that waited with a part in flight would wait for a
    /// repair that waits for that part. The epoch, entered for reads too, keeps every repair that begins
    /// meanwhile from moving anything.
    pub(super) fn resubmit(this: ArcBorrow<'_, Self>, mut bio: HeldBio<Spare>) {
        let changes = bio.operation().changes_data();
        bio.per_bio_mut().remap.epoch = Some(this.epoch.enter());
        match this.whole_verdict(&bio, changes) {
            Whole::Free => Self::send(this, bio, changes),
            Whole::Blocked => {
                Self::leave_held(this, &mut bio);
                bio.per_bio_mut().remap.reason = Reason::Blocked;
                Self::put_into_inbox(this, bio);
            }
            Whole::Poisoned => {
                this.counters.poisoned_reads.count();
                Self::leave_held(this, &mut bio);
                bio.complete(Status::IOERR);
            }
        }
    }

    /// Looks at every part of a held bio.
    fn whole_verdict(&self, bio: &HeldBio<Spare>, changes: bool) -> Whole {
        let (mut sector, mut left) = (bio.sector(), bio.sectors());
        while left > 0 {
            let sectors = match self.lookup.decide(sector, left, changes) {
                Verdict::Main { sectors } | Verdict::Slot { sectors, .. } => sectors,
                Verdict::Hold => return Whole::Blocked,
                Verdict::Poisoned { .. } => return Whole::Poisoned,
            };
            sector = sector.saturating_add(u64::from(sectors));
            left = left.saturating_sub(sectors.max(1));
        }
        Whole::Free
    }

    /// Sends a held bio, none of whose blocks was busy inside the epoch that it holds.
    fn send(this: ArcBorrow<'_, Self>, mut bio: HeldBio<Spare>, changes: bool) {
        let mut sent = None;
        loop {
            let (sector, left) = bio.remaining();
            let (device, target, sectors, route) = match this.lookup.locate(sector, left, changes) {
                Verdict::Main { sectors } => (&this.main, sector, sectors, Route::Main),
                Verdict::Slot {
                    sector_on_spare,
                    sectors,
                } => {
                    this.count_slot(changes);
                    (&this.spare, sector_on_spare, sectors, Route::Slot)
                }
                // Only a repair makes such a verdict, and none can pass the epoch.
                Verdict::Hold | Verdict::Poisoned { .. } => {
                    Self::leave_held(this, &mut bio);
                    return bio.complete(Status::IOERR);
                }
            };
            bio.per_bio_mut().remap.route = match sent {
                Some(earlier) if earlier != route => Route::Both,
                _ => route,
            };
            sent = Some(bio.per_bio().remap.route);
            if sectors >= left {
                return bio.submit_to(device, target);
            }
            if bio
                .submit_front(&this.split, device, target, sectors)
                .is_err()
            {
                Self::leave_held(this, &mut bio);
                return bio.complete(Status::RESOURCE);
            }
        }
    }

    fn leave_held(this: ArcBorrow<'_, Self>, bio: &mut HeldBio<Spare>) {
        if let Some(token) = bio.per_bio_mut().remap.epoch.take() {
            Self::leave_epoch(this, token);
        }
    }
}
