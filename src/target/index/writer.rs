// SPDX-License-Identifier: GPL-2.0-only

//! The thread that has the keeper: it writes chapters, and loads and saves the index.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use crate::{
    engine::index::{
        Keeper,
        KeeperAction,
        KeeperEvent, //
    },
    kern::NoIo,
};

use super::{
    answers::Answers,
    mail::{
        Letter,
        Mail, //
    },
    storage::{
        Owner,
        Storage, //
    },
    zone::ZoneDriver,
    IndexUser, //
};

/// What the thread works with.
pub(super) struct Writer<U: IndexUser> {
    pub(super) keeper: KBox<Keeper>,
    pub(super) mail: Arc<Mail>,
    /// Exchanged for the one in the mail.
    pub(super) tray: KVVec<Letter>,
    pub(super) zones: Arc<KVec<Arc<ZoneDriver<U>>>>,
    pub(super) storage: Arc<Storage<U>>,
    pub(super) answers: Arc<Answers>,
}

impl<U: IndexUser> Writer<U> {
    /// Works until the mail is closed.
    pub(super) fn run(mut self) {
        // Whoever waits for a chapter may be waiting to free memory.
        let _noio = NoIo::enter();
        while self.mail.collect(&mut self.tray) {
            let mut tray = core::mem::take(&mut self.tray);
            for letter in tray.drain_all() {
                self.read(letter);
            }
            self.tray = tray;
            self.answers.note(
                self.keeper.window(),
                self.keeper.progress(),
                self.keeper.statistics(),
                self.keeper.memory_bytes(),
            );
        }
    }

    fn read(&mut self, letter: Letter) {
        let event = match letter {
            Letter::Event(event) => event,
            Letter::Finished(finished) => {
                let owner = || Owner::Keeper(self.mail.clone());
                let Some(done) = self.storage.go_on(owner, finished) else {
                    return;
                };
                KeeperEvent::Done {
                    token: done.token,
                    result: done.result,
                    memory: done.memory,
                }
            }
        };
        let Self {
            keeper,
            mail,
            zones,
            storage,
            answers,
            ..
        } = self;
        keeper.handle(event, &mut |action| match action {
            KeeperAction::Io(io) => storage.begin(Owner::Keeper(mail.clone()), io),
            // This thread alone delivers, so messages arrive in the order in which they were sent.
            KeeperAction::Tell { zone, message } => {
                // CAST: 32 bits fit into a `usize` on every supported machine.
                if let Some(zone) = zones.get(zone as usize) {
                    ZoneDriver::deliver(zone.as_arc_borrow(), message);
                }
            }
            KeeperAction::Opened(result) => answers.opened(result),
            KeeperAction::Suspended { saved } => answers.rested(saved),
            KeeperAction::Failed => answers.failed(),
        });
    }
}
