// SPDX-License-Identifier: GPL-2.0-only

//! A zone under a lock, with a work item for the ends of its I/O and for what nobody waits for.
//!
//! Whoever has requests or messages for the zone takes the lock and hands them in itself. Actions are performed while the
//! lock is held: none of them takes another lock but those of the mail and the inbox, and waiting for a bio of
//! the pool is waiting for a completion, which needs no more than these.

use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        ArcBorrow,
        Mutex, //
    },
};

use crate::{
    engine::index::{
        KeeperEvent,
        Request,
        Statistics,
        ToKeeper,
        ToZone,
        Zone,
        ZoneAction,
        ZoneEvent, //
    },
    kern::{
        error_limited,
        new_irq_lock,
        IrqLock,
        NoIo,
        Work,
        Worker, //
    },
};

use super::{
    mail::{
        Letter,
        Mail, //
    },
    storage::{
        Finished,
        Owner,
        Storage, //
    },
    triage::Triage,
    IndexUser, //
};

/// Entries of a closed chapter that enter the volume index at a time, so that requests come in between.
const STEPS: usize = 256;
/// Reads that no request waits for, with room to spare.
const BACKGROUND_READS: usize = 16;

/// What a zone of the driver is made of.
pub(super) struct ZoneParts<U: IndexUser> {
    pub(super) zone: KBox<Zone>,
    pub(super) number: u32,
    /// Requests that can wait at once, each for one read at most.
    pub(super) waiting: u32,
    pub(super) mail: Arc<Mail>,
    pub(super) storage: Arc<Storage<U>>,
    pub(super) user: Arc<U>,
}

#[pin_data]
pub(super) struct ZoneDriver<U: IndexUser> {
    worker: Worker<Self>,
    #[pin]
    inbox: IrqLock<KVec<Finished>>,
    #[pin]
    zone: Mutex<KBox<Zone>>,
    /// 1 once the index is being stopped: the worker does nothing any more.
    ending: Atomic<i32>,
    number: u32,
    mail: Arc<Mail>,
    storage: Arc<Storage<U>>,
    user: Arc<U>,
}

impl<U: IndexUser> ZoneDriver<U> {
    /// Makes the driver of a zone. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new(parts: ZoneParts<U>, name: &str) -> Result<Arc<Self>> {
        let ZoneParts {
            zone,
            number,
            waiting,
            mail,
            storage,
            user,
        } = parts;
        // CAST: 32 bits fit into a `usize` on every supported machine.
        let reads = (waiting as usize).saturating_add(BACKGROUND_READS);
        let inbox = KVec::with_capacity(reads, GFP_KERNEL)?;
        let worker = Worker::new(fmt!("index/{name}/{number}"))?;
        Arc::pin_init(
            pin_init!(Self {
                worker,
                inbox <- new_irq_lock!(inbox, "dm_spare::index_inbox"),
                zone <- new_mutex!(zone, "dm_spare::index_zone"),
                ending: Atomic::new(0),
                number,
                mail,
                storage,
                user,
            }),
            GFP_KERNEL,
        )
    }

    /// Hands requests in; how many of the first ones were taken. What hooks among them have led to goes to `triage`.
    /// Sleeps.
    pub(super) fn submit(
        this: ArcBorrow<'_, Self>,
        requests: &[Request],
        triage: &mut Triage,
    ) -> usize {
        let mut perform = Self::performer(this);
        let mut zone = this.zone.lock();
        zone.submit(requests, &mut |action| match action {
            ZoneAction::Tell(ToKeeper::Sparse(chapter)) => triage.add(chapter),
            action => perform(action),
        })
    }

    /// Hands a message in. Sleeps.
    pub(super) fn deliver(this: ArcBorrow<'_, Self>, message: ToZone) {
        let mut zone = this.zone.lock();
        zone.handle(ZoneEvent::Message(message), &mut Self::performer(this));
        drop(zone);
        // There may be something to do that nobody waits for.
        this.worker.enqueue(this);
    }

    /// A bio has ended. Any context.
    pub(super) fn finished(this: ArcBorrow<'_, Self>, finished: Finished) {
        if this.inbox.lock().push_within_capacity(finished).is_err() {
            error_limited!("a read of an index found no room, which is a bug of the module\n");
        }
        this.worker.enqueue(this);
    }

    /// Everything that the zone has counted, its memory, and how often chapters had to expire early. Sleeps.
    pub(super) fn statistics(&self) -> (Statistics, u64, u64) {
        let zone = self.zone.lock();
        (
            zone.statistics(),
            zone.memory_bytes(),
            zone.expired_early(),
        )
    }

    /// Has the worker begin nothing any more.
    pub(super) fn end(&self) {
        // ORDERING: draining the worker makes its next turn see it.
        self.ending.store(1, Relaxed);
        self.worker.drain();
    }

    /// Waits until the worker was seen idle; nobody may enqueue it meanwhile.
    pub(super) fn drain(&self) {
        self.worker.drain();
    }

    fn performer(this: ArcBorrow<'_, Self>) -> impl FnMut(ZoneAction) + '_ {
        move |action| match action {
            ZoneAction::Answer { request, answer } => this.user.answered(request, answer),
            ZoneAction::Io(io) => this.storage.begin(Owner::Zone(this.into()), io),
            ZoneAction::Tell(message) => {
                if matches!(message, ToKeeper::Closed { .. }) {
                    // The chapter enters the volume index.
                    this.worker.enqueue(this);
                }
                this.mail.post(Letter::Event(KeeperEvent::Message {
                    zone: this.number,
                    message,
                }));
            }
        }
    }

    fn read_done(this: ArcBorrow<'_, Self>, finished: Finished) {
        let Some(done) = this.storage.go_on(|| Owner::Zone(this.into()), finished) else {
            return;
        };
        let event = ZoneEvent::Done {
            token: done.token,
            result: done.result,
            memory: done.memory,
        };
        let mut zone = this.zone.lock();
        zone.handle(event, &mut Self::performer(this));
    }
}

impl<U: IndexUser> Work for ZoneDriver<U> {
    fn run(this: ArcBorrow<'_, Self>) {
        let _noio = NoIo::enter();
        while this.ending.load(Relaxed) == 0 {
            let finished = this.inbox.lock().pop();
            if let Some(finished) = finished {
                Self::read_done(this, finished);
                continue;
            }
            let mut zone = this.zone.lock();
            let more = zone.background(STEPS, &mut Self::performer(this));
            drop(zone);
            if more {
                this.worker.enqueue(this);
            }
            break;
        }
    }
}
