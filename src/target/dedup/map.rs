// SPDX-License-Identifier: GPL-2.0-only

//! The way down and up: each bio waits for the worker; a read that went to main as a whole ends by itself.

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
    engine::dedup::{
        Leg,
        OperationId, //
    },
    target::Spare,
};

use super::{
    arrivals::WRITE_BLOCKS,
    inbox::Finished,
    perform::SECTORS,
    Dedup, //
};

/// Most blocks of a read; a longer one is split. Each block may become a part of its own, whose end needs room.
pub(super) const READ_BLOCKS: u32 = 32;

/// What dedup mode keeps with each bio.
#[derive(Clone, Copy, Default)]
pub(crate) struct PerBio {
    /// Of a read that was sent to main as a whole: the volume's name for it.
    pub(super) read: Option<OperationId>,
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
            Operation::Read => {
                let longest = READ_BLOCKS * SECTORS;
                if bio.sectors() > longest && bio.accept_partial(longest).is_err() {
                    return bio.complete(Status::NOTSUPP);
                }
            }
            Operation::Write => {
                // CAST: 32.
                let longest = WRITE_BLOCKS as u32 * SECTORS;
                if bio.sectors() > longest {
                    // One that cannot be split is copied by the worker.
                    let _ = bio.accept_partial(longest);
                }
            }
            Operation::Discard | Operation::WriteZeroes => {}
            Operation::Flush => return Self::hold(this, bio),
            Operation::SecureErase | Operation::Other(_) => return bio.complete(Status::NOTSUPP),
        }
        let is_whole =
            bio.sector() % u64::from(SECTORS) == 0 && bio.sectors() % SECTORS == 0;
        if !is_whole {
            return bio.complete(Status::INVALID);
        }
        Self::hold(this, bio)
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
        if let Some(operation) = bio.per_bio_mut().dedup.read.take() {
            let result = this.class_of(bio.status(), Leg::Main);
            // The bio, which is not ended yet, keeps the target until here.
            Self::finish(this, Finished::Read { operation, result });
        }
        bio.finish_unchanged()
    }
}
