// SPDX-License-Identifier: GPL-2.0-only

//! What the engine asks the shell to do.

use super::block::Buffer;
use super::event::{ErrorClass, RequestId, Token};
use super::notice::Notice;
use super::refusal::Refusal;
use super::repair::order::{OrderError, Outcome};

/// One of the two devices.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leg {
    /// The device that holds the user's data.
    Main,
    /// The device that serves remapped blocks and holds the metadata.
    Spare,
}

/// One of the timers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timer {
    /// Watches a commit.
    Commit,
    /// Watches a checkpoint.
    Checkpoint,
    /// Ends a window in which bad blocks are counted.
    ErrorWindow,
}

/// What an I/O does. Sectors are 512 bytes; `within` is the first sector inside the 4 KiB buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// Read from a leg into the buffer.
    Read {
        /// From where.
        leg: Leg,
        /// First sector on the leg.
        sector: u64,
        /// Length.
        sectors: u32,
        /// First sector in the buffer.
        within: u32,
    },
    /// Write from the buffer to a leg.
    Write {
        /// To where.
        leg: Leg,
        /// First sector on the leg.
        sector: u64,
        /// Length.
        sectors: u32,
        /// First sector in the buffer.
        within: u32,
        /// Must be durable on completion.
        fua: bool,
    },
    /// Make everything that a leg has completed durable. Carries no buffer.
    Flush {
        /// Which leg.
        leg: Leg,
    },
    /// Copy the user's data into the buffer.
    Gather {
        /// Whose data.
        request: RequestId,
        /// Sectors into the request.
        skip: u32,
        /// Length.
        sectors: u32,
        /// First sector in the buffer.
        within: u32,
    },
    /// Copy from the buffer into the user's pages.
    Scatter {
        /// Whose pages.
        request: RequestId,
        /// Sectors into the request.
        skip: u32,
        /// Length.
        sectors: u32,
        /// First sector in the buffer.
        within: u32,
    },
}

/// An I/O or a copy; ends in [`Event::Done`](super::Event::Done) with the same token and buffer.
pub struct Io {
    /// Its name.
    pub token: Token,
    /// What to do.
    pub operation: Operation,
    /// The buffer, owned by the I/O until it ends.
    pub buffer: Option<Buffer>,
}

/// How an activation went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Activation {
    /// The spare was blank and has been formatted.
    pub formatted: bool,
    /// The set had been suspended cleanly.
    pub was_clean: bool,
    /// The set.
    pub uuid: [u8; 16],
    /// Copies of the metadata.
    pub copies: u8,
    /// The newest transaction.
    pub tid: u64,
}

/// Something to be done by the shell.
pub enum Action {
    /// Start an I/O or a copy.
    Io(Io),
    /// Wait until no write that was mapped before now is in flight, then send
    /// [`Event::Quiesced`](super::Event::Quiesced).
    Quiesce {
        /// Handed back with the event.
        ticket: u32,
    },
    /// Arm a timer; replaces what it was armed with.
    ArmTimer {
        /// Which.
        timer: Timer,
        /// Handed back with [`Event::Timer`](super::Event::Timer).
        ticket: u32,
        /// When, from now.
        milliseconds: u32,
    },
    /// Complete a held bio.
    Complete {
        /// Which.
        request: RequestId,
        /// How.
        result: Result<(), ErrorClass>,
    },
    /// Answer an order.
    Answered {
        /// Which.
        request: RequestId,
        /// What became of its blocks, as far as it came.
        outcome: Outcome,
        /// What broke it off, if anything.
        result: Result<(), OrderError>,
    },
    /// Map a held bio again.
    Resubmit {
        /// Which.
        request: RequestId,
    },
    /// Hand a held bio back to device-mapper, which keeps it until resume.
    Requeue {
        /// Which.
        request: RequestId,
    },
    /// The answer to [`Event::Activate`](super::Event::Activate).
    Activated(Result<Activation, Refusal>),
    /// The answer to [`Event::Suspend`](super::Event::Suspend): nothing is active or waiting.
    Suspended {
        /// Everything is committed and at least one copy carries the clean marker.
        clean: bool,
    },
    /// Something worth telling.
    Notice(Notice),
}
