// SPDX-License-Identifier: GPL-2.0-only

//! The index is asked where content may be, and told where it is. Without one, or when it does not serve, the volume goes on
//! and finds less.

use kernel::{
    alloc::KVVec,
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        ArcBorrow,
        SpinLock, //
    },
};

use crate::{
    engine::{
        dedup::{
            Event,
            Fingerprint,
            OperationId,
            Pbn, //
        },
        index::{
            self,
            Answer,
            Data,
            Name,
            OpenError,
            OpenMode,
            Request,
            RequestId,
            RequestKind, //
        },
    },
    target::index::{
        Index,
        IndexState,
        IndexUser, //
    },
};

use super::{
    shell::{
        Core,
        Shell,
        REQUESTS, //
    },
    Dedup, //
};

/// Records that the index can be told of at once.
const LEARNS: u32 = 1024;
/// Numbers of requests from here on are such records; lower ones are operations of the volume that ask.
const FIRST_LEARN: u32 = REQUESTS + 1;
/// Zones of the index: one, since one worker asks.
pub(super) const ZONES: u32 = 1;
/// Requests that can wait in the zone.
pub(super) const WAITING: u32 = REQUESTS;

/// What the worker has for the index.
pub(super) struct Questions {
    /// What is to be handed in, in this order.
    pending: KVVec<Request>,
    free_learns: KVVec<u32>,
    /// Exchanged for the answers in the mailbox.
    tray: KVVec<(RequestId, Option<Pbn>)>,
}

impl Questions {
    /// Room for all that can be asked and told at once.
    pub(super) fn new() -> Result<Self> {
        // CAST: 32 bits fit into a `usize` on every supported machine.
        let count = (FIRST_LEARN + LEARNS) as usize;
        let mut free_learns = KVVec::with_capacity(LEARNS as usize, GFP_KERNEL)?;
        for number in 0..LEARNS {
            free_learns.push(FIRST_LEARN + number, GFP_KERNEL)?;
        }
        Ok(Self {
            pending: KVVec::with_capacity(count, GFP_KERNEL)?,
            free_learns,
            tray: KVVec::with_capacity(count, GFP_KERNEL)?,
        })
    }

    fn ask(&mut self, operation: OperationId, fingerprint: Fingerprint) {
        // There is room for one of each operation.
        let _ = self.pending.push_within_capacity(Request {
            id: RequestId(operation.0),
            kind: RequestKind::Query,
            name: name(fingerprint),
        });
    }

    /// Notes a record; false if there are too many.
    fn learn(&mut self, fingerprint: Fingerprint, pbn: Pbn) -> bool {
        let data = Data::new(index::Pbn(pbn.0), 0);
        let (Some(data), Some(number)) = (data, self.free_learns.pop()) else {
            return false;
        };
        // There is room for all that have a number.
        let _ = self.pending.push_within_capacity(Request {
            id: RequestId(number),
            kind: RequestKind::Update(data),
            name: name(fingerprint),
        });
        true
    }
}

fn name(fingerprint: Fingerprint) -> Name {
    Name::from_bytes(fingerprint.0)
}

/// Where the answers of the index wait for the worker. The lock is taken by tasks only: the index answers with a mutex held.
#[pin_data]
pub(crate) struct Mailbox {
    #[pin]
    inner: SpinLock<Mail>,
}

struct Mail {
    answers: KVVec<(RequestId, Option<Pbn>)>,
    /// The worker is asking, and looks here when it has.
    is_awaited: bool,
    /// Whose worker is woken; none when it is being removed, since it has the index.
    target: Option<Arc<Dedup>>,
}

impl Mailbox {
    /// An empty one, with room for all answers.
    pub(super) fn new() -> Result<impl PinInit<Self>> {
        // CAST: 32 bits fit into a `usize` on every supported machine.
        let answers = KVVec::with_capacity((FIRST_LEARN + LEARNS) as usize, GFP_KERNEL)?;
        Ok(pin_init!(Self {
            inner <- new_spinlock!(
                Mail {
                    answers,
                    is_awaited: false,
                    target: None,
                },
                "dm_spare::dedup_mail"
            ),
        }))
    }

    /// Says whose worker is to be woken.
    pub(super) fn wake(&self, target: Option<Arc<Dedup>>) {
        let before = core::mem::replace(&mut self.inner.lock().target, target);
        // Not under the lock.
        drop(before);
    }
}

impl IndexUser for Mailbox {
    fn answered(&self, request: RequestId, answer: Answer) {
        let pbn = match answer {
            Answer::Found { data, .. } => Some(Pbn(data.pbn().0)),
            Answer::Absent | Answer::Unavailable(_) => None,
        };
        let mut mail = self.inner.lock();
        // There is room for the answers to all requests.
        let _ = mail.answers.push_within_capacity((request, pbn));
        if mail.is_awaited || mail.answers.len() > 1 {
            return;
        }
        let target = mail.target.clone();
        drop(mail);
        if let Some(target) = target {
            target.worker.enqueue(target.as_arc_borrow());
        }
    }
}

