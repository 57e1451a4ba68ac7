// SPDX-License-Identifier: GPL-2.0-only

//! Waiting, without a thread, for I/O that is already under way.
//!
//! Every bio that must be waited for enters an [`IoEpoch`] on its way down and
//! leaves it on its way up. A grace period ends when all that had entered before
//! it began have left. The kernel's SRCU does the same; it ends a grace period
//! from a timer or a work item of its own, a tick or more after the last reader
//! has left, and here a user's failed write waits for that. So whoever leaves
//! last says so instead.
//!
//! The algorithm is that of SRCU with its counters merged: two phases, of which
//! one takes newcomers. A grace period waits until the other phase is empty,
//! swaps them, and waits until the one that was left is empty. Both are waited
//! for, because a newcomer may have read the phase, been held up, and counted
//! itself there long after the swap.

use core::mem;
use kernel::{
    alloc::{
        flags::GFP_KERNEL,
        AllocError,
        KVVec,
        KVec, //
    },
    cpu::{
        nr_cpu_ids,
        CpuId, //
    },
    sync::atomic::{
        Acquire,
        Atomic,
        Full,
        Relaxed, //
    },
};

/// Proof of one [`IoEpoch::enter`], to be given to [`IoEpoch::leave`] once.
///
/// It can be copied so that it fits into per-bio data. Leaving twice, or never,
/// upsets the count: a grace period then ends early, or not at all.
#[derive(Clone, Copy)]
pub struct EpochToken(u32);

/// Every ticket is waiting for its grace period; ask again when one has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TicketsExhausted;

/// What entered on one CPU and has not left, in each phase. A cache line of its
/// own, since every write of the user changes it twice.
#[repr(align(64))]
struct Shard([Atomic<i32>; 2]);

/// A domain that I/O enters and leaves.
///
/// Entering changes a counter of the current CPU, leaving the same one.
pub struct IoEpoch {
    /// The phase that newcomers count themselves in, 0 or 1.
    phase: Atomic<u32>,
    /// Whether a grace period waits: whoever empties a counter then says so.
    awaited: Atomic<u32>,
    /// One for each possible CPU.
    shards: KVVec<Shard>,
}

impl IoEpoch {
    /// Makes a domain that nothing has entered. May sleep.
    ///
    /// # Errors
    ///
    /// Too little memory.
    pub fn new() -> Result<Self, AllocError> {
        // CAST: fewer than 2^13 CPUs.
        let cpus = nr_cpu_ids() as usize;
        let mut shards = KVVec::with_capacity(cpus, GFP_KERNEL)?;
        for _ in 0..cpus {
            shards.push(Shard([Atomic::new(0), Atomic::new(0)]), GFP_KERNEL)?;
        }
        Ok(Self {
            phase: Atomic::new(0),
            awaited: Atomic::new(0),
            shards,
        })
    }

    /// Enters. Any context but NMI, never sleeps.
    ///
    /// What the caller reads afterwards is at least as new as what was written
    /// before any grace period that does not wait for it.
    #[inline]
    pub fn enter(&self) -> EpochToken {
        // The task may be moved to another CPU at any moment; that only costs time.
        let cpu = CpuId::current().as_u32();
        let phase = self.phase.load(Relaxed) & 1;
        let token = EpochToken((cpu << 1) | phase);
        if let Some(inside) = self.counter(token) {
            // ORDERING: full, pairs with the exchanges in `GracePeriods::poll`: either
            // that sees this count, or the caller sees what was written before it.
            inside.fetch_add(1, Full);
        }
        token
    }

    /// Leaves, possibly in another context, task or CPU than the one that
    /// entered. Any context but NMI.
    ///
    /// Returns whether a grace period may have ended by this: then somebody has to
    /// call [`GracePeriods::poll`] soon.
    #[inline]
    #[must_use]
    pub fn leave(&self, token: EpochToken) -> bool {
        let Some(inside) = self.counter(token) else {
            return false;
        };
        // ORDERING: full. What the caller did before is seen by whoever sees the
        // count; and either `GracePeriods::poll` sees the count or this sees `awaited`.
        inside.fetch_sub(1, Full) == 1 && self.awaited.load(Relaxed) != 0
    }

