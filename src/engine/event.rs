// SPDX-License-Identifier: GPL-2.0-only

//! What comes into the engine.

use super::block::Buffer;

/// The shell's name for a held bio.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestId(
    /// Chosen by the shell.
    pub u32,
);

/// The engine's name for an operation it asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token(
    /// Chosen by the engine.
    pub u32,
);

/// Why an operation failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorClass {
    /// The medium: these sectors cannot be read or written.
    Media,
    /// No copy of the metadata could be committed. Comes from the engine only.
    Metadata,
    /// Anything else, in the shell's own code, which is handed back unchanged. Never burns a slot.
    Other(u8),
}

/// What a held bio or an administrator wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestKind {
    /// Read into the bio's pages.
    Read,
    /// Write from the bio's pages.
    Write,
    /// Write zeros; the bio has no pages.
    WriteZeroes,
    /// An order, not a bio: read whole blocks, and repair those that fail.
    Test,
    /// An order: move whole blocks to slots.
    Remap,
    /// An order: give whole blocks back to main.
    Unremap,
    /// An order: write a checkpoint to every copy. Its range means nothing.
    Sync,
}

impl RequestKind {
    /// Whether it comes from an administrator, has no bio, and ends in
    /// [`Action::Answered`](super::Action::Answered).
    pub fn is_order(self) -> bool {
        matches!(
            self,
            RequestKind::Test | RequestKind::Remap | RequestKind::Unremap | RequestKind::Sync
        )
    }

    /// Whether it moves what it can read of a failing block, as opposed to what it brings.
    pub(super) fn salvages(self) -> bool {
        matches!(
            self,
            RequestKind::Read | RequestKind::Test | RequestKind::Remap
        )
    }
}

/// Why a bio is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// It failed, at least in part on main.
    MainFailed(ErrorClass),
    /// It failed on a slot.
    SlotFailed(ErrorClass),
    /// [`Lookup::decide`](super::Lookup::decide) said so.
    Held,
}

/// A held bio.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// Its name.
    pub id: RequestId,
    /// What it wants.
    pub kind: RequestKind,
    /// Its first sector, on main.
    pub sector: u64,
    /// Its length in sectors, at least one; may span blocks.
    pub sectors: u32,
    /// A write that must be durable when it completes.
    pub fua: bool,
    /// Why it is held. The table decides block by block where the data is; the cause says only that something
    /// in the range failed.
    pub cause: Cause,
}

/// Something that happened.
pub enum Event {
    /// Bring the set into service; answered by one [`Action::Activated`](super::Action::Activated).
    Activate {
        /// A fresh random UUID, used if the spare is blank and gets formatted.
        uuid_if_formatting: [u8; 16],
        /// A fresh random number.
        nonce: u64,
    },
    /// An operation of [`Action::Io`](super::Action::Io) has ended.
    Done {
        /// Which.
        token: Token,
        /// How.
        result: Result<(), ErrorClass>,
        /// The buffer that it carried.
        buffer: Option<Buffer>,
    },
    /// The grace period asked for by [`Action::Quiesce`](super::Action::Quiesce) has ended.
    Quiesced {
        /// The action's ticket.
        ticket: u32,
    },
    /// A timer ran out.
    Timer {
        /// The ticket it was armed with.
        ticket: u32,
    },
    /// Come to rest; answered by one [`Action::Suspended`](super::Action::Suspended).
    Suspend {
        /// Hand requests back instead of finishing them.
        noflush: bool,
    },
    /// Undo of `Suspend`.
    Resume,
}
