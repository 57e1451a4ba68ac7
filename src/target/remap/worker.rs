// SPDX-License-Identifier: GPL-2.0-only

//! The worker: turns what is in the inbox into events for the engine, and performs the engine's actions.
//!
//! One work item on the target's own queue; it never runs twice at once and never waits for a bio. Actions are
//! taken out of the engine one at a time, under the lock, and performed without it.

use core::{
    iter,
    ops::Range, //
};

use kernel::{
    prelude::*,
    sync::{
        atomic::Relaxed,
        Arc,
        ArcBorrow, //
    },
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

use crate::{
    dm::{
        Device,
        HeldBio,
        Operation as BioOperation,
        Status, //
    },
    engine::{
        self,
        Action,
        Buffer,
        Engine,
        ErrorClass,
        Event,
        Io,
        Leg,
        Notice,
        Operation,
        RequestId,
        Token, //
    },
    kern::{
        error_limited,
        info_limited,
        warn_limited,
        GracePeriods,
        NoIo,
        OwnIo,
        Plain,
        Work, //
    },
};

use crate::target::Spare;

use super::{
    end_io::is_media,
    inbox::Finished,
    requests::Requests,
    Remap, //
};

/// What the worker and the status calls share, under `Remap::core`.
pub(crate) struct Core {
    /// Decides everything. In memory of its own, so that nobody has it on the stack.
    pub(crate) engine: KBox<Engine>,
    /// The held bios that the engine knows.
    pub(crate) requests: Requests,
    /// The waits for bios that are on their way below.
    pub(crate) grace_periods: GracePeriods,
}

/// The context of an own bio: whose it is, and the engine's name for it.
pub(crate) struct OwnBio {
    target: Arc<Remap>,
    token: Token,
}

impl OwnIo for OwnBio {
    type Buffer = Buffer;

    fn pieces(buffer: &mut Buffer) -> impl Iterator<Item = &mut [u8]> {
        iter::once(buffer.0.as_mut_slice())
    }

    fn completed(self, status: Status, buffer: Option<Buffer>) {
        let finished = Finished {
            token: self.token,
            result: class_of(status),
            buffer,
        };
        let refused = self.target.inbox.lock().finish(finished);
        if refused.is_err() {
            error_limited!(
                "{}: the result of an own bio found no room, which is a bug of the module\n",
                self.target.name
            );
        }
        self.target.worker.enqueue(self.target.as_arc_borrow());
    }
}

impl Work for Remap {
    fn run(this: ArcBorrow<'_, Self>) {
        // Whatever is allocated below must not wait for I/O: it may be I/O to this very device.
        let _noio = NoIo::enter();
        while this.ending.load(Relaxed) == 0 {
            this.empty_inbox();
            let Some(action) = this.core.lock().engine.poll() else {
                break;
            };
            Self::perform(this, action);
        }
    }

    fn timer_expired(this: ArcBorrow<'_, Self>, ticket: u32) {
        if this.ending.load(Relaxed) != 0 {
            return;
        }
        this.core.lock().engine.handle(Event::Timer { ticket });
        this.worker.enqueue(this);
    }
}

impl Remap {
    /// Hands everything in the inbox to the engine, bios only as far as it has room for them.
    fn empty_inbox(&self) {
        loop {
            let event = self.inbox.lock().next_event();
            match event {
                Some(event) => self.core.lock().engine.handle(event),
                None => break,
            }
        }
        let mut core = self.core.lock();
        while let Some(ticket) = core.grace_periods.poll(&self.epoch) {
            core.engine.handle(Event::Quiesced { ticket });
        }
        if core.engine.has_room() {
            if let Some(order) = self.orders.next() {
                // There is room, as was just seen under the same lock.
                let _ = core.engine.accept(order);
            }
        }
        while core.engine.has_room() {
            let Some(bio) = self.inbox.lock().next_held() else {
                break;
            };
            let request = match core.requests.insert(bio) {
                Ok(request) => request,
                Err(bio) => {
                    self.inbox.lock().hold(bio);
                    break;
                }
            };
            if let Err(request) = core.engine.accept(request) {
                if let Some(bio) = core.requests.remove(request.id) {
                    self.inbox.lock().hold(bio);
                }
                break;
            }
        }
    }

    /// Performs one action. Called by the worker only, with no lock held.
    fn perform(this: ArcBorrow<'_, Self>, action: Action) {
        match action {
            Action::Io(io) => Self::perform_io(this, io),
            Action::Quiesce { ticket } => {
                // The next pass of the loop in `run` polls for it.
                if this.core.lock().grace_periods.ask(ticket).is_err() {
                    error_limited!(
                        "{}: no ticket is left for a grace period, which is a bug of the module\n",
                        this.name
                    );
                }
            }
            Action::ArmTimer {
                timer,
                ticket,
                milliseconds,
            } => {
                let timer = match timer {
                    engine::Timer::Commit => &this.commit_timer,
                    engine::Timer::Checkpoint => &this.checkpoint_timer,
                    engine::Timer::ErrorWindow => &this.window_timer,
                };
                timer.arm(this, ticket, milliseconds);
            }
            Action::Complete { request, result } => {
                if let Some(bio) = this.take_request(request) {
                    bio.complete(status_of(result));
                }
            }
            // Only one order is ever with the engine.
            Action::Answered {
                request: _,
                outcome,
                result,
            } => this.order_answered(outcome, result),
            Action::Resubmit { request } => {
                if let Some(bio) = this.take_request(request) {
                    Self::resubmit(this, bio);
                }
            }
            Action::Requeue { request } => {
                if let Some(bio) = this.take_request(request) {
                    Self::requeue(this, bio);
                }
            }
            Action::Activated(result) => this.note_activated(result),
            Action::Suspended { clean } => this.answers.suspended(clean),
            Action::Notice(notice) => this.tell(notice),
        }
    }

    /// Gives a bio back to device-mapper, if it still takes it: a suspension that is given up ends that before we hear
    /// of it. Then the bio goes on waiting here, for as long as that takes.
    fn requeue(this: ArcBorrow<'_, Self>, bio: HeldBio<Spare>) {
        if let Err(bio) = bio.requeue() {
            fsleep(Delta::from_millis(1));
            Self::put_into_inbox(this, bio);
        }
    }

    /// Logs a notice and raises the event that it asks for.
    fn tell(&self, notice: Notice) {
        // What happens block by block must not drown what happens once: each kind has a rate limit of its own.
        match notice {
            Notice::Remapped { .. }
            | Notice::Poisoned { .. }
            | Notice::Healed { .. }
            | Notice::Returned { .. } => {
                info_limited!("{}: {}\n", self.name, Plain(&notice));
            }
            Notice::SlotsLow { .. } | Notice::SlotsExhausted | Notice::SlotFailed { .. } => {
                warn_limited!("{}: {}\n", self.name, Plain(&notice));
            }
            _ => pr_warn!("{}: {}\n", self.name, Plain(&notice)),
        }
        if notice.is_event() {
            self.events.raise();
        }
    }

    fn take_request(&self, request: RequestId) -> Option<HeldBio<Spare>> {
        self.core.lock().requests.remove(request)
    }

    fn perform_io(this: ArcBorrow<'_, Self>, io: Io) {
        let context = OwnBio {
            target: this.into(),
            token: io.token,
        };
        match (io.operation, io.buffer) {
            (
                Operation::Read {
                    leg,
                    sector,
                    sectors,
                    within,
                },
                Some(buffer),
            ) => {
                let device = this.leg(leg);
                this.bios
                    .read(device, sector, buffer, range(within, sectors), context);
            }
            (
                Operation::Write {
                    leg,
                    sector,
                    sectors,
                    within,
                    fua,
                },
                Some(buffer),
            ) => {
                let device = this.leg(leg);
                let within = range(within, sectors);
                if leg == Leg::Spare {
                    // It may be a user's data, put into a slot in place.
                    this.note_spare_write();
                }
                this.bios
                    .write(device, sector, buffer, within, fua, context);
            }
            (Operation::Flush { leg }, _) => this.bios.flush(this.leg(leg), context),
            (operation, buffer) => this.copy(operation, io.token, buffer),
        }
    }

    /// Copies between a held bio and a buffer, and answers at once.
    fn copy(&self, operation: Operation, token: Token, mut buffer: Option<Buffer>) {
        let mut core = self.core.lock();
        let result = match (operation, buffer.as_mut()) {
            (
                Operation::Gather {
                    request,
                    skip,
                    sectors,
                    within,
                },
                Some(buffer),
            ) => match (
                core.requests.get(request),
                buffer.0.get_mut(bytes(within, sectors)),
            ) {
                (Some(bio), Some(target)) => gather(bio, skip, target),
                _ => Err(EINVAL),
            },
            (
                Operation::Scatter {
                    request,
                    skip,
                    sectors,
                    within,
                },
                Some(buffer),
            ) => match (
                core.requests.get(request),
                buffer.0.get(bytes(within, sectors)),
            ) {
                (Some(bio), Some(source)) => bio.copy_to_bio(skip, source),
                _ => Err(EINVAL),
            },
            _ => Err(EINVAL),
        };
        if result.is_err() {
            error_limited!(
                "{}: a copy out of its bounds was asked for, which is a bug of the module\n",
                self.name
            );
        }
        let result = result.map_err(|_| ErrorClass::Other(Status::INVALID.raw()));
        core.engine.handle(Event::Done {
            token,
            result,
            buffer,
        });
    }

    fn leg(&self, leg: Leg) -> &Device {
        match leg {
            Leg::Main => &self.main,
            Leg::Spare => &self.spare,
        }
    }
}

fn gather(bio: &HeldBio<Spare>, skip: u32, target: &mut [u8]) -> Result {
    if bio.operation() == BioOperation::WriteZeroes {
        target.fill(0);
        return Ok(());
    }
    bio.copy_from_bio(skip, target)
}

/// Sectors inside a buffer.
fn range(within: u32, sectors: u32) -> Range<u32> {
    within..within.saturating_add(sectors)
}

/// Bytes inside a buffer. The engine speaks of at most eight sectors; what lies outside is refused by the slice.
fn bytes(within: u32, sectors: u32) -> Range<usize> {
    let byte = |sector: u32| (sector as usize).saturating_mul(engine::SECTOR_BYTES);
    byte(within)..byte(within.saturating_add(sectors))
}

/// The engine's words for the outcome of an own bio.
fn class_of(status: Status) -> Result<(), ErrorClass> {
    if status.is_ok() {
        Ok(())
    } else if is_media(status) {
        Err(ErrorClass::Media)
    } else {
        Err(ErrorClass::Other(status.raw()))
    }
}

/// What the user is told. Lost data and a spare that takes no metadata are both EIO.
fn status_of(result: Result<(), ErrorClass>) -> Status {
    match result {
        Ok(()) => Status::OK,
        Err(ErrorClass::Media | ErrorClass::Metadata) => Status::IOERR,
        Err(ErrorClass::Other(raw)) => Status::from_raw(raw),
    }
}
