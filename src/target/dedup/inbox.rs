// SPDX-License-Identifier: GPL-2.0-only

//! What waits for the worker besides bios: ends of I/O, and what the hooks and messages want.
//!
//! Filled in any context under an irq-safe lock. Nothing here allocates: there is room for the end of every I/O that can be
//! under way.

use kernel::{
    alloc::{
        AllocError,
        KVVec, //
    },
    prelude::*, //
};

use crate::{
    engine::{
        dedup::OperationId,
        Buffer,
        ErrorClass,
        Token, //
    },
};

use super::{
    check::Check,
    run::Run,
    shell::Pending, //
};

/// The end of an I/O.
pub(super) enum Finished {
    /// Of metadata.
    Metadata {
        token: Token,
        result: Result<(), ErrorClass>,
        buffer: Option<Buffer>,
    },
    /// Neighbours that the data of writes are to be compared with were read.
    Compared {
        result: Result<(), ErrorClass>,
        run: Option<Run<Pending>>,
    },
    /// Neighbours were written.
    Written {
        result: Result<(), ErrorClass>,
        run: Option<Run<Pending>>,
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
    finished: KVVec<Finished>,
    pub(super) orders: Orders,
}

impl Inbox {
    /// Makes an empty inbox with room for `ends` ends of I/O.
    pub(super) fn new(ends: usize) -> Result<Self, AllocError> {
        Ok(Self {
            finished: KVVec::with_capacity(ends, GFP_KERNEL)?,
            orders: Orders::default(),
        })
    }

    /// Adds an end; whether it is the first one, of which the worker has to be told. Hands it back when there is no room,
    /// which the bound excludes.
    pub(super) fn finish(&mut self, finished: Finished) -> Result<bool, Finished> {
        if self.finished.len() == self.finished.capacity() {
            return Err(finished);
        }
        let is_first = self.finished.is_empty();
        // The room was checked, so nothing is dropped here.
        let _ = self.finished.push_within_capacity(finished);
        Ok(is_first)
    }

    /// Takes everything: ends are exchanged for the empty tray.
    pub(super) fn collect(&mut self, tray: &mut KVVec<Finished>) -> Orders {
        core::mem::swap(&mut self.finished, tray);
        core::mem::take(&mut self.orders)
    }
}
