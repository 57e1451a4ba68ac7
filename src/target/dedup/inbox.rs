// SPDX-License-Identifier: GPL-2.0-only

//! What waits for the worker: bios, ends of I/O, and what the hooks and messages want.
//!
//! Filled in any context under an irq-safe lock. Nothing here allocates: bios are linked through themselves, and there is
//! room for the end of every I/O that can be under way.

use kernel::{
    alloc::{
        AllocError,
        KVVec, //
    },
    prelude::*, //
};

use crate::{
    dm::{
        BioQueue,
        HeldBio, //
    },
    engine::{
        dedup::{
            OperationId,
            RequestId, //
        },
        Buffer,
        ErrorClass,
        Token, //
    },
};

use crate::target::Spare;

use super::{
    check::Check,
    run::Run,
    shell::PendingWrite, //
};

/// The end of an I/O.
pub(super) enum Finished {
    /// Of metadata.
    Metadata {
        token: Token,
        result: Result<(), ErrorClass>,
        buffer: Option<Buffer>,
    },
    /// A block that the data of a write is to be compared with has been read.
    Compared {
        operation: OperationId,
        request: RequestId,
        result: Result<(), ErrorClass>,
        buffer: Option<Buffer>,
    },
    /// Neighbours were written.
    Written {
        result: Result<(), ErrorClass>,
        run: Option<Run<PendingWrite>>,
    },
    /// Neighbours that are to be checked were read.
    Checked {
        result: Result<(), ErrorClass>,
        run: Option<Run<Check>>,
    },
    /// Data of a read has come.
    Read {
        operation: OperationId,
        result: Result<(), ErrorClass>,
    },
}

/// What hooks and messages want of the worker.
#[derive(Default)]
pub(super) struct Orders {
    /// Bring the volume into service; a UUID and a secret should it be formatted.
    pub(super) activate: Option<([u8; 16], [u8; 16])>,
    /// Bring it to rest.
    pub(super) suspend: bool,
    /// Go on.
    pub(super) resume: bool,
    /// The commit timer ran out.
    pub(super) commit: bool,
    /// A message waits for everything to be durable.
    pub(super) flush: bool,
}

/// The inbox itself; lives in `Dedup::inbox`.
pub(super) struct Inbox {
    held: BioQueue<Spare>,
    finished: KVVec<Finished>,
    pub(super) orders: Orders,
}

impl Inbox {
    /// Makes an empty inbox with room for `ends` ends of I/O.
    pub(super) fn new(ends: usize) -> Result<Self, AllocError> {
        Ok(Self {
            held: BioQueue::new(),
            finished: KVVec::with_capacity(ends, GFP_KERNEL)?,
            orders: Orders::default(),
        })
    }

    /// Adds a bio that has just been held.
    pub(super) fn hold(&mut self, bio: HeldBio<Spare>) {
        self.held.push(bio);
    }

    /// Adds an end; hands it back when there is no room, which the bound excludes.
    pub(super) fn finish(&mut self, finished: Finished) -> Result<(), Finished> {
        if self.finished.len() == self.finished.capacity() {
            return Err(finished);
        }
        // The room was checked, so nothing is dropped here.
        let _ = self.finished.push_within_capacity(finished);
        Ok(())
    }

    /// Takes everything: bios are appended to `held`, ends are exchanged for the empty tray.
    pub(super) fn collect(
        &mut self,
        held: &mut BioQueue<Spare>,
        tray: &mut KVVec<Finished>,
    ) -> Orders {
        held.append(self.held.take());
        core::mem::swap(&mut self.finished, tray);
        core::mem::take(&mut self.orders)
    }
}
