// SPDX-License-Identifier: GPL-2.0-only

//! What a zone or the keeper asks the driver to do.

use super::io::Io;
use super::message::{ToKeeper, ToZone};
use super::request::{Answer, RequestId};
use super::units::Window;

/// Something to be done for a zone.
#[derive(Debug)]
pub enum ZoneAction {
    /// Answer a request.
    Answer {
        /// Which.
        request: RequestId,
        /// How.
        answer: Answer,
    },
    /// Start an I/O.
    Io(Io),
    /// Tell the keeper.
    Tell(ToKeeper),
}

/// Something to be done for the keeper.
#[derive(Debug)]
pub enum KeeperAction {
    /// Start an I/O.
    Io(Io),
    /// Tell a zone.
    Tell {
        /// Which.
        zone: u32,
        /// What.
        message: ToZone,
    },
    /// The answer to [`KeeperEvent::Open`](super::KeeperEvent::Open).
    Opened(Result<Opened, OpenError>),
    /// The answer to [`KeeperEvent::Suspend`](super::KeeperEvent::Suspend): no I/O is under way.
    Suspended {
        /// The open chapters are on the disk.
        saved: bool,
    },
    /// A write has failed, and the index serves nothing from now on.
    Failed,
}

/// What was found when the index was brought into service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opened {
    /// The volume.
    pub uuid: [u8; 16],
    /// The live chapters.
    pub window: Window,
    /// The open chapters had been saved, and were restored. What came when they were in service again is not in them if
    /// a crash came before the next chapter was written.
    pub was_clean: bool,
    /// All chapters had to be replayed.
    pub rebuilt: bool,
}

/// Why an index could not be brought into service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpenError {
    /// There is no index, or one of another size.
    NoIndex,
    /// The index was written by a later program.
    Version(u16),
    /// The index was not suspended with its open chapters saved.
    NotClean,
    /// The storage failed.
    Storage,
    /// Too little memory.
    Memory,
}
