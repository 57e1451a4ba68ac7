// SPDX-License-Identifier: GPL-2.0-only

//! Data on its way: comparisons with blocks of main, and writes of neighbours by one bio.

use kernel::sync::ArcBorrow;

use crate::{
    dm::Status,
    engine::{
        dedup::{
            Event,
            Leg,
            OperationId,
            Pbn,
            RequestId, //
        },
        Buffer,
        ErrorClass, //
    },
};

use super::{
    own_io::{
        Memory,
        OwnBio,
        Purpose, //
    },
    perform::{
        sector,
        SECTORS, //
    },
    run::{
        Piece,
        Run,
        RUN_BLOCKS, //
    },
    shell::{
        Comparison,
        Core,
        PendingWrite,
        Shell, //
    },
    Dedup, //
};

impl Dedup {
    /// Reads the block that a write is to be compared with, when there is a buffer.
    pub(super) fn begin_comparison(
        this: ArcBorrow<'_, Self>,
        shell: &mut Shell,
        comparison: Comparison,
    ) {
        let Some(buffer) = shell.comparing.pop() else {
            // There is room for one of each request.
            let _ = shell.compares.push_within_capacity(comparison);
            return;
        };
        this.counters.comparisons.count();
        let context = OwnBio {
            target: this.into(),
            purpose: Purpose::Compare(comparison.operation, comparison.request),
            leg: Leg::Main,
        };
        let (from, memory) = (sector(comparison.pbn.0), Memory::Block(buffer));
        this.bios
            .read(this.leg(Leg::Main), from, memory, 0..SECTORS, context);
    }

    /// The block has been read, or not.
    pub(super) fn end_comparison(
        this: ArcBorrow<'_, Self>,
        core: &mut Core,
        (operation, request): (OperationId, RequestId),
        result: Result<(), ErrorClass>,
        buffer: Option<Buffer>,
    ) {
        let shell = &mut core.shell;
        let data = shell.requests.get(request);
        let data = data.and_then(|place| place.buffer.as_deref());
        let is_equal = match (data, buffer.as_deref()) {
            (Some(data), Some(block)) => data.0 == block.0,
            _ => false,
        };
        if let Some(buffer) = buffer {
            // There is room for all that exist.
            let _ = shell.comparing.push_within_capacity(buffer);
        }
        // The oldest first: behind a flood of newer ones it would wait as long as that lasts.
        if let Ok(next) = shell.compares.remove(0) {
            Self::begin_comparison(this, shell, next);
        }
        let result = result.map(|()| is_equal);
        Self::tell(this, core, Event::Compared { operation, result });
    }

    /// Sends the writes that the engine has asked for, neighbours together, as far as there are runs.
    pub(super) fn send_writes(this: ArcBorrow<'_, Self>, shell: &mut Shell) {
        let mut sent = 0;
        while sent < shell.writes.len() {
            let Some(mut run) = shell.runs.pop() else {
                break;
            };
            let (first, taken) = shell.fill_run(sent, &mut run);
            sent += taken;
            if run.len() == 0 {
                let _ = shell.runs.push_within_capacity(run);
                continue;
            }
            // CAST: a run has at most 32 blocks.
            let sectors = run.len() as u32 * SECTORS;
            let context = OwnBio {
                target: this.into(),
                purpose: Purpose::Write,
                leg: Leg::Main,
            };
            this.counters.data_writes.count();
            this.bios.write(
                this.leg(Leg::Main),
                sector(first.0),
                Memory::Writes(run),
                0..sectors,
                false,
                context,
            );
        }
        // What is left moves to the front.
        let left = shell.writes.len().saturating_sub(sent);
        if sent > 0 {
            // `sent` is at most the length.
            shell.writes.copy_within(sent.., 0);
        }
        shell.writes.truncate(left);
    }

    /// Neighbours were written, or not: their data is here again, and others may be compared with it. If they could not be
    /// written together, each is tried alone.
    pub(super) fn end_writes(
        this: ArcBorrow<'_, Self>,
        core: &mut Core,
        result: Result<(), ErrorClass>,
        run: Option<Run<PendingWrite>>,
    ) {
        let Some(mut run) = run else {
            return;
        };
        let again = result.is_err() && run.len() > 1;
        while let Some(Piece { task, buffer }) = run.pop() {
            core.shell.take_back(task.request, buffer);
            if again {
                // There is room for one of each request.
                let _ = core.shell.writes.push_within_capacity(PendingWrite {
                    is_alone: true,
                    ..task
                });
                continue;
            }
            let operation = task.operation;
            Self::tell(this, core, Event::Written { operation, result });
        }
        let _ = core.shell.runs.push_within_capacity(run);
    }
}

impl Shell {
    /// Moves the data of neighbours into a run: the first block, and how many writes were looked at.
    fn fill_run(&mut self, from: usize, run: &mut Run<PendingWrite>) -> (Pbn, usize) {
        let mut first = Pbn(0);
        let mut taken = 0;
        let mut was_alone = false;
        while let Some(write) = self.writes.get(from + taken).copied() {
            let PendingWrite {
                operation,
                request,
                pbn,
                is_alone,
            } = write;
            if run.len() == 0 {
                first = pbn;
            } else if is_alone
                || was_alone
                || pbn.0 != first.0.saturating_add(run.len() as u64) || run.len() == RUN_BLOCKS {
                break;
            }
            taken += 1;
            was_alone = is_alone;
            let place = self.requests.get(request);
            let buffer = place.and_then(|place| {
                let buffer = place.buffer.take();
                place.is_lent = buffer.is_some();
                buffer
            });
            match buffer {
                Some(buffer) => run.push(Piece {
                    task: write,
                    buffer,
                }),
                // A write that the shell does not know.
                None => {
                    self.answer(Event::Written {
                        operation,
                        result: Err(ErrorClass::Other(Status::INVALID.raw())),
                    });
                    break;
                }
            }
        }
        (first, taken)
    }

    /// The data of a write is here again; those that wait for it are compared with it.
    fn take_back(&mut self, request: RequestId, buffer: Buffer) {
        match self.requests.get(request) {
            Some(place) => {
                place.buffer = Some(buffer);
                place.is_lent = false;
            }
            None => self.give_back(Some(buffer)),
        }
        while let Some((follower, operation)) = self.requests.next_follower(request) {
            let is_equal = self.requests.compare(follower, request).unwrap_or(false);
            self.answer(Event::Compared {
                operation,
                result: Ok(is_equal),
            });
        }
    }
}
