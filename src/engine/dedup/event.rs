// SPDX-License-Identifier: GPL-2.0-only

//! What comes into a volume.

use super::units::{Fingerprint, Lbn, Pbn};
use crate::engine::block::Buffer;
use crate::engine::event::{ErrorClass, Token};

/// The shell's name for a request; one that is not answered yet has no namesake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestId(
    /// Chosen by the shell.
    pub u32,
);

/// The volume's name for a request that it works on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OperationId(
    /// Chosen by the volume.
    pub u32,
);

/// What a block that is written holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content {
    /// Zeros.
    Zero,
    /// Data with this fingerprint, which stays with the shell.
    Data(Fingerprint),
}

/// What a range of blocks is to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fill {
    /// Discarded.
    Unmapped,
    /// Zeros.
    Zero,
    /// Known to be lost.
    Poisoned,
}

/// What is wanted. Ranges have at least one block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestKind {
    /// Read blocks.
    Read {
        /// The first.
        lbn: Lbn,
        /// How many.
        blocks: u64,
    },
    /// Write one block.
    Write {
        /// Which.
        lbn: Lbn,
        /// What it holds.
        content: Content,
        /// It must be durable on completion.
        fua: bool,
    },
    /// Give up the content of blocks.
    Fill {
        /// The first.
        lbn: Lbn,
        /// How many.
        blocks: u64,
        /// What they are then.
        fill: Fill,
        /// It must be durable on completion.
        fua: bool,
    },
    /// Make everything durable that is complete.
    Flush,
}

/// A request. The shell has at most as many without an answer as the settings say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// Its name.
    pub id: RequestId,
    /// What is wanted.
    pub kind: RequestKind,
}

/// Something that happened.
pub enum Event {
    /// Bring the volume into service; answered by one [`Action::Activated`](super::Action::Activated).
    Activate {
        /// A fresh random UUID, used if the legs are blank and get formatted.
        uuid_if_formatting: [u8; 16],
        /// A fresh random secret for the fingerprints, used in the same case.
        secret_if_formatting: [u8; 16],
    },
    /// A request; answered by one [`Action::Complete`](super::Action::Complete).
    Request(Request),
    /// An I/O of [`Action::Io`](super::Action::Io) has ended.
    Done {
        /// Which.
        token: Token,
        /// How.
        result: Result<(), ErrorClass>,
        /// The buffer that it carried.
        buffer: Option<Buffer>,
    },
    /// The index answers [`Action::Ask`](super::Action::Ask). It may say anything.
    Advice {
        /// Who asked.
        operation: OperationId,
        /// Where the content may be.
        pbn: Option<Pbn>,
    },
    /// A comparison has ended.
    Compared {
        /// Whose.
        operation: OperationId,
        /// Whether both are equal.
        result: Result<bool, ErrorClass>,
    },
    /// A write of [`Action::WriteData`](super::Action::WriteData) has ended.
    Written {
        /// Whose.
        operation: OperationId,
        /// How.
        result: Result<(), ErrorClass>,
    },
    /// A read of [`Action::ReadData`](super::Action::ReadData) has ended.
    DataRead {
        /// Whose.
        operation: OperationId,
        /// How.
        result: Result<(), ErrorClass>,
    },
    /// A read of [`Action::ReadChecked`](super::Action::ReadChecked) has ended.
    DataChecked {
        /// Whose.
        operation: OperationId,
        /// Whether the block has the fingerprint.
        result: Result<bool, ErrorClass>,
    },
    /// What [`Action::AwaitReaders`](super::Action::AwaitReaders) waits for has come.
    ReadersGone,
    /// Commit what is open: the shell's timer ran out.
    Commit,
    /// Come to rest; answered by one [`Action::Suspended`](super::Action::Suspended). No request comes before `Resume`.
    Suspend,
    /// Undo of `Suspend`.
    Resume,
}
