// SPDX-License-Identifier: GPL-2.0-only

//! A lane: one step of metadata I/O at a time, to several copies at once, watched by a timer.
//!
//! Each copy has one buffer in the lane. While an I/O is with the shell its buffer is too, and that copy takes no
//! further I/O of this lane. A step that times out is given up: what comes back later only returns its buffer.

use crate::engine::action::{Action, Io, Leg, Operation, Timer};
use crate::engine::block::{new_buffer, Buffer};
use crate::engine::format::layout::COPIES_MAXIMUM;
use crate::engine::token::{LaneKind, Owner};
use crate::engine::ErrorClass;
use kernel::alloc::{AllocError, Flags};

/// The bit of a flush among the bits of the copies.
pub(in super::super) const FLUSH: u8 = 1 << 7;

pub(in super::super) struct Lane {
    kind: LaneKind,
    generation: u16,
    pub(in super::super) buffers: [Option<Buffer>; COPIES_MAXIMUM],
    outbox: [Option<Operation>; COPIES_MAXIMUM],
    /// What the current step still waits for: a bit for each copy, and [`FLUSH`].
    pub(in super::super) pending: u8,
    /// A flush is to be polled.
    flush_wanted: bool,
    /// A flush is with the shell, of this step or of one given up.
    flush_out: bool,
    timer_wanted: bool,
}

impl Lane {
    pub(in super::super) fn new(kind: LaneKind, flags: Flags) -> Result<Self, AllocError> {
        Ok(Self {
            kind,
            generation: 0,
            buffers: [
                Some(new_buffer(flags)?),
                Some(new_buffer(flags)?),
                Some(new_buffer(flags)?),
                Some(new_buffer(flags)?),
            ],
            outbox: [None; COPIES_MAXIMUM],
            pending: 0,
            flush_wanted: false,
            flush_out: false,
            timer_wanted: false,
        })
    }

    /// Begins a step; the timer starts when it is polled.
    pub(in super::super) fn begin(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        self.pending = 0;
        self.timer_wanted = true;
    }

    /// Whether a copy's buffer is here.
    pub(in super::super) fn is_free(&self, copy: usize) -> bool {
        self.buffers.get(copy).is_some_and(Option::is_some)
    }

    /// Whether nothing is with the shell.
    pub(in super::super) fn is_idle(&self) -> bool {
        !self.flush_out && self.buffers.iter().all(Option::is_some)
    }

    /// Whether a flush of an earlier step has not come back.
    pub(in super::super) fn flush_is_stale(&self) -> bool {
        self.flush_out
    }

    /// Adds a flush of the spare to the step.
    pub(in super::super) fn flush(&mut self) {
        self.flush_wanted = true;
        self.pending |= FLUSH;
    }

    /// Adds a write of a copy's buffer to a block of the spare.
    pub(in super::super) fn write(&mut self, copy: usize, block: u64, fua: bool) {
        if let Some(place) = self.outbox.get_mut(copy) {
            *place = Some(Operation::Write {
                leg: Leg::Spare,
                sector: block.saturating_mul(8),
                sectors: 8,
                within: 0,
                fua,
            });
            self.pending |= 1 << copy;
        }
    }

    /// The next action of the step.
    pub(in super::super) fn poll(&mut self, milliseconds: u32) -> Option<Action> {
        if core::mem::take(&mut self.timer_wanted) {
            let (timer, bit) = match self.kind {
                LaneKind::Commit => (Timer::Commit, 0),
                LaneKind::Checkpoint => (Timer::Checkpoint, 1 << 16),
            };
            let ticket = bit | u32::from(self.generation);
            return Some(Action::ArmTimer {
                timer,
                ticket,
                milliseconds,
            });
        }
        if core::mem::take(&mut self.flush_wanted) {
            self.flush_out = true;
            return Some(Action::Io(Io {
                token: Owner::LaneFlush(self.kind).token(self.generation),
                operation: Operation::Flush { leg: Leg::Spare },
                buffer: None,
            }));
        }
        for (copy, (place, buffer)) in self
            .outbox
            .iter_mut()
            .zip(self.buffers.iter_mut())
            .enumerate()
        {
            if buffer.is_some() {
                if let Some(operation) = place.take() {
                    return Some(Action::Io(Io {
                        token: Owner::Lane(self.kind, copy).token(self.generation),
                        operation,
                        buffer: buffer.take(),
                    }));
                }
            }
        }
        None
    }

    /// Takes a copy's answer; the result if the step waits for it.
    pub(in super::super) fn copy_done(
        &mut self,
        copy: usize,
        generation: u16,
        result: Result<(), ErrorClass>,
        buffer: Option<Buffer>,
    ) -> Option<Result<(), ErrorClass>> {
        if let Some(place) = self.buffers.get_mut(copy) {
            *place = buffer;
        }
        let bit = 1u8.checked_shl(u32::try_from(copy).ok()?)?;
        if generation != self.generation || self.pending & bit == 0 {
            return None;
        }
        self.pending &= !bit;
        Some(result)
    }

    /// Takes a flush's answer; the result if the step waits for it.
    pub(in super::super) fn flush_done(
        &mut self,
        generation: u16,
        result: Result<(), ErrorClass>,
    ) -> Option<Result<(), ErrorClass>> {
        self.flush_out = false;
        if generation != self.generation || self.pending & FLUSH == 0 {
            return None;
        }
        self.pending &= !FLUSH;
        Some(result)
    }

    /// Whether the ticket is that of the current step.
    pub(in super::super) fn is_current(&self, ticket: u32) -> bool {
        ticket & 0xffff == u32::from(self.generation)
    }

    /// Gives the step up; the bits that it still waited for.
    pub(in super::super) fn give_up(&mut self) -> u8 {
        self.generation = self.generation.wrapping_add(1);
        self.flush_wanted = false;
        self.timer_wanted = false;
        self.outbox = [None; COPIES_MAXIMUM];
        core::mem::take(&mut self.pending)
    }
}
