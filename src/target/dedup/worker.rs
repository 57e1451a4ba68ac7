// SPDX-License-Identifier: GPL-2.0-only

//! The worker: turns what is in the inbox into events for the volume, and performs what the volume asks for.
//!
//! One work item on the target's own queue; it never runs twice at once, and waits for nothing but a bio of the pools
//! and what a device makes whoever sends it a bio wait for: neither needs the worker. The volume is the worker's alone,
//! so nothing else waits while it works.

use kernel::sync::{
    atomic::Relaxed,
    ArcBorrow, //
};

use crate::{
    engine::dedup::{
        Event,
        Request,
        RequestKind, //
    },
    kern::{
        NoIo,
        Work, //
    },
};

use super::{
    inbox::{
        Finished,
        Orders, //
    },
    shell::Core,
    Dedup, //
};

/// Turns after which the thread is given back for a moment.
const TURNS: u32 = 32;

impl Work for Dedup {
    fn run(this: ArcBorrow<'_, Self>) {
        // Whatever is allocated below must not wait for I/O: it may be I/O to this very device.
        let _noio = NoIo::enter();
        let mut core = this.core.lock();
        for _ in 0..TURNS {
            if this.ending.load(Relaxed) != 0 {
                return;
            }
            let is_busy = Self::turn(this, &mut core);
            if core.shell.changed && !core.shell.timer_is_armed {
                core.shell.changed = false;
                core.shell.timer_is_armed = true;
                this.commit_timer.arm(this, 0, this.options.commit_ms);
            }
            this.publish(&core.volume);
            if !is_busy {
                return;
            }
        }
        this.worker.enqueue(this);
    }

    fn timer_expired(this: ArcBorrow<'_, Self>, _ticket: u32) {
        this.inbox.lock().orders.commit = true;
        this.worker.enqueue(this);
    }
}

impl Dedup {
    /// Takes everything that waits one step further; whether there was anything.
    fn turn(this: ArcBorrow<'_, Self>, core: &mut Core) -> bool {
        core.shell.welcome(&this);
        let mut tray = core::mem::take(&mut core.shell.tray);
        let orders = this.inbox.lock().collect(&mut tray);
        let mut is_busy = !tray.is_empty();
        is_busy |= Self::obey(this, core, orders);
        for finished in tray.drain_all() {
            Self::deliver(this, core, finished);
        }
        core.shell.tray = tray;
        // ORDERING: whoever sets it enqueues the worker afterwards.
        if this.returning.load(Relaxed) != 0 {
            core.shell.return_waiting();
        }
        is_busy |= Self::admit(this, core);
        // The oldest first, so that what is written side by side is given blocks side by side.
        core.shell.feedback.reverse();
        while let Some(event) = core.shell.feedback.pop() {
            is_busy = true;
            Self::tell(this, core, event);
        }
        is_busy |= Self::consult(this, core);
        if core.shell.grace_periods.poll(&this.epoch).is_some() {
            is_busy = true;
            Self::tell(this, core, Event::ReadersGone);
        }
        Self::send_comparisons(this, &mut core.shell);
        Self::send_writes(this, &mut core.shell);
        Self::send_checks(this, &mut core.shell);
        is_busy || !core.shell.feedback.is_empty()
    }

    /// Tells the volume something.
    pub(super) fn tell(this: ArcBorrow<'_, Self>, core: &mut Core, event: Event) {
        let Core { volume, shell } = core;
        volume.handle(event, &mut |action| Self::perform(this, shell, action));
    }

    /// Does what hooks and messages want; whether there was anything.
    fn obey(this: ArcBorrow<'_, Self>, core: &mut Core, orders: Orders) -> bool {
        let Orders {
            activate,
            suspend,
            resume,
            commit,
            flush,
        } = orders;
        if let Some((uuid_if_formatting, secret_if_formatting)) = activate {
            let event = Event::Activate {
                uuid_if_formatting,
                secret_if_formatting,
            };
            Self::tell(this, core, event);
        }
        if resume {
            Self::tell(this, core, Event::Resume);
        }
        if commit {
            core.shell.timer_is_armed = false;
            Self::tell(this, core, Event::Commit);
        }
        if flush {
            let request = Request {
                id: super::message::COMMIT,
                kind: RequestKind::Flush,
            };
            Self::tell(this, core, Event::Request(request));
        }
        if suspend {
            Self::tell(this, core, Event::Suspend);
        }
        activate.is_some() || resume || commit || flush || suspend
    }

    fn deliver(this: ArcBorrow<'_, Self>, core: &mut Core, finished: Finished) {
        match finished {
            Finished::Metadata {
                token,
                result,
                buffer,
            } => {
                let event = Event::Done {
                    token,
                    result,
                    buffer,
                };
                Self::tell(this, core, event);
            }
            Finished::Compared {
                result,
                run: Some(run),
            } => Self::end_comparisons(this, core, result, run),
            Finished::Written {
                result,
                run: Some(run),
            } => Self::end_writes(this, core, result, run),
            Finished::Checked {
                result,
                run: Some(run),
            } => Self::end_checks(this, core, result, run),
            // The memory always comes back with the bio.
            Finished::Compared { run: None, .. }
            | Finished::Written { run: None, .. }
            | Finished::Checked { run: None, .. } => {}
            Finished::Read { operation, result } => {
                Self::tell(this, core, Event::DataRead { operation, result });
            }
        }
    }
}
