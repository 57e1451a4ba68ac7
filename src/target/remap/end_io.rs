// SPDX-License-Identifier: GPL-2.0-only

//! The way up: a finished bio is passed to its user, or held for a repair.
//!
//! Runs in whatever context completed the bio below, hard interrupts included.

use kernel::sync::ArcBorrow;

use crate::{
    dm::{
        EndBio,
        Ended,
        HeldBio,
        Operation,
        Status, //
    },
    kern::{
        warn_limited,
        EpochToken, //
    },
};

use crate::target::Spare;

use super::{
    per_bio::{
        Reason,
        Route, //
    },
    Remap, //
};

impl Remap {
    /// Ends one bio that was sent to a leg.
    pub(in crate::target) fn end_bio<'a>(this: ArcBorrow<'_, Self>, mut bio: EndBio<'a, Spare>) -> Ended<'a> {
        // Before anything else: a repair of this very bio must not wait for it.
        if let Some(token) = bio.per_bio_mut().remap.epoch.take() {
            Self::leave_epoch(this, token);
        }
        if bio.status().is_ok() {
            return bio.finish_unchanged();
        }
        Self::end_failed(this, bio)
    }

    fn end_failed<'a>(this: ArcBorrow<'_, Self>, mut bio: EndBio<'a, Spare>) -> Ended<'a> {
        let operation = bio.operation();
        let status = bio.status();
        let repairable = matches!(
            operation,
            Operation::Read | Operation::Write | Operation::WriteZeroes
        );
        if !repairable || !is_media(status) {
            // A leg that is too busy for a bio that must not wait is no error.
            if status != Status::AGAIN || !bio.is_nowait() {
                this.counters.passed_errors.count();
            }
            return bio.finish_unchanged();
        }
        let direction = if operation.changes_data() {
            "write"
        } else {
            "read"
        };
        warn_limited!(
            "{}: {} of {} sectors at sector {} failed with {}, it will be repaired\n",
            this.name,
            direction,
            bio.sectors(),
            bio.sector(),
            status.name()
        );
        if operation.changes_data() {
            this.counters.repairs_write.count();
        } else {
            this.counters.repairs_read.count();
        }
        bio.per_bio_mut().remap.reason = match bio.per_bio().remap.route {
            Route::Main => Reason::MainFailed,
            Route::Slot => Reason::SlotFailed,
            // Which part failed is not known: the engine looks at each block anew.
            Route::Both => Reason::MainFailed,
        };
        let (held, ended) = bio.hold();
        Self::put_into_inbox(this, held);
        ended
    }

    /// Ends a bio's stay in the epoch, and wakes the worker if it may wait for that. Any context.
    #[inline]
    pub(super) fn leave_epoch(this: ArcBorrow<'_, Self>, token: EpochToken) {
        // Every caller has a bio yet to be disposed of, which keeps the target, its worker included, until then.
        if this.epoch.leave(token) {
            this.worker.enqueue(this);
        }
    }

    /// Hands a held bio to the worker. Any context.
    pub(super) fn put_into_inbox(this: ArcBorrow<'_, Self>, bio: HeldBio<Spare>) {
        this.counters.held_bios.count();
        // In this order and under the lock: once the worker can get the bio it may complete it, and with the last
        // bio the target may go away. Nothing of the target is used after that but the lock that is given up.
        let mut inbox = this.inbox.lock();
        this.worker.enqueue(this);
        inbox.hold(bio);
    }
}

/// Whether a status says that the medium has failed. Many drivers give the plain I/O error for that; timeouts,
/// transport errors and the like have statuses of their own, and burn no slot.
pub(super) fn is_media(status: Status) -> bool {
    status == Status::MEDIUM || status == Status::IOERR
}
