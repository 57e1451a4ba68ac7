// SPDX-License-Identifier: GPL-2.0-only

//! Activation, suspension, removal.
//!
//! The hooks speak to the engine by events, like everything else, and wait here for its answers: they are
//! the only code of the target that waits, and wait for nothing but what the devices still have to return.

use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        atomic::Relaxed,
        ArcBorrow,
        Mutex, //
    }, //
};

use crate::{
    dm::Status,
    engine::{
        Activation,
        Event,
        Refusal,
        State,
        Uuid, //
    },
    kern::{
        random_bytes,
        random_u64,
        Gate,
        NoIo,
        Plain, //
    },
};

use super::Remap;

/// What the engine has answered to the hooks.
#[pin_data]
pub(crate) struct Answers {
    #[pin]
    activated: Gate,
    #[pin]
    suspended: Gate,
    #[pin]
    state: Mutex<AnswerState>,
}

/// Under `Answers::state`; a leaf lock.
struct AnswerState {
    activation: Result,
    /// The devices are read, rather than only used again.
    loading: bool,
    awaited: u32,
    clean: bool,
    noflush: bool,
}

impl Answers {
    /// Nothing asked, nothing answered.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            activated <- Gate::new(),
            suspended <- Gate::new(),
            state <- new_mutex!(
                AnswerState {
                    activation: Err(ENODEV),
                    loading: false,
                    awaited: 0,
                    clean: false,
                    noflush: false,
                },
                "dm_spare::answers"
            ),
        })
    }

    /// The engine has suspended. Called by the worker.
    pub(crate) fn suspended(&self, clean: bool) {
        let mut state = self.state.lock();
        state.clean = clean;
        state.awaited = state.awaited.saturating_sub(1);
        if state.awaited == 0 {
            self.suspended.open();
        }
    }

    fn expect_suspended(&self, noflush: bool) {
        let mut state = self.state.lock();
        state.noflush = noflush;
        state.awaited = state.awaited.saturating_add(1);
        self.suspended.close();
    }
}

impl Remap {
    /// Loads, recovers or formats the set; sleeps until that is done or has failed.
    pub(in crate::target) fn activate(this: ArcBorrow<'_, Self>) -> Result {
        // The device is suspended: whatever is allocated must not wait for I/O to it.
        let _noio = NoIo::enter();
        if let Err(error) = this.ownership.take() {
            pr_err!(
                "{}: spare device {} serves a spare target that is active: remove that one, or resume once more if it was this device's last table\n",
                this.name,
                this.spare.name()
            );
            return Err(error);
        }
        let result = this.ask_to_activate(this);
        // Whoever may still write keeps the spare: a load that goes on because only its caller was killed, and writes
        // that were given up but have not come back. The claim then ends with this target, after `tear_down`.
        let refused = this.core.lock().engine.snapshot().state == State::Refused;
        if result.is_err() && refused && this.bios.in_flight() == 0 {
            this.ownership.rest();
        }
        result
    }

    fn ask_to_activate(&self, this: ArcBorrow<'_, Self>) -> Result {
        let state = self.core.lock().engine.snapshot().state;
        match state {
            // Another target of the table failed to resume, or a suspension was given up.
            State::Active | State::Suspending => {
                self.core.lock().engine.handle(Event::Resume);
                self.worker.enqueue(this);
                return Ok(());
            }
            // An earlier call was killed while the devices were still being read.
            State::Loading => {}
            State::Inactive | State::Suspended | State::Refused => {
                self.answers.state.lock().loading = state != State::Suspended;
                let mut uuid_if_formatting = [0; 16];
                random_bytes(&mut uuid_if_formatting);
                self.answers.activated.close();
                self.core.lock().engine.handle(Event::Activate {
                    uuid_if_formatting,
                    nonce: random_u64(),
                });
                self.worker.enqueue(this);
            }
        }
        self.answers.activated.wait_killable()?;
        self.answers.state.lock().activation
    }

    /// The engine has activated, or refuses to. Called by the worker.
    pub(super) fn note_activated(&self, result: core::result::Result<Activation, Refusal>) {
        let outcome = match result {
            Ok(activation) => {
                if self.core.lock().engine.snapshot().remapped > 0 {
                    // What an earlier activation wrote to slots may still be in the spare's cache.
                    self.counters.spare_written.store(1, Relaxed);
                }
                let start = match (activation.formatted, activation.was_clean) {
                    (true, _) => ", newly formatted",
                    (false, true) => "",
                    (false, false) => ", recovered after an unclean stop",
                };
                if !self.answers.state.lock().loading {
                    // Only resumed: nothing was read that could be told of.
                    return self.answer_activation(Ok(()));
                }
                pr_info!(
                    "{}: set {} is active with {} metadata copies, tid {}{}\n",
                    self.name,
                    Plain(&Uuid(activation.uuid)),
                    activation.copies,
                    activation.tid,
                    start
                );
                Ok(())
            }
            Err(refusal) => {
                pr_err!("{}: {}\n", self.name, Plain(&refusal));
                self.events.raise();
                Err(if refusal.is_io_error() { EIO } else { EINVAL })
            }
        };
        self.answer_activation(outcome);
    }

    fn answer_activation(&self, outcome: Result) {
        self.answers.state.lock().activation = outcome;
        self.answers.activated.open();
    }

    /// Stops retries at once; on a noflush suspension returns every bio that waits. Does not wait.
    pub(in crate::target) fn begin_suspend(this: ArcBorrow<'_, Self>, noflush: bool) {
        this.ask_to_suspend(this, noflush);
    }

    /// The suspension was given up: everything goes on.
    pub(in crate::target) fn undo_suspend(this: ArcBorrow<'_, Self>) {
        this.core.lock().engine.handle(Event::Resume);
        this.worker.enqueue(this);
    }

    /// Commits what is left, writes the clean marker and waits for every own bio.
    pub(in crate::target) fn finish_suspend(this: ArcBorrow<'_, Self>) {
        let _noio = NoIo::enter();
        let noflush = this.answers.state.lock().noflush;
        // No user bio is in flight any more: this answer is the last word.
        this.ask_to_suspend(this, noflush);
        this.answers.suspended.wait();
        if !this.answers.state.lock().clean && !noflush {
            pr_warn!(
                "{}: suspended without a clean marker, the metadata will be recovered at the next start\n",
                this.name
            );
        }
        this.bios.wait_idle();
        this.ownership.rest();
    }

    fn ask_to_suspend(&self, this: ArcBorrow<'_, Self>, noflush: bool) {
        self.answers.expect_suspended(noflush);
        self.core.lock().engine.handle(Event::Suspend { noflush });
        self.worker.enqueue(this);
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
        this.checkpoint_timer.stop();
        this.window_timer.stop();
        this.bios.wait_idle();
        this.worker.drain();
        loop {
            let left = this.inbox.lock().next_held();
            let Some(bio) = left.or_else(|| this.core.lock().requests.remove_any()) else {
                break;
            };
            bio.complete(Status::IOERR);
        }
    }
}
