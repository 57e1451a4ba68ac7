// SPDX-License-Identifier: GPL-2.0-only

//! Orders: messages that have blocks moved or tested, or the metadata written.
//!
//! An order goes to the engine in portions, since the blocks of a portion are held from users meanwhile. One order
//! runs at a time. Whoever sent it may be killed: its portion is then finished, and the log says what became of it.
//!
//! device-mapper hands a reply out only if the message succeeds. So the counts of an order that is broken off are in
//! the sentence that says why.

mod counts;

use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        ArcBorrow,
        Mutex, //
    }, //
};

use crate::{
    dm::{
        MessageError,
        Reply,
        Words, //
    },
    engine::{
        Cause,
        OrderError,
        Outcome,
        Request,
        RequestId,
        RequestKind,
        State,
        SECTORS_PER_BLOCK, //
    },
    kern::{
        info_limited,
        Gate,
        Plain, //
    },
};

use super::Remap;
use counts::Counts;

/// The number that orders have at the engine; those of bios are far below.
const ORDER: RequestId = RequestId(u32::MAX);
/// Blocks of one portion.
const PORTION: u64 = 64;
/// Blocks of one message. Whoever changes the device's table waits until a message has its reply.
const BLOCKS_MAXIMUM: u64 = 16_384;

/// The order that is with the engine, if any.
#[pin_data]
pub(crate) struct Orders {
    #[pin]
    answer_is_here: Gate,
    #[pin]
    state: Mutex<OrderState>,
}

/// Under `Orders::state`; a leaf lock.
struct OrderState {
    /// A message is being answered.
    taken: bool,
    /// For the worker to hand over.
    pending: Option<Request>,
    /// From the moment it is pending until it is answered.
    running: bool,
    answer: Option<Answer>,
    /// Whoever waited for the answer was killed; what it was about, for the log.
    given_up: Option<RequestKind>,
}

/// What the engine has said of a portion.
#[derive(Clone, Copy)]
struct Answer {
    outcome: Outcome,
    result: core::result::Result<(), OrderError>,
}

impl Orders {
    /// None.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            answer_is_here <- Gate::new(),
            state <- new_mutex!(
                OrderState {
                    taken: false,
                    pending: None,
                    running: false,
                    answer: None,
                    given_up: None,
                },
                "dm_spare::orders"
            ),
        })
    }

    /// The order that the engine has not seen yet. Called by the worker.
    pub(crate) fn next(&self) -> Option<Request> {
        self.state.lock().pending.take()
    }

    /// The engine has answered; says what the order was about if nobody waits for that any more.
    fn answered(&self, answer: Answer) -> Option<RequestKind> {
        let mut state = self.state.lock();
        state.running = false;
        let given_up = state.given_up.take();
        if given_up.is_none() {
            state.answer = Some(answer);
            self.answer_is_here.open();
        }
        given_up
    }

    /// Whoever sent the order will not wait: its answer, should it be here by now.
    fn give_up(&self, kind: RequestKind) -> Option<Answer> {
        let mut state = self.state.lock();
        let answer = state.answer.take();
        if answer.is_none() {
            state.given_up = Some(kind);
        }
        answer
    }

    /// Begins a message; none while another one is being answered, or has left a portion behind.
    fn take(&self) -> core::result::Result<Taken<'_>, Broken> {
        let mut state = self.state.lock();
        if state.taken || state.running {
            return Err(Broken::Busy);
        }
        state.taken = true;
        Ok(Taken(self))
    }

    /// Makes a portion of the message pending.
    fn place(&self, request: Request) {
        let mut state = self.state.lock();
        // Nobody opens the gate: that is done with an order running only.
        self.answer_is_here.close();
        state.running = true;
        state.pending = Some(request);
        state.answer = None;
    }
}

/// The right to place portions, until it is dropped.
struct Taken<'a>(&'a Orders);

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.0.state.lock().taken = false;
    }
}

impl Remap {
    /// Does what `remap`, `unremap` or `test` ask for, and replies with what became of the blocks.
    pub(super) fn order_blocks(
        this: ArcBorrow<'_, Self>,
        kind: RequestKind,
        words: Words<'_>,
        reply: &mut Reply<'_>,
    ) -> core::result::Result<(), MessageError> {
        let name = words.get(0).unwrap_or("");
        let blocks = this.main.sectors().div_ceil(SECTORS_PER_BLOCK);
        let first = number(words, 1)?;
        let count = if words.len() > 2 { number(words, 2)? } else { 1 };
        let end = first.checked_add(count).filter(|end| *end <= blocks);
        let (Some(end), true) = (end, count > 0) else {
            return Err(MessageError::invalid(fmt!(
                "message `{name}` asks for {count} blocks from block {first} on: main has the blocks 0 to {}, and the count is at least 1",
                blocks.saturating_sub(1)
            )));
        };
        if count > BLOCKS_MAXIMUM {
            return Err(MessageError::invalid(fmt!(
                "message `{name}` asks for {count} blocks: ask for at most {BLOCKS_MAXIMUM} at a time, or use sparectl"
            )));
        }
        let taken = this
            .orders
            .take()
            .map_err(|reason| reason.say(name, first, None))?;
        let mut total = Outcome::default();
        let mut block = first;
        while block < end {
            let portion = PORTION.min(end - block);
            let sector = block.saturating_mul(SECTORS_PER_BLOCK);
            // The last block of main may be shorter.
            let sectors = portion
                .saturating_mul(SECTORS_PER_BLOCK)
                .min(this.main.sectors().saturating_sub(sector));
            // CAST: a portion has far less than 2^32 sectors.
            let (outcome, result) = Self::order(this, &taken, kind, sector, sectors as u32);
            total.add(&outcome);
            if let Err(reason) = result {
                let end = first.saturating_add(total.blocks());
                return Err(reason.say(name, end, Some(Counts(kind, total))));
            }
            block = block.saturating_add(portion);
        }
        Counts(kind, total).reply(reply);
        Ok(())
    }

