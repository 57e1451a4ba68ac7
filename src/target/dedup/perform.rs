// SPDX-License-Identifier: GPL-2.0-only

//! The engine's actions are performed: I/O is sent, users' bios end. Called by the worker, while the volume is at work.

use kernel::{
    prelude::*,
    sync::ArcBorrow, //
};

use crate::{
    dm::{
        Device,
        Status, //
    },
    engine::{
        dedup::{
            Action,
            Event,
            Failure,
            Io,
            IoKind,
            Leg,
            OperationId,
            Pbn,
            RequestId, //
        },
        ErrorClass,
        BLOCK_BYTES,
        SECTORS_PER_BLOCK, //
    },
    kern::error_limited,
};

use super::{
    check::Check,
    own_io::{
        Memory,
        OwnBio,
        Purpose,
        ReadPart, //
    },
    shell::{
        Pending,
        Shell, //
    },
    Dedup, //
};

/// Sectors of a block.
pub(super) const SECTORS: u32 = 8;
const _: () = assert!(SECTORS as u64 == SECTORS_PER_BLOCK);

static ZEROS: [u8; BLOCK_BYTES] = [0; BLOCK_BYTES];

impl Dedup {
    /// Performs one action.
    pub(super) fn perform(this: ArcBorrow<'_, Self>, shell: &mut Shell, action: Action) {
        match action {
            Action::Io(io) => Self::perform_io(this, io),
            Action::Ask {
                operation,
                fingerprint,
            } => this.ask(shell, operation, fingerprint),
            Action::Learn { fingerprint, pbn } => this.learn(shell, fingerprint, pbn),
            Action::Compare {
                operation,
                request,
                pbn,
            } => {
                let comparison = Pending {
                    operation,
                    request,
                    pbn,
                    is_alone: false,
                };
                this.compare(shell, comparison);
            }
            Action::CompareWrites {
                operation,
                request,
                other,
            } => match shell.requests.compare(request, other) {
                Some(equal) => shell.answer(Event::Compared {
                    operation,
                    result: Ok(equal),
                }),
                None => shell.requests.follow(request, other, operation),
            },
            Action::WriteData {
                operation,
                request,
                pbn,
            } => {
                shell.recent.forget(pbn);
                // There is room for one of each request.
                let _ = shell.writes.push_within_capacity(Pending {
                    operation,
                    request,
                    pbn,
                    is_alone: false,
                });
            }
            Action::ReadData {
                operation,
                request,
                at,
                pbn,
                blocks,
            } => Self::read_data(this, shell, (operation, request), at, pbn, blocks),
            Action::ReadChecked {
                operation,
                request,
                at,
                pbn,
                fingerprint,
            } => shell.checks.add(Check {
                operation,
                request,
                at,
                pbn,
                fingerprint,
                is_alone: false,
            }),
            Action::ReadZeros {
                request,
                at,
                blocks,
            } => shell.read_zeros(request, at, blocks),
            Action::AwaitReaders => {
                // There is one at a time, and room for it.
                let _ = shell.grace_periods.ask(0);
            }
            Action::Complete { request, result } => this.complete(shell, request, result),
            Action::Activated(result) => this.note_activated(shell, result),
            Action::Suspended { clean } => this.answers.suspended(clean),
            Action::BecameReadOnly => this.note_read_only(),
        }
    }

    fn perform_io(this: ArcBorrow<'_, Self>, io: Io) {
        let leg = match io.kind {
            IoKind::Read { leg, .. } | IoKind::Write { leg, .. } | IoKind::Flush { leg } => leg,
        };
        let context = OwnBio {
            target: this.into(),
            purpose: Purpose::Metadata(io.token),
            leg,
        };
        let device = this.leg(leg);
        match (io.kind, io.buffer) {
            (IoKind::Read { block, .. }, Some(buffer)) => {
                let memory = Memory::Block(buffer);
                this.bios
                    .read(device, sector(block), memory, 0..SECTORS, context);
            }
            (IoKind::Write { block, fua, .. }, Some(buffer)) => {
                let memory = Memory::Block(buffer);
                this.bios
                    .write(device, sector(block), memory, 0..SECTORS, fua, context);
            }
            (IoKind::Flush { .. }, _) => this.bios.flush(device, context),
            // Nothing that the engine asks for.
            (_, None) => {
                use crate::kern::OwnIo;
                context.completed(Status::INVALID, None);
            }
        }
    }

