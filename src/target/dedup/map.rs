// SPDX-License-Identifier: GPL-2.0-only

//! The way down and up. A read whose blocks are in the table of translations goes to main at once, in the epoch, so that
//! they are not used again before it has ended. Every other bio waits for the worker; of these, a read that went to main
//! as a whole ends by itself.

use kernel::sync::ArcBorrow;

use crate::{
    dm::{
        EndBio,
        Ended,
        MapBio,
        Mapped,
        Operation,
        Status, //
    },
    engine::{
        dedup::{
            Lbn,
            Leg,
            OperationId, //
        },
        SECTORS_PER_BLOCK, //
    },
    kern::EpochToken,
    target::Spare,
};

use super::{
    arrivals::WRITE_BLOCKS,
    inbox::Finished,
    perform::{
        sector,
        SECTORS, //
    },
    Dedup, //
};

/// Most blocks of a read; a longer one is split. Each block may become a part of its own, whose end needs room.
pub(super) const READ_BLOCKS: u32 = 32;

/// What dedup mode keeps with each bio.
#[derive(Clone, Copy, Default)]
pub(crate) struct PerBio {
    /// Of a read that the worker has sent to main as a whole: the volume's name for it.
    pub(super) read: Option<OperationId>,
    /// Of a read that the volume does not know of: its place in the epoch.
    epoch: Option<EpochToken>,
    /// Of a write: its blocks, if they were copied when it was submitted.
    pub(super) copies: u32,
}

impl Dedup {
    /// Maps one bio. Never waits, so that a bio that must not wait passes like any other.
    pub(in crate::target) fn map_bio<'a>(
        this: ArcBorrow<'_, Self>,
        mut bio: MapBio<'a, Spare>,
    ) -> Mapped<'a> {
        match bio.operation() {
            Operation::Read | Operation::Discard | Operation::WriteZeroes => {}
            Operation::Write => {
                // CAST: 32.
                let longest = WRITE_BLOCKS as u32 * SECTORS;
                if bio.sectors() > longest {
                    // One that cannot be split is copied by the worker.
                    let _ = bio.accept_partial(longest);
                }
            }
            Operation::Flush => return Self::hold(this, bio),
            Operation::SecureErase | Operation::Other(_) => return bio.complete(Status::NOTSUPP),
        }
        let is_whole = bio.sector() % u64::from(SECTORS) == 0 && bio.sectors() % SECTORS == 0;
        if !is_whole {
            return bio.complete(Status::INVALID);
        }
        if bio.operation() == Operation::Read {
            return Self::map_read(this, bio);
        }
        Self::hold(this, bio)
    }

    fn map_read<'a>(this: ArcBorrow<'_, Self>, mut bio: MapBio<'a, Spare>) -> Mapped<'a> {
        if let Some(translations) = &this.translations {
            // Before it is looked: whatever is freed later waits for this.
            let token = this.epoch.enter();
            let blocks = u64::from(bio.sectors() / SECTORS);
            let found = translations.run(Lbn(bio.sector() / SECTORS_PER_BLOCK), blocks);
            if let Some((pbn, blocks)) = found {
                // CAST: no more than the bio has.
                if bio.accept_partial(blocks as u32 * SECTORS).is_ok() {
                    bio.per_bio_mut().dedup.epoch = Some(token);
                    return bio.remap(&this.main, sector(pbn.0));
                }
            }
            Self::leave_epoch(this, token);
        }
        let longest = READ_BLOCKS * SECTORS;
        if bio.sectors() > longest && bio.accept_partial(longest).is_err() {
            return bio.complete(Status::NOTSUPP);
        }
        Self::hold(this, bio)
    }

    /// Ends the stay of a read in the epoch, and wakes the worker if it may wait for that. Any context.
    fn leave_epoch(this: ArcBorrow<'_, Self>, token: EpochToken) {
        // Every caller has a bio yet to be disposed of, which keeps the target, its worker included, until then.
        if this.epoch.leave(token) {
            this.worker.enqueue(this);
        }
    }

    fn hold<'a>(this: ArcBorrow<'_, Self>, bio: MapBio<'a, Spare>) -> Mapped<'a> {
        let (held, mapped) = bio.hold();
        Self::arrive(this, held);
        mapped
    }

    /// Ends one bio that was sent to main.
    pub(in crate::target) fn end_bio<'a>(
        this: ArcBorrow<'_, Self>,
        mut bio: EndBio<'a, Spare>,
    ) -> Ended<'a> {
        if let Some(token) = bio.per_bio_mut().dedup.epoch.take() {
            // An error is counted; it is the user's own.
            let _ = this.class_of(bio.status(), Leg::Main);
            Self::leave_epoch(this, token);
        } else if let Some(operation) = bio.per_bio_mut().dedup.read.take() {
            let result = this.class_of(bio.status(), Leg::Main);
            // The bio, which is not ended yet, keeps the target until here.
            Self::finish(this, Finished::Read { operation, result });
        }
        bio.finish_unchanged()
    }
}
