// SPDX-License-Identifier: GPL-2.0-only

//! Asks about ranges of names in batches, and checks every answer.

use core::ops::Range;

use kernel::{
    current,
    new_condvar,
    new_mutex,
    prelude::*,
    sync::{
        CondVar,
        Mutex, //
    },
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

use crate::{
    engine::index::{
        Answer,
        Request,
        RequestId,
        RequestKind, //
    },
    kern::{
        new_irq_lock,
        IrqLock, //
    },
    names, //
    target::index::{
        Index,
        IndexUser, //
    },
};

/// Requests that are out at the same time.
const BATCH: usize = 64;

/// What is asked about each name of a range.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// Post it.
    Post,
    /// Look it up and change nothing.
    Peek,
    /// Forget it.
    Delete,
}

/// The answers to one message.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tally {
    /// Known, with the data that the name has.
    pub(crate) right: u64,
    /// Known, with other data.
    pub(crate) wrong: u64,
    /// Not known.
    pub(crate) absent: u64,
    /// Not served.
    pub(crate) unavailable: u64,
}

/// Asks for one message at a time.
#[pin_data]
pub(crate) struct Asker {
    #[pin]
    turn: Mutex<Turn>,
    #[pin]
    state: IrqLock<State>,
    #[pin]
    answered: CondVar,
}

/// The requests of a batch, zone by zone.
struct Turn {
    batches: KVec<KVec<Request>>,
}

struct State {
    /// The number of the name that each request is about.
    numbers: KVec<u64>,
    outstanding: usize,
    tally: Tally,
}

impl Asker {
    /// An asker for so many zones.
    pub(crate) fn new(zones: u32) -> Result<impl PinInit<Self>> {
        // CAST: 32 bits fit into a `usize` on every supported machine.
        let mut batches = KVec::with_capacity(zones as usize, GFP_KERNEL)?;
        for _ in 0..zones {
            batches.push(KVec::with_capacity(BATCH, GFP_KERNEL)?, GFP_KERNEL)?;
        }
        let numbers = KVec::from_elem(0, BATCH, GFP_KERNEL)?;
        Ok(pin_init!(Self {
            turn <- new_mutex!(Turn { batches }, "spare_index::turn"),
            state <- new_irq_lock!(
                State {
                    numbers,
                    outstanding: 0,
                    tally: Tally::default(),
                },
                "spare_index::state"
            ),
            answered <- new_condvar!("spare_index::answered"),
        }))
    }

    /// Asks about a range of names, one batch after the other; ends early when the index does not serve.
    ///
    /// # Errors
    ///
    /// `EINTR` when a signal came first.
    pub(crate) fn ask(
        &self,
        index: &Index<Self>,
        question: Question,
        names: Range<u64>,
    ) -> Result<Tally> {
        let mut turn = self.turn.lock();
        self.state.lock().tally = Tally::default();
        let mut next = names.start;
        while next < names.end {
            let count = (names.end - next).min(BATCH as u64);
            self.ask_batch(&mut turn, index, question, next..next + count);
            next += count;
            if self.state.lock().tally.unavailable != 0 {
                break;
            }
            if current!().signal_pending() {
                return Err(EINTR);
            }
        }
        let tally = self.state.lock().tally;
        Ok(tally)
    }

    fn ask_batch(
        &self,
        turn: &mut Turn,
        index: &Index<Self>,
        question: Question,
        names: Range<u64>,
    ) {
        {
            let mut state = self.state.lock();
            let mut asked = 0u32;
            for (number, place) in names.zip(state.numbers.iter_mut()) {
                *place = number;
                let name = names::name(number);
                let kind = match question {
                    Question::Post => RequestKind::Post(names::data(number)),
                    Question::Peek => RequestKind::Peek,
                    Question::Delete => RequestKind::Delete,
                };
                let request = Request {
                    id: RequestId(asked),
                    kind,
                    name,
                };
                // CAST: 32 bits fit into a `usize` on every supported machine.
                if let Some(batch) = turn.batches.get_mut(index.zone_of(name) as usize) {
                    // There is room for all that have a number.
                    let _ = batch.push_within_capacity(request);
                    asked += 1;
                }
            }
            state.outstanding = asked as usize;
        }
        for (zone, batch) in (0..).zip(turn.batches.iter_mut()) {
            let mut taken = 0;
            while let Some(requests) = batch.get(taken..).filter(|left| !left.is_empty()) {
                match index.submit(zone, requests) {
                    // All places are taken, perhaps by requests that came earlier.
                    0 => fsleep(Delta::from_micros(100)),
                    count => taken += count,
                }
            }
            batch.clear();
        }
        let mut state = self.state.lock();
        while state.outstanding != 0 {
            self.answered.wait(&mut state);
        }
    }
}

impl IndexUser for Asker {
    fn answered(&self, request: RequestId, answer: Answer) {
        let mut state = self.state.lock();
        let number = state.numbers.get(request.0 as usize).copied().unwrap_or(0);
        let tally = &mut state.tally;
        let count = match answer {
            Answer::Found { data, .. } if data == names::data(number) => &mut tally.right,
            Answer::Found { .. } => &mut tally.wrong,
            Answer::Absent => &mut tally.absent,
            Answer::Unavailable(_) => &mut tally.unavailable,
        };
        *count += 1;
        state.outstanding = state.outstanding.saturating_sub(1);
        let is_last = state.outstanding == 0;
        drop(state);
        if is_last {
            self.answered.notify_all();
        }
    }
}
