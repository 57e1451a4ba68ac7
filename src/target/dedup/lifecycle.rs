// SPDX-License-Identifier: GPL-2.0-only

//! Activation, suspension, removal.
//!
//! The hooks leave orders for the worker and wait here for the answers: they are the only code of the target that
//! waits, and wait for nothing but what the devices still have to return.

use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        atomic::Relaxed,
        ArcBorrow,
        Mutex, //
    },
};

use crate::{
    dm::Status,
    engine::{
        dedup::{
            Activation,
            Refusal, //
        },
        Uuid, //
    },
    kern::{
        random_bytes,
        Gate,
        NoIo,
        Plain, //
    },
};

use super::{
    construct::make_volume,
    shell::Shell,
    Dedup, //
};

/// What the worker has answered to the hooks.
#[pin_data]
pub(super) struct Answers {
    #[pin]
    is_activated: Gate,
    #[pin]
    is_suspended: Gate,
    #[pin]
    state: Mutex<AnswerState>,
}

/// How far the volume has been brought.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Inactive,
    Activating,
    Active,
    Suspended,
    Refused,
}

/// Under `Answers::state`; a leaf lock.
struct AnswerState {
    phase: Phase,
    activation: Result,
    /// The legs were blank, and have been formatted.
    formatted: bool,
    /// The index was asked to come into service.
    index_is_asked: bool,
    is_clean: bool,
}

impl Answers {
    /// Nothing asked, nothing answered.
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            is_activated <- Gate::new(),
            is_suspended <- Gate::new(),
            state <- new_mutex!(
                AnswerState {
                    phase: Phase::Inactive,
                    activation: Err(ENODEV),
                    formatted: false,
                    index_is_asked: false,
                    is_clean: false,
                },
                "dm_spare::dedup_answers"
            ),
        })
    }

    /// The volume has come to rest. Called by the worker.
    pub(super) fn suspended(&self, is_clean: bool) {
        self.state.lock().is_clean = is_clean;
        self.is_suspended.open();
    }

    fn activated(&self, result: Result, formatted: bool) {
        let mut state = self.state.lock();
        state.phase = match result {
            Ok(()) => Phase::Active,
            Err(_) => Phase::Refused,
        };
        state.activation = result;
        state.formatted |= formatted;
        self.is_activated.open();
    }
}

impl Dedup {
    /// Loads, recovers or formats the volume; sleeps until that is done or has failed.
    pub(in crate::target) fn activate(this: ArcBorrow<'_, Self>) -> Result {
        // The device is suspended: whatever is allocated must not wait for I/O to it.
        let _noio = NoIo::enter();
        for (ownership, device) in this.ownerships() {
            if let Err(error) = ownership.take() {
                pr_err!(
                    "{}: device {} serves a spare target that is active: remove that one, or resume once more if it was this device's last table\n",
                    this.name,
                    device.name()
                );
                this.rest();
                return Err(error);
            }
        }
        let result = this.ask_to_activate(this);
        // Whoever may still write keeps the devices: a load that goes on because only its caller was killed.
        let is_refused = this.answers.state.lock().phase == Phase::Refused;
        if result.is_err() && is_refused {
            // The volume has refused when everything had ended; the last bio may not have been put away yet.
            this.bios.wait_idle();
            this.rest();
        }
        result
    }

    fn ask_to_activate(&self, this: ArcBorrow<'_, Self>) -> Result {
        let phase = self.answers.state.lock().phase;
        match phase {
            // Another target of the table failed to resume.
            Phase::Active => return Self::go_on(this),
            Phase::Suspended => {
                self.answers.state.lock().phase = Phase::Active;
                self.inbox.lock().orders.resume = true;
                self.worker.enqueue(this);
                return Self::go_on(this);
            }
            // An earlier call was killed while the devices were still being read.
            Phase::Activating => {}
            Phase::Inactive | Phase::Refused => {
                if phase == Phase::Refused {
                    // A volume that was refused stays so; what lies on the devices may be another now.
                    let fresh = make_volume(self.settings, self.translations.clone())?;
                    self.core.lock().volume = fresh;
                }
                let mut uuid = [0; 16];
                let mut secret = [0; 16];
                random_bytes(&mut uuid);
                random_bytes(&mut secret);
                self.answers.is_activated.close();
                self.answers.state.lock().phase = Phase::Activating;
                self.inbox.lock().orders.activate = Some((uuid, secret));
                self.worker.enqueue(this);
            }
        }
        self.answers.is_activated.wait_killable()?;
        let activation = self.answers.state.lock().activation;
        activation?;
        Self::go_on(this)
    }

