// SPDX-License-Identifier: GPL-2.0-only

//! What waits for the worker: newly held bios and results of own bios.
//!
//! Filled in any context under an irq-safe lock, emptied by the worker one entry at a time. Nothing here
//! allocates: bios are linked through themselves, and the engine bounds how many of the others exist.

use kernel::{
    alloc::AllocError,
    prelude::*, //
};

use crate::{
    dm::{
        BioQueue,
        HeldBio, //
    },
    engine::{
        Buffer,
        ErrorClass,
        Event,
        Token, //
    },
};

use crate::target::Spare;

/// The outcome of one own bio.
pub(crate) struct Finished {
    /// The engine's name for it.
    pub(crate) token: Token,
    /// How it ended.
    pub(crate) result: Result<(), ErrorClass>,
    /// The buffer that it carried.
    pub(crate) buffer: Option<Buffer>,
}

/// The inbox itself; lives in `Remap::inbox`.
pub(crate) struct Inbox {
    held: BioQueue<Spare>,
    finished: KVec<Finished>,
}

impl Inbox {
    /// Makes an empty inbox with room for `ios` results.
    pub(crate) fn new(ios: usize) -> Result<Self, AllocError> {
        Ok(Self {
            held: BioQueue::new(),
            finished: KVec::with_capacity(ios, GFP_KERNEL)?,
        })
    }

    /// Adds a bio that has just been held.
    pub(crate) fn hold(&mut self, bio: HeldBio<Spare>) {
        self.held.push(bio);
    }

    /// Takes the bio that has waited longest.
    pub(crate) fn next_held(&mut self) -> Option<HeldBio<Spare>> {
        self.held.pop()
    }

    /// Adds a result; hands it back when there is no room, which the engine's bound excludes.
    pub(crate) fn finish(&mut self, finished: Finished) -> Result<(), Finished> {
        if self.finished.len() == self.finished.capacity() {
            return Err(finished);
        }
        // The room was checked, so nothing is dropped here.
        let _ = self.finished.push_within_capacity(finished);
        Ok(())
    }

    /// Takes one event for the engine.
    pub(crate) fn next_event(&mut self) -> Option<Event> {
        self.finished.pop().map(|finished| Event::Done {
            token: finished.token,
            result: finished.result,
            buffer: finished.buffer,
        })
    }
}
