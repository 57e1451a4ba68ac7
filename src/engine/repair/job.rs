// SPDX-License-Identifier: GPL-2.0-only

//! The state of one repair.

use super::order::Outcome;
use crate::engine::action::Operation;
use crate::engine::block::{new_buffer, Buffer};
use crate::engine::format::Record;
use crate::engine::lookup::Entry;
use crate::engine::units::{sector_mask, Lbn, Slot, SECTORS_PER_BLOCK};
use crate::engine::{Cause, ErrorClass, Request, RequestId, RequestKind};
use kernel::alloc::{AllocError, Flags, KVec};

/// Changes that a job collects before it asks for a commit.
pub(super) const CHANGES_MAXIMUM: usize = 32;

/// Where a job is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum Phase {
    /// Not in use.
    Free,
    /// Earlier writes may be in flight.
    Quiesce,
    /// About to begin the current block.
    Block,
    /// The user's data is being copied for a write in place.
    Gather,
    /// That write is on its way.
    Direct,
    /// The whole block is being read.
    Whole,
    /// One sector of it is being read.
    Sector,
    /// What was read is being copied to the user.
    Scatter,
    /// Another block of main is being read, to see whether main is alive.
    Probe,
    /// The user's data is being copied over what was read.
    Merge,
    /// About to take a slot.
    Allocate,
    /// The slot is being written.
    Relocate,
    /// What the slot holds is being written to main.
    Return,
    /// What main took is being read.
    Verify,
    /// Waits for a checkpoint.
    Sync,
    /// Waits for a commit.
    Commit,
    /// Done; the answer waits to be polled.
    Finished,
}

/// How the request leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum Answer {
    Complete,
    Resubmit,
    Requeue,
}

/// A change that is not committed yet.
#[derive(Clone, Copy)]
pub(in super::super) struct Change {
    pub(in super::super) record: Record,
    /// The slot was taken for this change.
    pub(super) new_slot: bool,
    /// The block had no entry before, and room for one is kept.
    pub(super) new_entry: bool,
}

/// The part of the request that lies in the current block, in sectors of the block.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub(super) first: u32,
    pub(super) count: u32,
    /// Sectors of the request in front of it.
    pub(super) skip: u32,
    /// The sectors that the request covers.
    pub(super) covered: u8,
    /// The sectors of the block that exist on main.
    pub(super) valid: u8,
}

/// Slots that may fail for one block before the spare is asked whether it takes writes at all.
pub(super) const SUSPECTS_MAXIMUM: usize = 8;

/// Slots that could not be written. They stay taken until it is known whether they or the spare are to blame.
#[derive(Clone, Copy, Default)]
pub(super) struct Suspects {
    slots: [Option<Slot>; SUSPECTS_MAXIMUM],
}

impl Suspects {
    /// Adds a slot; how many there are now.
    pub(super) fn add(&mut self, slot: Slot) -> usize {
        if let Some(place) = self.slots.iter_mut().find(|place| place.is_none()) {
            *place = Some(slot);
        }
        self.slots.iter().flatten().count()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.iter().flatten().next().is_none()
    }

    /// Takes all of them.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Slot> {
        core::mem::take(&mut self.slots).into_iter().flatten()
    }
}

/// What is known of the current block.
#[derive(Clone, Copy)]
pub(super) struct Scratch {
    pub(super) entry: Option<Entry>,
    /// Whole reads that failed.
    pub(super) attempts: u32,
    /// Sectors whose old content is needed.
    pub(super) needed: u8,
    /// The sector that is being read or comes next.
    pub(super) at: u32,
    /// Sectors whose content is in the buffer.
    pub(super) good: u8,
    /// The slot that is being written.
    pub(super) slot: Option<Slot>,
    /// Slots that could not be written, and may be bad.
    pub(super) suspects: Suspects,
    /// The spare is being asked by a commit whether it takes writes at all.
    pub(super) asks_spare: bool,
    /// It has said so once, and the block has a second chance.
    pub(super) asked_spare: bool,
    /// Relocate after the scatter.
    pub(super) relocate: bool,
    /// Main has failed at this block, which is still to be counted.
    pub(super) main_failed: bool,
    /// The checksum of what is being given back to main.
    pub(super) sum: Option<u32>,
}