    /// The engine has answered. Called by the worker.
    pub(super) fn order_answered(
        &self,
        outcome: Outcome,
        result: core::result::Result<(), OrderError>,
    ) {
        if let Some(kind) = self.orders.answered(Answer { outcome, result }) {
            // One kill, one line; but whoever kills many must not fill the log.
            info_limited!(
                "{}: the last portion of the message that was given up: {}\n",
                self.name,
                Plain(&Counts(kind, outcome))
            );
        }
    }

    /// Writes a checkpoint to every copy, and replies with its number and the copies that have it.
    pub(super) fn order_sync(
        this: ArcBorrow<'_, Self>,
        reply: &mut Reply<'_>,
    ) -> core::result::Result<(), MessageError> {
        let taken = this
            .orders
            .take()
            .map_err(|reason| reason.say("sync", 0, None))?;
        Self::order(this, &taken, RequestKind::Sync, 0, 0)
            .1
            .map_err(|reason| reason.say("sync", 0, None))?;
        let status = this.core.lock().engine.snapshot();
        reply.put(fmt!(
            "tid {}\ncopies {}/{}\n",
            status.tid,
            status.copies_healthy.count_ones(),
            status.copies
        ));
        Ok(())
    }

    /// Has the engine do one portion, and waits for its answer: what became of its blocks, as far as that is known,
    /// and what broke it off, if anything. Sleeps, killably.
    fn order(
        this: ArcBorrow<'_, Self>,
        taken: &Taken<'_>,
        kind: RequestKind,
        sector: u64,
        sectors: u32,
    ) -> (Outcome, core::result::Result<(), Broken>) {
        let none = Outcome::default();
        if this.options.read_only {
            return (none, Err(Broken::ReadOnly));
        }
        if this.core.lock().engine.snapshot().state != State::Active {
            return (none, Err(Broken::Answer(OrderError::Suspended)));
        }
        let request = Request {
            id: ORDER,
            kind,
            sector,
            sectors,
            fua: false,
            cause: Cause::Held,
        };
        taken.0.place(request);
        this.worker.enqueue(this);
        let killed = this.orders.answer_is_here.wait_killable().is_err();
        match this.orders.give_up(kind) {
            None => (none, Err(Broken::Killed { at_work: true })),
            Some(Answer { outcome, result }) => {
                let result = result.map_err(Broken::Answer);
                let killed = killed.then_some(Err(Broken::Killed { at_work: false }));
                (outcome, result.and(killed.unwrap_or(Ok(()))))
            }
        }
    }
}

/// Why an order did not come to its end.
enum Broken {
    ReadOnly,
    Busy,
    /// Its sender was killed; the portion at work is still finished.
    Killed {
        at_work: bool,
    },
    Answer(OrderError),
}

impl Broken {
    /// The sentence about message `name`, which came as far as `block`, and what became of the blocks before.
    fn say(self, name: &str, block: u64, counts: Option<Counts>) -> MessageError {
        let before = Before(counts);
        let before = Plain(&before);
        match self {
            Self::ReadOnly => MessageError::new(
                EROFS,
                fmt!("message `{name}` writes, and the table says read_only: create the device without that option"),
            ),
            Self::Busy => MessageError::new(
                EBUSY,
                fmt!("message `{name}` came while another one is at work: send it again later"),
            ),
            Self::Killed { at_work: true } => MessageError::new(
                EINTR,
                fmt!("message `{name}` was given up at block {block}, because its sender was killed; the portion at work is still finished{before}"),
            ),
            Self::Killed { at_work: false } => MessageError::new(
                EINTR,
                fmt!("message `{name}` was given up at block {block}, because its sender was killed{before}"),
            ),
            Self::Answer(OrderError::Suspended) => MessageError::new(
                EAGAIN,
                fmt!("message `{name}` stopped at block {block}, because the device is suspended: resume it and send the message again{before}"),
            ),
            Self::Answer(OrderError::Failed(class)) => MessageError::new(
                EIO,
                fmt!(
                    "message `{}` stopped at block {} after {}: see the messages before this one{}",
                    name,
                    block,
                    Plain(&class),
                    before
                ),
            ),
        }
    }
}

/// The end of a sentence: what became of the blocks until then.
struct Before(Option<Counts>);

impl core::fmt::Display for Before {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match &self.0 {
            Some(counts) => write!(out, "; until then: {counts}"),
            None => Ok(()),
        }
    }
}

fn number(words: Words<'_>, index: usize) -> core::result::Result<u64, MessageError> {
    let word = words.get(index).unwrap_or("");
    let digits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    match word.parse::<u64>() {
        Ok(number) if digits => Ok(number),
        _ => Err(MessageError::invalid(fmt!(
            "`{word}` is no number: write blocks of 4096 bytes in decimal digits"
        ))),
    }
}