    pub(super) fn leg(&self, leg: Leg) -> &Device {
        match leg {
            Leg::Main => &self.main,
            Leg::Spare => &self.spare,
        }
    }

    /// Sends a read of neighbours to main, straight into the user's pages.
    fn read_data(
        this: ArcBorrow<'_, Self>,
        shell: &mut Shell,
        (operation, request): (OperationId, RequestId),
        at: u64,
        pbn: Pbn,
        blocks: u64,
    ) {
        let is_whole = shell
            .requests
            .get(request)
            .is_some_and(|place| at == 0 && place.blocks == blocks);
        let place = shell.requests.bio_of(request);
        if is_whole {
            if let Some(mut bio) = place.and_then(|place| place.bio.take()) {
                // It ends by itself; see `end_bio`.
                bio.per_bio_mut().dedup.read = Some(operation);
                this.counters.whole_reads.count();
                return bio.submit_to(this.leg(Leg::Main), sector(pbn.0));
            }
        } else if let Some(bio) = place.and_then(|place| place.bio.as_mut()) {
            let context = ReadPart {
                target: this.into(),
                operation,
            };
            let first = at.saturating_mul(SECTORS_PER_BLOCK);
            let end = at.saturating_add(blocks).saturating_mul(SECTORS_PER_BLOCK);
            let clip = |sector: u64| u32::try_from(sector).unwrap_or(u32::MAX);
            this.counters.part_reads.count();
            return bio.submit_part(
                &this.parts,
                this.leg(Leg::Main),
                sector(pbn.0),
                clip(first)..clip(end),
                context,
            );
        }
        // A read that the shell does not know.
        shell.answer(Event::DataRead {
            operation,
            result: Err(ErrorClass::Other(Status::INVALID.raw())),
        });
    }

    /// A request is done: so may its bio be.
    fn complete(
        &self,
        shell: &mut Shell,
        request: RequestId,
        result: core::result::Result<(), Failure>,
    ) {
        if request == super::message::COMMIT {
            return self.commits.answered(result.is_ok());
        }
        let Some(place) = shell.requests.remove(request) else {
            return error_limited!(
                "{}: a request ended twice, which is a bug of the module\n",
                self.name
            );
        };
        let buffer = match (place.buffer, place.written) {
            (Some(buffer), Some(pbn)) => Some(shell.recent.keep(pbn, buffer)),
            (buffer, _) => buffer,
        };
        shell.give_back(buffer);
        shell.changed |= place.changes;
        let Some(number) = place.bio else {
            return;
        };
        if let Some(bio) = shell.requests.bio(number) {
            bio.left = bio.left.saturating_sub(1);
            if let (Err(failure), true) = (result, bio.status.is_ok()) {
                bio.status = status_of(failure);
            }
        }
        shell.end_if_done(number);
    }
}

impl Shell {
    fn read_zeros(&mut self, request: RequestId, at: u64, blocks: u64) {
        let Some(place) = self.requests.bio_of(request) else {
            return;
        };
        let Some(bio) = place.bio.as_mut() else {
            return;
        };
        for block in at..at.saturating_add(blocks) {
            let skip = u32::try_from(block.saturating_mul(SECTORS_PER_BLOCK));
            let filled = skip.map_err(|_| EINVAL);
            if filled
                .and_then(|skip| bio.copy_to_bio(skip, &ZEROS))
                .is_err()
            {
                place.status = Status::INVALID;
            }
        }
    }
}

/// The first sector of a block of a leg.
pub(super) fn sector(block: u64) -> u64 {
    block.saturating_mul(SECTORS_PER_BLOCK)
}

/// What the user is told.
fn status_of(failure: Failure) -> Status {
    match failure {
        Failure::Data(ErrorClass::Other(raw)) => Status::from_raw(raw),
        Failure::NoSpace => Status::NOSPC,
        Failure::Data(_)
        | Failure::Mismatch
        | Failure::Damaged
        | Failure::ReadOnly
        | Failure::Invalid => Status::IOERR,
    }
}