/// The index of a volume.
pub(super) struct Adviser {
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) index: Index<Mailbox>,
    /// 1 while it is neither asked nor told, since a message wants it so.
    is_off: Atomic<i32>,
}

impl Adviser {
    /// The adviser of a volume whose index was made.
    pub(super) fn new(mailbox: Arc<Mailbox>, index: Index<Mailbox>) -> Self {
        Self {
            mailbox,
            index,
            is_off: Atomic::new(0),
        }
    }

    /// Whether it is asked and told from now on; what was asked before is still answered. What it holds stays: of blocks that
    /// change while it is off it will say what was, which costs a comparison and nothing more. Any context.
    pub(super) fn switch(&self, is_on: bool) {
        self.is_off.store(i32::from(!is_on), Relaxed);
    }

    fn is_on(&self) -> bool {
        self.is_off.load(Relaxed) == 0
    }
}

impl Dedup {
    /// Asks where content may be.
    pub(super) fn ask(
        &self,
        shell: &mut Shell,
        operation: OperationId,
        fingerprint: Fingerprint,
    ) {
        if !self.adviser.as_ref().is_some_and(Adviser::is_on) {
            return shell.answer(Event::Advice {
                operation,
                pbn: None,
            });
        }
        self.counters.asked.count();
        shell.questions.ask(operation, fingerprint);
    }

    /// Tells where content is.
    pub(super) fn learn(&self, shell: &mut Shell, fingerprint: Fingerprint, pbn: Pbn) {
        let is_on = self.adviser.as_ref().is_some_and(Adviser::is_on);
        if is_on && !shell.questions.learn(fingerprint, pbn) {
            self.counters.not_learned.count();
        }
    }

    /// Hands in what the index is asked and told, and passes its answers on; whether there were any.
    pub(super) fn consult(this: ArcBorrow<'_, Self>, core: &mut Core) -> bool {
        let Some(adviser) = this.adviser.as_ref() else {
            return false;
        };
        let questions = &mut core.shell.questions;
        let taken = questions.pending.first().map_or(0, |first| {
            let zone = adviser.index.zone_of(first.name);
            let same = |request: &&Request| adviser.index.zone_of(request.name) == zone;
            let count = questions.pending.iter().take_while(same).count();
            let requests = questions.pending.get(..count).unwrap_or(&[]);
            adviser.mailbox.inner.lock().is_awaited = true;
            adviser.index.submit(zone, requests)
        });
        let left = questions.pending.len().saturating_sub(taken);
        if taken > 0 {
            questions.pending.copy_within(taken.., 0);
            questions.pending.truncate(left);
        }
        let mut tray = core::mem::take(&mut questions.tray);
        let mut mail = adviser.mailbox.inner.lock();
        mail.is_awaited = false;
        core::mem::swap(&mut mail.answers, &mut tray);
        drop(mail);
        let any = !tray.is_empty();
        for (request, pbn) in tray.drain_all() {
            if request.0 >= FIRST_LEARN {
                let free = &mut core.shell.questions.free_learns;
                let _ = free.push_within_capacity(request.0);
                continue;
            }
            if pbn.is_some() {
                this.counters.advised.count();
            }
            let operation = OperationId(request.0);
            Self::tell(this, core, Event::Advice { operation, pbn });
        }
        core.shell.questions.tray = tray;
        any
    }

    /// Brings the index into service, by making a new one if there is none; sleeps, killably. Only a fatal signal is an
    /// error: the volume serves without an index too.
    pub(super) fn open_index(this: ArcBorrow<'_, Self>, formatted: bool) -> Result {
        let Some(adviser) = this.adviser.as_ref() else {
            return Ok(());
        };
        adviser.mailbox.wake(Some(this.into()));
        let create = OpenMode::Create {
            uuid: this.snapshot.lock().uuid,
        };
        let mode = if formatted { create } else { OpenMode::Load };
        let mut result = adviser.index.open(mode)?;
        if let Err(OpenError::NoIndex | OpenError::Version(_)) = result {
            result = adviser.index.open(create)?;
        }
        match result {
            Ok(opened) if opened.rebuilt => {
                pr_info!("{}: the index was rebuilt\n", this.name);
            }
            Ok(_) => {}
            Err(error) => pr_warn!(
                "{}: there is no index, what was written before is not found again: {}\n",
                this.name,
                match error {
                    OpenError::Storage => "its blocks cannot be read or written",
                    OpenError::Memory => "too little memory",
                    _ => "its blocks are damaged",
                }
            ),
        }
        Ok(())
    }

    /// One word for how the index is.
    pub(super) fn index_word(&self) -> &'static str {
        if self.adviser.as_ref().is_some_and(|adviser| !adviser.is_on()) {
            return "off";
        }
        match self.adviser.as_ref().map(|adviser| adviser.index.state()) {
            None => "none",
            Some(IndexState::Closed) => "closed",
            Some(IndexState::Opening) => "opening",
            Some(IndexState::Open) => "open",
            Some(IndexState::Failed) => "failed",
        }
    }
}