    /// Returns whether nothing is inside. Any context; without meaning while
    /// anything may enter or leave.
    pub fn is_empty(&self) -> bool {
        self.is_drained(0) && self.is_drained(1)
    }

    fn counter(&self, token: EpochToken) -> Option<&Atomic<i32>> {
        // CAST: u32 fits usize.
        let shard = self.shards.get((token.0 >> 1) as usize)?;
        Some(&shard.0[(token.0 & 1) as usize])
    }

    fn is_drained(&self, phase: u32) -> bool {
        self.shards.iter().all(|shard| {
            // CAST: u32 fits usize.
            let inside = &shard.0[(phase & 1) as usize];
            // ORDERING: pairs with `leave`.
            inside.load(Acquire) == 0
        })
    }
}

/// How far the running grace period has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// None is running.
    Idle,
    /// Stragglers in the phase that takes no newcomers are waited for.
    Stragglers,
    /// The phases were swapped; what is left in the old one is waited for.
    Swapped,
    /// It has ended; its tickets are being handed out.
    Ended,
}

/// The grace periods of one [`IoEpoch`]; whoever asks for them keeps this.
///
/// Tickets that are asked for while a grace period runs share the next one.
pub struct GracePeriods {
    stage: Stage,
    /// Tickets of the running grace period.
    running: KVec<u32>,
    /// Tickets of the next one.
    waiting: KVec<u32>,
}

impl GracePeriods {
    /// Makes room for `tickets` at a time. May sleep.
    ///
    /// # Errors
    ///
    /// Too little memory.
    pub fn new(tickets: usize) -> Result<Self, AllocError> {
        Ok(Self {
            stage: Stage::Idle,
            running: KVec::with_capacity(tickets, GFP_KERNEL)?,
            waiting: KVec::with_capacity(tickets, GFP_KERNEL)?,
        })
    }

    /// Asks that [`GracePeriods::poll`] return `ticket` once all that has entered so
    /// far has left. The caller polls soon afterwards. Any context.
    ///
    /// # Errors
    ///
    /// [`TicketsExhausted`] when no more tickets fit.
    pub fn ask(&mut self, ticket: u32) -> Result<(), TicketsExhausted> {
        self.waiting
            .push_within_capacity(ticket)
            .map_err(|_| TicketsExhausted)
    }

    /// Goes on as far as possible, and returns a ticket whose grace period has
    /// ended. Any context; always with the same `epoch`.
    pub fn poll(&mut self, epoch: &IoEpoch) -> Option<u32> {
        loop {
            match self.stage {
                Stage::Idle => {
                    if self.waiting.is_empty() {
                        return None;
                    }
                    mem::swap(&mut self.running, &mut self.waiting);
                    // ORDERING: full. What the asker wrote, and `awaited`, before the counts
                    // are read; pairs with the full order in `enter` and in `leave`.
                    epoch.awaited.xchg(1, Full);
                    self.stage = Stage::Stragglers;
                }
                Stage::Stragglers => {
                    let phase = epoch.phase.load(Relaxed);
                    if !epoch.is_drained(phase ^ 1) {
                        return None;
                    }
                    // ORDERING: full. The counts are read after the swap. A newcomer that
                    // still finds the old phase, and is not counted here, has what the asker
                    // wrote before it: it is not one that this must wait for.
                    epoch.phase.xchg(phase ^ 1, Full);
                    self.stage = Stage::Swapped;
                }
                Stage::Swapped => {
                    if !epoch.is_drained(epoch.phase.load(Relaxed) ^ 1) {
                        return None;
                    }
                    // ORDERING: full. What follows comes after everything that has left.
                    let awaited = u32::from(!self.waiting.is_empty());
                    epoch.awaited.xchg(awaited, Full);
                    self.stage = Stage::Ended;
                }
                Stage::Ended => match self.running.pop() {
                    Some(ticket) => return Some(ticket),
                    None => self.stage = Stage::Idle,
                },
            }
        }
    }
}