impl Scratch {
    pub(super) fn new(entry: Option<Entry>) -> Self {
        Self {
            entry,
            attempts: 0,
            needed: 0,
            at: 0,
            good: 0,
            slot: None,
            suspects: Suspects::default(),
            asks_spare: false,
            asked_spare: false,
            relocate: false,
            main_failed: false,
            sum: None,
        }
    }
}

/// One repair.
pub(in super::super) struct Job {
    pub(in super::super) phase: Phase,
    pub(in super::super) generation: u16,
    pub(in super::super) request: Request,
    pub(in super::super) buffer: Option<Buffer>,
    pub(in super::super) outbox: Option<Operation>,
    pub(in super::super) quiesce_wanted: bool,
    /// An operation is in the outbox or with the shell.
    pub(in super::super) waits: bool,
    pub(in super::super) in_round: bool,
    pub(in super::super) changes: KVec<Change>,
    pub(in super::super) answer: Answer,
    pub(in super::super) result: Result<(), ErrorClass>,
    pub(super) outcome: Outcome,
    pub(super) lbn: u64,
    pub(super) last: u64,
    /// Something of main could be read or written since it last failed.
    pub(super) main_is_alive: bool,
    /// Something of the spare could be read or written since a slot last failed.
    pub(super) spare_is_alive: bool,
    /// Places of the leg that last failed that were tried.
    pub(super) probes: usize,
    /// The blocks before were dealt with; the rest must not be.
    pub(super) stopped: bool,
    pub(super) scratch: Scratch,
}

impl Job {
    pub(in super::super) fn new(flags: Flags) -> Result<Self, AllocError> {
        Ok(Self {
            phase: Phase::Free,
            generation: 0,
            request: Request {
                id: RequestId(0),
                kind: RequestKind::Read,
                sector: 0,
                sectors: 0,
                fua: false,
                cause: Cause::Held,
            },
            buffer: Some(new_buffer(flags)?),
            outbox: None,
            quiesce_wanted: false,
            waits: false,
            in_round: false,
            changes: KVec::with_capacity(CHANGES_MAXIMUM, flags)?,
            answer: Answer::Complete,
            result: Ok(()),
            outcome: Outcome::default(),
            lbn: 0,
            last: 0,
            main_is_alive: false,
            spare_is_alive: false,
            probes: 0,
            stopped: false,
            scratch: Scratch::new(None),
        })
    }

    /// Asks for an operation.
    pub(super) fn ask(&mut self, phase: Phase, operation: Operation) {
        self.phase = phase;
        self.outbox = Some(operation);
        self.waits = true;
    }

    /// Main has failed at the current block: a sign of life from before says nothing any more.
    pub(super) fn main_has_failed(&mut self) {
        self.scratch.main_failed = true;
        self.main_is_alive = false;
        self.probes = 0;
    }

    /// The slot of the current block has failed: as above, for the spare.
    pub(super) fn spare_has_failed(&mut self) {
        self.spare_is_alive = false;
        self.probes = 0;
    }

    /// The part of the request in the current block; `main_sectors` bounds the block.
    pub(super) fn part(&self, main_sectors: u64) -> Part {
        let start = Lbn(self.lbn).first_sector();
        let first = self.request.sector.max(start);
        let end = self
            .request
            .sector
            .saturating_add(self.request.sectors.into())
            .min(start.saturating_add(SECTORS_PER_BLOCK));
        let narrow = |sectors: u64| u32::try_from(sectors).unwrap_or(0);
        let (within, count) = (narrow(first - start), narrow(end.saturating_sub(first)));
        Part {
            first: within,
            count,
            skip: narrow(first.saturating_sub(self.request.sector)),
            covered: sector_mask(within, count),
            valid: sector_mask(
                0,
                narrow(main_sectors.saturating_sub(start).min(SECTORS_PER_BLOCK)),
            ),
        }
    }
}
