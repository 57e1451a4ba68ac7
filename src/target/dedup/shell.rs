// SPDX-License-Identifier: GPL-2.0-only

//! What the worker has: the volume, requests, and the memory for all of it, which is made at construction.

use kernel::{
    alloc::KVVec,
    prelude::*, //
};

use crate::{
    dm::BioQueue,
    engine::{
        dedup::{
            Event,
            OperationId,
            Pbn,
            RequestId,
            Volume, //
        },
        new_buffer,
        Buffer,
        BLOCK_BYTES, //
    },
    kern::GracePeriods,
    target::Spare,
};

use super::{
    advice::Questions,
    arrivals::{
        Copied,
        Copies,
        COPIES, //
    },
    check::Checks,
    inbox::Finished,
    recent::{
        Recent,
        RECENT, //
    },
    requests::Requests,
    run::Run, //
};

/// Requests that the engine works on at once; further bios wait.
pub(super) const REQUESTS: u32 = 512;
/// Buffers that only the worker takes, for bios that found none when they were submitted.
pub(super) const RESERVE: u32 = 64;
/// Blocks of main that are read for comparisons at once; further ones wait.
const COMPARISONS: u32 = 64;
/// Runs of neighbours that are written or read at once; further ones wait.
const RUNS: u32 = 64;

/// A write of data, or a comparison of such data with a block of main, that is to be begun.
#[derive(Clone, Copy)]
pub(super) struct Pending {
    pub(super) operation: OperationId,
    pub(super) request: RequestId,
    pub(super) pbn: Pbn,
    /// It is not to be joined with its neighbours: their I/O has failed.
    pub(super) is_alone: bool,
}

impl Pending {
    /// The same, but not to be joined.
    pub(super) fn alone(self) -> Self {
        Self {
            is_alone: true,
            ..self
        }
    }
}

/// Under `Dedup::core`, which the worker holds while it works.
pub(super) struct Core {
    pub(super) volume: KBox<Volume>,
    pub(super) shell: Shell,
}

/// All but the volume, so that actions can be performed while the volume is at work.
pub(super) struct Shell {
    pub(super) requests: Requests,
    /// Bios that no request was made of yet.
    pub(super) waiting: BioQueue<Spare>,
    /// The bio that requests are being made of.
    pub(super) cutting: Option<u32>,
    /// Exchanged for the copies in the arrivals.
    pub(super) copied: KVVec<Copied>,
    /// Copies of the bios that wait, and of the one being cut, in their order.
    pub(super) copies: Copies,
    /// Buffers for copies that are made here, and those that have come back since the last turn.
    pub(super) free: KVVec<Buffer>,
    pub(super) recent: Recent,
    pub(super) comparing: KVec<Buffer>,
    /// Comparisons that are begun when the engine has nothing more to say, the oldest first.
    pub(super) compares: KVVec<Pending>,
    pub(super) runs: KVec<Run<Pending>>,
    pub(super) checks: Checks,
    /// Writes that are begun when the engine has nothing more to say; in this order.
    pub(super) writes: KVVec<Pending>,
    pub(super) questions: Questions,
    /// Of the reads that the volume does not know of.
    pub(super) grace_periods: GracePeriods,
    /// Answers to actions that were known at once: the volume must not be called while it asks.
    pub(super) feedback: KVVec<Event>,
    /// Exchanged for the ends of I/O in the inbox.
    pub(super) tray: KVVec<Finished>,
    /// The volume's, for fingerprints.
    pub(super) secret: [u8; 16],
    /// Something was changed since the timer ran out.
    pub(super) changed: bool,
    pub(super) timer_is_armed: bool,
}

impl Shell {
    /// Everything that is ever needed, made in a function of its own for the stack's sake, with room for `ends` ends of I/O.
    #[inline(never)]
    pub(super) fn new(ends: usize, checks_reads: bool) -> Result<Self> {
        // CAST: 32 bits fit into a `usize` on every supported machine.
        let length = REQUESTS as usize;
        // CAST: as above.
        let mut free = KVVec::with_capacity((RESERVE + COPIES) as usize, GFP_KERNEL)?;
        for _ in 0..RESERVE {
            free.push(new_buffer(GFP_KERNEL)?, GFP_KERNEL)?;
        }
        let mut comparing = KVec::with_capacity(COMPARISONS as usize, GFP_KERNEL)?;
        for _ in 0..COMPARISONS {
            comparing.push(new_buffer(GFP_KERNEL)?, GFP_KERNEL)?;
        }
        let mut runs = KVec::with_capacity(RUNS as usize, GFP_KERNEL)?;
        for _ in 0..RUNS {
            runs.push(Run::new()?, GFP_KERNEL)?;
        }
        Ok(Self {
            requests: Requests::new(REQUESTS)?,
            waiting: BioQueue::new(),
            cutting: None,
            copied: KVVec::with_capacity(COPIES as usize, GFP_KERNEL)?,
            copies: Copies::new()?,
            free,
            recent: Recent::new()?,
            comparing,
            compares: KVVec::with_capacity(length, GFP_KERNEL)?,
            runs,
            checks: Checks::new(checks_reads)?,
            writes: KVVec::with_capacity(length, GFP_KERNEL)?,
            questions: Questions::new()?,
            grace_periods: GracePeriods::new(1)?,
            feedback: KVVec::with_capacity(2 * length, GFP_KERNEL)?,
            tray: KVVec::with_capacity(ends, GFP_KERNEL)?,
            secret: [0; 16],
            changed: false,
            timer_is_armed: false,
        })
    }

    /// Bytes of the buffers.
    pub(super) fn memory_bytes(checks_reads: bool) -> u64 {
        u64::from(COPIES + RESERVE + RECENT + COMPARISONS) * BLOCK_BYTES as u64
            + Checks::memory_bytes(checks_reads)
    }

    /// Notes an answer for the volume. There is room for one of each kind for each request.
    pub(super) fn answer(&mut self, event: Event) {
        let _ = self.feedback.push_within_capacity(event);
    }

    /// Takes the memory of a write back.
    pub(super) fn give_back(&mut self, buffer: Option<Buffer>) {
        if let Some(buffer) = buffer {
            // There is room for all that exist.
            let _ = self.free.push_within_capacity(buffer);
        }
    }
}
