// SPDX-License-Identifier: GPL-2.0-only

//! Data on its way: comparisons with blocks of main, and writes. Neighbours go by one bio.

use kernel::{
    alloc::KVVec,
    sync::ArcBorrow, //
};

use crate::{
    dm::Status,
    engine::{
        dedup::{
            Event,
            Leg,
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
    perform::sector,
    run::{
        Piece,
        Run,
        RUN_BLOCKS, //
    },
    shell::{
        Core,
        Pending,
        Shell, //
    },
    Dedup, //
};

impl Dedup {
    /// Compares the data of a write with a block: at once if that was written lately, or else when it has been read.
    pub(super) fn compare(&self, shell: &mut Shell, comparison: Pending) {
        let Some(block) = shell.recent.find(comparison.pbn) else {
            // There is room for one of each request.
            let _ = shell.compares.push_within_capacity(comparison);
            return;
        };
        let is_equal = shell.requests.is_equal(comparison.request, block);
        self.counters.recent_comparisons.count();
        shell.answer(Event::Compared {
            operation: comparison.operation,
            result: Ok(is_equal),
        });
    }

    /// Reads the blocks that writes are to be compared with, neighbours together, as far as there are runs and buffers.
    pub(super) fn send_comparisons(this: ArcBorrow<'_, Self>, shell: &mut Shell) {
        let mut sent = 0;
        while sent < shell.compares.len() && !shell.comparing.is_empty() {
            let Some(mut run) = shell.runs.pop() else {
                break;
            };
            let comparing = &mut shell.comparing;
            let (first, taken) = fill_run(&shell.compares, sent, &mut run, |_| comparing.pop());
            sent += taken;
            this.counters.comparison_reads.count();
            for _ in 0..taken {
                this.counters.comparisons.count();
            }
            let (sectors, context) = (run.sectors(), Self::own_bio(this, Purpose::Compare));
            let (from, memory) = (sector(first.0), Memory::Pending(run));
            this.bios
                .read(this.leg(Leg::Main), from, memory, 0..sectors, context);
        }
        drop_front(&mut shell.compares, sent);
    }

    /// Blocks have been read, or not. If they could not be read together, each is tried alone.
    pub(super) fn end_comparisons(
        this: ArcBorrow<'_, Self>,
        core: &mut Core,
        result: Result<(), ErrorClass>,
        mut run: Run<Pending>,
    ) {
        let again = result.is_err() && run.len() > 1;
        while let Some(piece) = run.pop() {
            let Pending {
                operation, request, ..
            } = piece.task;
            let is_equal = core.shell.requests.is_equal(request, &piece.buffer);
            // There is room for all that exist, here and below.
            let _ = core.shell.comparing.push_within_capacity(piece.buffer);
            if again {
                let alone = piece.task.alone();
                let _ = core.shell.compares.push_within_capacity(alone);
                continue;
            }
            let result = result.map(|()| is_equal);
            Self::tell(this, core, Event::Compared { operation, result });
        }
        let _ = core.shell.runs.push_within_capacity(run);
    }

    /// Sends the writes that the engine has asked for, neighbours together, as far as there are runs.
    pub(super) fn send_writes(this: ArcBorrow<'_, Self>, shell: &mut Shell) {
        let mut sent = 0;
        while sent < shell.writes.len() {
            let Some(mut run) = shell.runs.pop() else {
                break;
            };
            let requests = &mut shell.requests;
            let (first, taken) = fill_run(&shell.writes, sent, &mut run, |write| {
                let place = requests.get(write.request)?;
                place.is_lent = place.buffer.is_some();
                place.buffer.take()
            });
            sent += taken;
            if taken == 0 {
                // A write that the shell does not know.
                if let Some(write) = shell.writes.get(sent) {
                    let operation = write.operation;
                    let result = Err(ErrorClass::Other(Status::INVALID.raw()));
                    shell.answer(Event::Written { operation, result });
                }
                sent += 1;
                let _ = shell.runs.push_within_capacity(run);
                continue;
            }
            this.counters.data_writes.count();
            let (sectors, context) = (run.sectors(), Self::own_bio(this, Purpose::Write));
            this.bios.write(
                this.leg(Leg::Main),
                sector(first.0),
                Memory::Pending(run),
                0..sectors,
                false,
                context,
            );
        }
        drop_front(&mut shell.writes, sent);
    }

    fn own_bio(this: ArcBorrow<'_, Self>, purpose: Purpose) -> OwnBio {
        OwnBio {
            target: this.into(),
            purpose,
            leg: Leg::Main,
        }
    }

    /// Neighbours were written, or not: their data is here again, and others may be compared with it. If they could not be
    /// written together, each is tried alone.
    pub(super) fn end_writes(
        this: ArcBorrow<'_, Self>,
        core: &mut Core,
        result: Result<(), ErrorClass>,
        mut run: Run<Pending>,
    ) {
        let again = result.is_err() && run.len() > 1;
        while let Some(piece) = run.pop() {
            let Pending {
                operation,
                request,
                pbn,
                ..
            } = piece.task;
            let written = result.is_ok().then_some(pbn);
            core.shell.take_back(request, piece.buffer, written);
            if again {
                // There is room for one of each request.
                let alone = piece.task.alone();
                let _ = core.shell.writes.push_within_capacity(alone);
                continue;
            }
            Self::tell(this, core, Event::Written { operation, result });
        }
        let _ = core.shell.runs.push_within_capacity(run);
    }
}

impl Shell {
    /// The data of a write is here again; those that wait for it are compared with it.
    fn take_back(&mut self, request: RequestId, buffer: Buffer, written: Option<Pbn>) {
        match self.requests.get(request) {
            Some(place) => {
                place.buffer = Some(buffer);
                place.written = written;
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

/// Puts neighbours into a run, beginning with the pending one at `from`: the first block, and how many they are. Ends before
/// the first one for which there is no buffer.
fn fill_run(
    pending: &[Pending],
    from: usize,
    run: &mut Run<Pending>,
    mut buffer: impl FnMut(&Pending) -> Option<Buffer>,
) -> (Pbn, usize) {
    let rest = pending.get(from..).unwrap_or(&[]);
    let first = rest.first().map_or(Pbn(0), |pending| pending.pbn);
    let mut was_alone = false;
    for pending in rest {
        // CAST: at most 32.
        let continues = first.0.checked_add(run.len() as u64) == Some(pending.pbn.0);
        let is_joined = continues && run.len() < RUN_BLOCKS && !pending.is_alone && !was_alone;
        if run.len() > 0 && !is_joined {
            break;
        }
        let Some(buffer) = buffer(pending) else { break };
        was_alone = pending.is_alone;
        run.push(Piece {
            task: *pending,
            buffer,
        });
    }
    (first, run.len())
}

/// Takes the first ones out; what is left moves to the front.
fn drop_front(list: &mut KVVec<Pending>, count: usize) {
    let count = count.min(list.len());
    if count > 0 {
        list.copy_within(count.., 0);
        list.truncate(list.len() - count);
    }
}
