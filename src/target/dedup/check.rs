// SPDX-License-Identifier: GPL-2.0-only

//! Reads whose data is compared with its fingerprint: with the option `check_reads`.
//!
//! A block is read into memory of the volume's own, hashed there by the worker, and copied to its reader only if it is what
//! was stored. So whoever changes the reader's pages meanwhile decides nothing, and nobody gets data that was not checked.

use kernel::{
    alloc::KVVec,
    prelude::*,
    sync::ArcBorrow, //
};

use crate::{
    dm::Status,
    engine::{
        dedup::{
            fingerprint,
            Event,
            Fingerprint,
            Leg,
            OperationId,
            Pbn,
            RequestId, //
        },
        new_buffer,
        Buffer,
        ErrorClass,
        BLOCK_BYTES,
        SECTORS_PER_BLOCK, //
    },
    kern::error_limited,
};

use super::{
    map::READ_BLOCKS,
    own_io::{
        Memory,
        OwnBio,
        Purpose, //
    },
    perform::sector,
    run::{
        Piece,
        Run,
        RUN_BLOCKS, //
    },
    shell::{
        Core,
        Shell,
        REQUESTS, //
    },
    Dedup, //
};

/// Runs of neighbours that are read at once; further ones wait.
const RUNS: u32 = 64;
/// Blocks that are read at once.
const BUFFERS: u32 = 512;
/// Blocks that can be asked for at once.
const BLOCKS: u32 = REQUESTS * READ_BLOCKS;

/// A block that is to be read and checked.
#[derive(Clone, Copy)]
pub(super) struct Check {
    pub(super) operation: OperationId,
    pub(super) request: RequestId,
    /// Within the request.
    pub(super) at: u64,
    pub(super) pbn: Pbn,
    pub(super) fingerprint: Fingerprint,
    /// It is not to be joined with its neighbours: their read has failed.
    pub(super) is_alone: bool,
}

impl Check {
    const NONE: Self = Self {
        operation: OperationId(0),
        request: RequestId(0),
        at: 0,
        pbn: Pbn(0),
        fingerprint: Fingerprint([0; 16]),
        is_alone: false,
    };
}

/// What the worker has for them; empty if reads are not checked.
pub(super) struct Checks {
    /// A ring of those that wait, with room for every block of every request.
    waiting: KVVec<Check>,
    first: usize,
    count: usize,
    buffers: KVVec<Buffer>,
    runs: KVec<Run<Check>>,
}

impl Checks {
    /// Everything that is ever needed, if reads are checked.
    pub(super) fn new(checks_reads: bool) -> Result<Self> {
        let [blocks, buffers, runs] = if checks_reads {
            [BLOCKS, BUFFERS, RUNS]
        } else {
            [0; 3]
        };
        // CAST: 32 bits fit into a `usize` on every supported machine.
        let mut checks = Self {
            waiting: KVVec::from_elem(Check::NONE, blocks as usize, GFP_KERNEL)?,
            first: 0,
            count: 0,
            buffers: KVVec::with_capacity(buffers as usize, GFP_KERNEL)?,
            runs: KVec::with_capacity(runs as usize, GFP_KERNEL)?,
        };
        for _ in 0..buffers {
            checks.buffers.push(new_buffer(GFP_KERNEL)?, GFP_KERNEL)?;
        }
        for _ in 0..runs {
            checks.runs.push(Run::new()?, GFP_KERNEL)?;
        }
        Ok(checks)
    }

    /// Bytes of the buffers and of the ring.
    pub(super) fn memory_bytes(checks_reads: bool) -> u64 {
        if !checks_reads {
            return 0;
        }
        u64::from(BUFFERS) * BLOCK_BYTES as u64 + u64::from(BLOCKS) * size_of::<Check>() as u64
    }

