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
    check::Checks,
    inbox::Finished,
    requests::Requests,
    run::Run, //
};

/// Requests that the engine works on at once; further bios wait.
pub(super) const REQUESTS: u32 = 512;
/// Comparisons with blocks of main that are under way at once; further ones wait.
const COMPARISONS: u32 = 64;
/// Runs of neighbours that are written at once; further ones wait.
const RUNS: u32 = 64;

/// A comparison of a write with a block of main.
#[derive(Clone, Copy)]
pub(super) struct Comparison {
    pub(super) operation: OperationId,
    pub(super) request: RequestId,
    pub(super) pbn: Pbn,
}

/// A write of data that is to be begun.
#[derive(Clone, Copy)]
pub(super) struct PendingWrite {
    pub(super) operation: OperationId,
    pub(super) request: RequestId,
    pub(super) pbn: Pbn,
    /// It is not to be joined with its neighbours: their write has failed.
    pub(super) is_alone: bool,
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
    /// One buffer for each request.
    pub(super) free: KVVec<Buffer>,
    pub(super) comparing: KVec<Buffer>,
    /// Comparisons for which there was no buffer, the oldest first.
    pub(super) compares: KVVec<Comparison>,
    pub(super) runs: KVec<Run<PendingWrite>>,
    pub(super) checks: Checks,
    /// Writes that are begun when the engine has nothing more to say; in this order.
    pub(super) writes: KVVec<PendingWrite>,
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
        let mut free = KVVec::with_capacity(length, GFP_KERNEL)?;
        for _ in 0..REQUESTS {
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
            free,
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
        u64::from(REQUESTS + COMPARISONS) * BLOCK_BYTES as u64 + Checks::memory_bytes(checks_reads)
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
