// SPDX-License-Identifier: GPL-2.0-only

//! What waits for the keeper's thread: messages of zones, ends of I/O, and orders. First in, first out.

use core::mem;

use kernel::{
    alloc::AllocError,
    new_condvar,
    prelude::*,
    sync::CondVar, //
};

use crate::{
    engine::index::{
        KeeperEvent,
        ToKeeper, //
    },
    kern::{
        error_limited,
        new_irq_lock,
        IrqLock, //
    },
};

use super::storage::Finished;

/// I/O of the keeper under way at once, and orders, with room to spare.
const LETTERS: usize = 64;
/// Answers that one zone may owe, with room to spare.
const LETTERS_PER_ZONE: usize = 64;

/// One piece of mail.
pub(super) enum Letter {
    /// Something for the engine as it is.
    Event(KeeperEvent),
    /// A bio that has ended.
    Finished(Finished),
}

/// The mail of one keeper.
#[pin_data]
pub(super) struct Mail {
    #[pin]
    tray: IrqLock<Tray>,
    #[pin]
    arrived: CondVar,
}

struct Tray {
    letters: KVVec<Letter>,
    is_closed: bool,
}

impl Mail {
    /// Room for the mail of so many zones; also for what the thread takes out at a time.
    fn room(zones: u32) -> usize {
        // CAST: at most the number of zones that an index can have.
        LETTERS + LETTERS_PER_ZONE * zones as usize
    }

    /// An empty tray to exchange with the one that mail arrives in.
    ///
    /// # Errors
    ///
    /// Too little memory.
    pub(super) fn tray(zones: u32) -> Result<KVVec<Letter>, AllocError> {
        KVVec::with_capacity(Self::room(zones), GFP_KERNEL)
    }

    /// No mail yet.
    pub(super) fn new(letters: KVVec<Letter>) -> impl PinInit<Self> {
        pin_init!(Self {
            tray <- new_irq_lock!(
                Tray {
                    letters,
                    is_closed: false,
                },
                "dm_spare::index_mail"
            ),
            arrived <- new_condvar!("dm_spare::index_mail"),
        })
    }

    /// Adds a letter. Any context.
    pub(super) fn post(&self, letter: Letter) {
        let mut tray = self.tray.lock();
        let room = tray.letters.capacity() - tray.letters.len();
        // A hint that is lost costs advice about a few old blocks.
        let is_hint = matches!(
            &letter,
            Letter::Event(KeeperEvent::Message {
                message: ToKeeper::Sparse(_),
                ..
            })
        );
        if is_hint && room < LETTERS {
            return;
        }
        let posted = tray.letters.push_within_capacity(letter);
        drop(tray);
        self.arrived.notify_one();
        if posted.is_err() {
            error_limited!("mail of an index found no room, which is a bug of the module\n");
        }
    }

    /// Exchanges an empty tray for the mail that has arrived; waits for some. Whether there may be more, which there is
    /// not once the mail is closed. Sleeps.
    pub(super) fn collect(&self, letters: &mut KVVec<Letter>) -> bool {
        let mut tray = self.tray.lock();
        while !tray.is_closed && tray.letters.is_empty() {
            // Interruptible, so that an idle thread is no load; signals do not reach it.
            let _ = self.arrived.wait_interruptible(&mut tray);
        }
        mem::swap(&mut tray.letters, letters);
        !tray.is_closed
    }

    /// Has the thread end, whatever is there.
    pub(super) fn close(&self) {
        self.tray.lock().is_closed = true;
        self.arrived.notify_one();
    }
}
