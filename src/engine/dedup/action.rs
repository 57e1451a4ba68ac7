// SPDX-License-Identifier: GPL-2.0-only

//! What a volume asks the shell to do, in this order.

use super::event::{OperationId, RequestId};
use super::refusal::Refusal;
use super::units::{Fingerprint, Leg, Pbn};
use crate::engine::block::Buffer;
use crate::engine::event::{ErrorClass, Token};

/// Takes what is to be done. It must not call the volume.
pub type Out<'a> = &'a mut dyn FnMut(Action);

/// What an I/O of metadata does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IoKind {
    /// Read a block into the buffer.
    Read {
        /// From where.
        leg: Leg,
        /// Which.
        block: u64,
    },
    /// Write a block from the buffer.
    Write {
        /// To where.
        leg: Leg,
        /// Which.
        block: u64,
        /// It must be durable on completion.
        fua: bool,
    },
    /// Make everything that a leg has completed durable, data too. Carries no buffer.
    Flush {
        /// Which leg.
        leg: Leg,
    },
}

/// An I/O of metadata; ends in [`Event::Done`](super::Event::Done) with the same token and buffer.
pub struct Io {
    /// Its name.
    pub token: Token,
    /// What to do.
    pub kind: IoKind,
    /// The buffer, owned by the I/O until it ends.
    pub buffer: Option<Buffer>,
}

/// Why a request was not done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// An I/O of data has failed; or the block is poisoned, which is an error of the medium.
    Data(ErrorClass),
    /// The data of a block is not what was stored: its fingerprint is another one.
    Mismatch,
    /// No block is free.
    NoSpace,
    /// Metadata that it needs cannot be read, or contradicts itself.
    Damaged,
    /// The volume cannot be written since a write of metadata has failed.
    ReadOnly,
    /// It speaks of blocks that do not exist, or comes when it must not.
    Invalid,
}

/// How an activation went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Activation {
    /// The legs were blank and have been formatted.
    pub formatted: bool,
    /// The volume had been suspended, and nothing had to be replayed.
    pub was_clean: bool,
    /// Journal blocks that were replayed.
    pub replayed: u64,
    /// The volume.
    pub uuid: [u8; 16],
    /// The secret of its fingerprints.
    pub secret: [u8; 16],
}

/// Something to be done by the shell.
pub enum Action {
    /// Start an I/O of metadata.
    Io(Io),
    /// Ask the index where this content may be; ends in [`Event::Advice`](super::Event::Advice).
    Ask {
        /// Who asks.
        operation: OperationId,
        /// The content.
        fingerprint: Fingerprint,
    },
    /// Tell the index where this content is.
    Learn {
        /// The content.
        fingerprint: Fingerprint,
        /// Where it is.
        pbn: Pbn,
    },
    /// Compare the data of a write with a block; ends in [`Event::Compared`](super::Event::Compared).
    Compare {
        /// Whose comparison.
        operation: OperationId,
        /// The write.
        request: RequestId,
        /// The block.
        pbn: Pbn,
    },
    /// Compare the data of two writes, of which the other may be completed by a later action; ends in
    /// [`Event::Compared`](super::Event::Compared).
    CompareWrites {
        /// Whose comparison.
        operation: OperationId,
        /// The write.
        request: RequestId,
        /// The other write.
        other: RequestId,
    },
    /// Write the data of a write; ends in [`Event::Written`](super::Event::Written). Neighbours may be joined.
    WriteData {
        /// Whose write.
        operation: OperationId,
        /// The write.
        request: RequestId,
        /// To where.
        pbn: Pbn,
    },
    /// Read data for a read; ends in [`Event::DataRead`](super::Event::DataRead).
    ReadData {
        /// Whose read.
        operation: OperationId,
        /// The read.
        request: RequestId,
        /// The first block within the request.
        at: u64,
        /// The first block on main.
        pbn: Pbn,
        /// How many.
        blocks: u64,
    },
    /// Read a block into memory of the shell's own, and put it into a read if it has this fingerprint; ends in
    /// [`Event::DataChecked`](super::Event::DataChecked). Neighbours may be joined.
    ReadChecked {
        /// Whose read.
        operation: OperationId,
        /// The read.
        request: RequestId,
        /// The block within the request.
        at: u64,
        /// The block on main.
        pbn: Pbn,
        /// What its data must have.
        fingerprint: Fingerprint,
    },
    /// Put zeros into a part of a read.
    ReadZeros {
        /// The read.
        request: RequestId,
        /// The first block within the request.
        at: u64,
        /// How many.
        blocks: u64,
    },
    /// Wait for all reads that may have found their blocks in the table of translations until now, and are under way; ends in
    /// [`Event::ReadersGone`](super::Event::ReadersGone). There is one at a time.
    AwaitReaders,
    /// Complete a request.
    Complete {
        /// Which.
        request: RequestId,
        /// How.
        result: Result<(), Failure>,
    },
    /// The answer to [`Event::Activate`](super::Event::Activate).
    Activated(Result<Activation, Refusal>),
    /// The answer to [`Event::Suspend`](super::Event::Suspend): no I/O is under way.
    Suspended {
        /// Everything is in its place, and marked so.
        clean: bool,
    },
    /// A write of metadata has failed: from now on the volume can only be read.
    BecameReadOnly,
}
