// SPDX-License-Identifier: GPL-2.0-only

//! What comes into a zone or the keeper.

use super::extent::Extent;
use super::message::{ToKeeper, ToZone};
use crate::engine::event::{ErrorClass, Token};

/// Something that happened to a zone. Requests come in by themselves.
#[derive(Debug)]
pub enum ZoneEvent {
    /// An I/O that the zone asked for has ended.
    Done {
        /// Which.
        token: Token,
        /// How.
        result: Result<(), ErrorClass>,
        /// The memory that it carried.
        memory: Option<Extent>,
    },
    /// The keeper says something.
    Message(ToZone),
}

/// Something that happened to the keeper.
#[derive(Debug)]
pub enum KeeperEvent {
    /// Bring the index into service.
    Open(OpenMode),
    /// An I/O that the keeper asked for has ended.
    Done {
        /// Which.
        token: Token,
        /// How.
        result: Result<(), ErrorClass>,
        /// The memory that it carried.
        memory: Option<Extent>,
    },
    /// A zone says something.
    Message {
        /// Which.
        zone: u32,
        /// What.
        message: ToKeeper,
    },
    /// Come to rest; answered by [`KeeperAction::Suspended`](super::KeeperAction::Suspended).
    Suspend {
        /// Keep the open chapters on the disk.
        save: bool,
    },
    /// Undo of `Suspend`.
    Resume {
        /// The storage may be another one, with the same content.
        replaced: bool,
    },
}

/// How an index is brought into service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpenMode {
    /// Make a new one with this name, whatever is there.
    Create {
        /// A fresh random name.
        uuid: [u8; 16],
    },
    /// Load what is there, and rebuild the volume index if its images cannot be used.
    Load,
    /// Load what is there, and rebuild the volume index in any case.
    Rebuild,
    /// Load what is there if it was suspended with its open chapters saved, and nothing has to be rebuilt.
    LoadClean,
}
