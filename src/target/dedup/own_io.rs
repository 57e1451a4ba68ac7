// SPDX-License-Identifier: GPL-2.0-only

//! I/O of the target's own, and parts of users' reads: what goes with them, and where their ends go. Any context.

use kernel::sync::{
    Arc,
    ArcBorrow, //
};

use crate::{
    dm::{
        PartIo,
        Status, //
    },
    engine::{
        dedup::{
            Leg,
            OperationId, //
        },
        Buffer,
        ErrorClass,
        Token, //
    },
    kern::{
        error_limited,
        OwnIo, //
    },
};

use super::{
    check::Check,
    inbox::Finished,
    run::Run,
    shell::Pending,
    Dedup, //
};

/// Whose I/O it is.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    /// The engine's, by its name for it.
    Metadata(Token),
    /// Of the comparisons in the run that it carries.
    Compare,
    /// Of the writes in the run that it carries.
    Write,
    /// Of the blocks to be checked in the run that it carries.
    Check,
}

/// The memory of an own bio.
pub(super) enum Memory {
    /// One block.
    Block(Buffer),
    /// Neighbours that are written, or read for comparisons.
    Pending(Run<Pending>),
    /// Neighbours that are read to be checked.
    Checks(Run<Check>),
}

/// The context of an own bio.
pub(super) struct OwnBio {
    pub(super) target: Arc<Dedup>,
    pub(super) purpose: Purpose,
    pub(super) leg: Leg,
}

impl OwnIo for OwnBio {
    type Buffer = Memory;

    fn pieces(buffer: &mut Memory) -> impl Iterator<Item = &mut [u8]> {
        let (block, pending, checks) = match buffer {
            Memory::Block(block) => (Some(block.0.as_mut_slice()), None, None),
            Memory::Pending(run) => (None, Some(run.pieces()), None),
            Memory::Checks(run) => (None, None, Some(run.pieces())),
        };
        block
            .into_iter()
            .chain(pending.into_iter().flatten())
            .chain(checks.into_iter().flatten())
    }

    fn completed(self, status: Status, buffer: Option<Memory>) {
        let result = self.target.class_of(status, self.leg);
        let (block, pending, checks) = match buffer {
            Some(Memory::Block(block)) => (Some(block), None, None),
            Some(Memory::Pending(run)) => (None, Some(run), None),
            Some(Memory::Checks(run)) => (None, None, Some(run)),
            None => (None, None, None),
        };
        let finished = match self.purpose {
            Purpose::Metadata(token) => Finished::Metadata {
                token,
                result,
                buffer: block,
            },
            Purpose::Compare => Finished::Compared {
                result,
                run: pending,
            },
            Purpose::Write => Finished::Written {
                result,
                run: pending,
            },
            Purpose::Check => Finished::Checked {
                result,
                run: checks,
            },
        };
        Dedup::finish(self.target.as_arc_borrow(), finished);
    }
}

/// The context of a part of a user's read.
pub(super) struct ReadPart {
    pub(super) target: Arc<Dedup>,
    pub(super) operation: OperationId,
}

impl PartIo for ReadPart {
    fn completed(self, status: Status) {
        let finished = Finished::Read {
            operation: self.operation,
            result: self.target.class_of(status, Leg::Main),
        };
        Dedup::finish(self.target.as_arc_borrow(), finished);
    }
}

impl Dedup {
    /// Hands the end of an I/O to the worker. Any context.
    pub(super) fn finish(this: ArcBorrow<'_, Self>, finished: Finished) {
        let finished = this.inbox.lock().finish(finished);
        match finished {
            Ok(true) => this.worker.enqueue(this),
            // Whoever came first has seen to that.
            Ok(false) => {}
            Err(_) => error_limited!(
                "{}: the end of an I/O found no room, which is a bug of the module\n",
                this.name
            ),
        }
    }

    /// The engine's words for the outcome of an I/O; an error is counted.
    pub(super) fn class_of(&self, status: Status, leg: Leg) -> Result<(), ErrorClass> {
        if status.is_ok() {
            return Ok(());
        }
        match leg {
            // Whoever must not wait tries again.
            _ if status == Status::AGAIN => {}
            Leg::Main => self.counters.main_errors.count(),
            Leg::Spare => self.counters.spare_errors.count(),
        }
        Err(match status {
            Status::MEDIUM | Status::IOERR => ErrorClass::Media,
            status => ErrorClass::Other(status.raw()),
        })
    }
}