    /// Has a block read as soon as the volume has nothing more to say.
    pub(super) fn add(&mut self, check: Check) {
        let length = self.waiting.len();
        let end = self.first + self.count;
        let end = if end < length { end } else { end - length };
        // There is room for all that may be asked for.
        if let Some(place) = self.waiting.get_mut(end) {
            *place = check;
            self.count += 1;
        }
    }

    fn next(&self) -> Option<Check> {
        let check = self.waiting.get(self.first)?;
        (self.count > 0).then_some(*check)
    }

    /// Moves neighbours, the oldest first, into an empty run, as far as there are buffers: the first block; none if nothing
    /// can be read now.
    fn fill(&mut self, run: &mut Run<Check>) -> Option<Pbn> {
        let mut first: Option<Pbn> = None;
        while let Some(check) = self.next() {
            let continues = first.is_none_or(|first| {
                !check.is_alone && check.pbn.0 == first.0.saturating_add(run.len() as u64)
            });
            if !continues || run.len() == RUN_BLOCKS {
                break;
            }
            let Some(buffer) = self.buffers.pop() else {
                break;
            };
            first.get_or_insert(check.pbn);
            run.push(Piece {
                task: check,
                buffer,
            });
            self.count -= 1;
            self.first += 1;
            if self.first == self.waiting.len() {
                self.first = 0;
            }
            if check.is_alone {
                break;
            }
        }
        first
    }
}

impl Dedup {
    /// Sends the reads that the engine has asked for, neighbours together, as far as there are runs and buffers.
    pub(super) fn send_checks(this: ArcBorrow<'_, Self>, shell: &mut Shell) {
        while let Some(mut run) = shell.checks.runs.pop() {
            let Some(first) = shell.checks.fill(&mut run) else {
                let _ = shell.checks.runs.push_within_capacity(run);
                return;
            };
            let sectors = run.sectors();
            let context = OwnBio {
                target: this.into(),
                purpose: Purpose::Check,
                leg: Leg::Main,
            };
            this.counters.part_reads.count();
            let (from, memory) = (sector(first.0), Memory::Checks(run));
            this.bios
                .read(this.leg(Leg::Main), from, memory, 0..sectors, context);
        }
    }

    /// Neighbours were read, or not: what is right goes to its readers. If they could not be read together, each is tried
    /// alone.
    pub(super) fn end_checks(
        this: ArcBorrow<'_, Self>,
        core: &mut Core,
        result: core::result::Result<(), ErrorClass>,
        mut run: Run<Check>,
    ) {
        let again = result.is_err() && run.len() > 1;
        while let Some(Piece { task, buffer }) = run.pop() {
            let result = result.map(|()| this.hand_over(&mut core.shell, &task, &buffer));
            // There is room for all that exist.
            let _ = core.shell.checks.buffers.push_within_capacity(buffer);
            if again {
                core.shell.checks.add(Check {
                    is_alone: true,
                    ..task
                });
                continue;
            }
            let operation = task.operation;
            Self::tell(this, core, Event::DataChecked { operation, result });
        }
        let _ = core.shell.checks.runs.push_within_capacity(run);
    }

    /// Copies a block to its reader if it has its fingerprint; whether it has.
    fn hand_over(&self, shell: &mut Shell, check: &Check, buffer: &Buffer) -> bool {
        let is_right = fingerprint(shell.secret, buffer) == check.fingerprint;
        let Some(place) = shell.requests.bio_of(check.request) else {
            return is_right;
        };
        if !is_right {
            error_limited!(
                "{}: block {} of the volume does not hold what was written: block {} of main has another fingerprint\n",
                self.name,
                place.lbn.0.saturating_add(check.at),
                check.pbn.0
            );
            return false;
        }
        let skip = u32::try_from(check.at.saturating_mul(SECTORS_PER_BLOCK)).map_err(|_| EINVAL);
        let copied = skip.and_then(|skip| {
            let bio = place.bio.as_mut().ok_or(EINVAL)?;
            bio.copy_to_bio(skip, &buffer.0)
        });
        if copied.is_err() {
            place.status = Status::INVALID;
        }
        true
    }
}