    /// The volume is in service: so may the index be.
    fn go_on(this: ArcBorrow<'_, Self>) -> Result {
        let mut state = this.answers.state.lock();
        let formatted = state.formatted;
        let is_asked = core::mem::replace(&mut state.index_is_asked, true);
        drop(state);
        if let (Some(adviser), true) = (&this.adviser, is_asked) {
            // Nothing, unless it was suspended.
            adviser.index.resume();
        }
        Self::open_index(this, formatted)
    }

    /// The volume is in service, or refused. Called by the worker.
    pub(super) fn note_activated(
        &self,
        shell: &mut Shell,
        result: core::result::Result<Activation, Refusal>,
    ) {
        let formatted = matches!(&result, Ok(activation) if activation.formatted);
        let outcome = match result {
            Ok(activation) => {
                shell.secret = activation.secret;
                self.arrivals.lock().set_secret(activation.secret);
                let mut snapshot = self.snapshot.lock();
                snapshot.uuid = activation.uuid;
                snapshot.is_refused = false;
                drop(snapshot);
                let start = match (activation.formatted, activation.was_clean) {
                    (true, _) => "newly formatted",
                    (false, true) => "suspended cleanly before",
                    (false, false) => "recovered after an unclean stop",
                };
                pr_info!(
                    "{}: volume {} is active, {}, {} journal blocks replayed\n",
                    self.name,
                    Plain(&Uuid(activation.uuid)),
                    start,
                    activation.replayed
                );
                Ok(())
            }
            Err(refusal) => {
                pr_err!("{}: {}\n", self.name, Plain(&refusal));
                self.snapshot.lock().is_refused = true;
                Err(if matches!(refusal, Refusal::Io(_)) {
                    EIO
                } else {
                    EINVAL
                })
            }
        };
        self.answers.activated(outcome, formatted);
    }

    /// A write of metadata has failed. Called by the worker.
    pub(super) fn note_read_only(&self) {
        pr_err!(
            "{}: metadata cannot be written: the volume is read-only from now on, what was not committed is lost\n",
            self.name
        );
    }

    /// On a noflush suspension, bios that the volume has not seen go back. Does not wait.
    pub(in crate::target) fn begin_suspend(this: ArcBorrow<'_, Self>, noflush: bool) {
        if noflush {
            this.returning.store(1, Relaxed);
            this.worker.enqueue(this);
        }
    }

    /// The suspension was given up: everything goes on.
    pub(in crate::target) fn undo_suspend(&self) {
        self.returning.store(0, Relaxed);
    }

    /// Commits, makes a checkpoint that is marked clean, and waits for every own bio.
    ///
    /// So also without a flush: what was acknowledged has to be there for the next table.
    pub(in crate::target) fn finish_suspend(this: ArcBorrow<'_, Self>) {
        let _noio = NoIo::enter();
        this.returning.store(0, Relaxed);
        let is_active = this.answers.state.lock().phase == Phase::Active;
        if is_active {
            this.answers.is_suspended.close();
            // No user bio is in flight any more.
            this.inbox.lock().orders.suspend = true;
            this.worker.enqueue(this);
            this.answers.is_suspended.wait();
            let mut state = this.answers.state.lock();
            state.phase = Phase::Suspended;
            if !state.is_clean {
                pr_warn!(
                    "{}: suspended without a clean mark, the volume will be recovered at the next start\n",
                    this.name
                );
            }
        }
        let is_asked = this.answers.state.lock().index_is_asked;
        if let (Some(adviser), true) = (&this.adviser, is_asked) {
            adviser.index.suspend(true);
        }
        this.bios.wait_idle();
        this.parts.wait_idle();
        this.rest();
    }

    fn rest(&self) {
        for (ownership, _) in self.ownerships() {
            ownership.rest();
        }
    }

    /// Stops everything that could still run; afterwards nothing of this target is left but its memory.
    pub(in crate::target) fn tear_down(this: ArcBorrow<'_, Self>) {
        let _noio = NoIo::enter();
        // A table that was suspended is at rest already. One whose activation was killed, or that never got its
        // resume, is not: it is stopped where it is. Once the running pass has ended no action is performed any more,
        // so what is in flight then is all there is.
        //
        // ORDERING: the drain that follows makes the next pass see it.
        this.ending.store(1, Relaxed);
        this.worker.drain();
        this.commit_timer.stop();
        if let Some(adviser) = &this.adviser {
            adviser.index.stop();
            adviser.mailbox.wake(None);
        }
        this.bios.wait_idle();
        this.parts.wait_idle();
        this.worker.drain();
        let mut core = this.core.lock();
        let shell = &mut core.shell;
        shell.welcome(&this);
        loop {
            let left = shell.waiting.pop();
            let Some(bio) = left.or_else(|| shell.requests.remove_any_bio()) else {
                break;
            };
            bio.complete(Status::IOERR);
        }
    }
}
