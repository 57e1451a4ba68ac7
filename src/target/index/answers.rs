// SPDX-License-Identifier: GPL-2.0-only

//! What the keeper has answered, and waiting for it.

use kernel::{
    new_mutex,
    prelude::*,
    sync::Mutex, //
};

use crate::{
    engine::index::{
        keeper::{
            KeeperStatistics,
            Progress, //
        },
        OpenError,
        Opened,
        Window, //
    },
    kern::Gate,
};

/// How an index is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum IndexState {
    /// Nothing was opened, or that has failed.
    Closed,
    /// It is being created, loaded or rebuilt.
    Opening,
    /// Requests are served, unless it is suspended.
    Open,
    /// A write has failed: nothing is served.
    Failed,
}

/// How things stand with the keeper.
#[derive(Clone, Copy)]
pub(crate) struct KeeperSnapshot {
    /// How the index is.
    pub(crate) state: IndexState,
    /// The durable chapters.
    pub(crate) window: Window,
    /// How far loading has come.
    pub(crate) progress: Progress,
    /// What was counted.
    pub(crate) statistics: KeeperStatistics,
    /// Bytes of memory, the shared bounds included.
    pub(crate) memory_bytes: u64,
}

#[pin_data]
pub(super) struct Answers {
    #[pin]
    opened: Gate,
    #[pin]
    rested: Gate,
    #[pin]
    inner: Mutex<Inner>,
}

/// Under `Answers::inner`; a leaf lock.
struct Inner {
    snapshot: KeeperSnapshot,
    opened: Option<Result<Opened, OpenError>>,
    is_saved: bool,
}

impl Answers {
    /// Nothing asked, nothing answered.
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            opened <- Gate::new(),
            rested <- Gate::new(),
            inner <- new_mutex!(
                Inner {
                    snapshot: KeeperSnapshot {
                        state: IndexState::Closed,
                        window: Window::EMPTY,
                        progress: Progress::default(),
                        statistics: KeeperStatistics::default(),
                        memory_bytes: 0,
                    },
                    opened: None,
                    is_saved: false,
                },
                "dm_spare::index_answers"
            ),
        })
    }

    /// How things stood when the keeper last had something to do.
    pub(super) fn snapshot(&self) -> KeeperSnapshot {
        self.inner.lock().snapshot
    }

    /// The keeper has done something. Called by its thread.
    pub(super) fn note(
        &self,
        window: Window,
        progress: Progress,
        statistics: KeeperStatistics,
        memory_bytes: u64,
    ) {
        let mut inner = self.inner.lock();
        inner.snapshot = KeeperSnapshot {
            state: inner.snapshot.state,
            window,
            progress,
            statistics,
            memory_bytes,
        };
    }

    /// Whether opening is to be asked for: it is neither open nor being opened.
    pub(super) fn begin_opening(&self) -> bool {
        let mut inner = self.inner.lock();
        let begins = inner.snapshot.state == IndexState::Closed;
        if begins {
            inner.snapshot.state = IndexState::Opening;
            self.opened.close();
        }
        begins
    }

    /// The index was opened, or not. Called by the thread.
    pub(super) fn opened(&self, result: Result<Opened, OpenError>) {
        let mut inner = self.inner.lock();
        inner.snapshot.state = match result {
            Ok(_) => IndexState::Open,
            Err(_) => IndexState::Closed,
        };
        inner.opened = Some(result);
        self.opened.open();
    }

    /// Waits for the answer to opening. Sleeps, killably.
    ///
    /// # Errors
    ///
    /// `EINTR` when a fatal signal came first; opening goes on.
    pub(super) fn wait_opened(&self) -> Result<Result<Opened, OpenError>> {
        self.opened.wait_killable()?;
        self.inner.lock().opened.ok_or(EINVAL)
    }

    /// A write has failed. Called by the thread.
    pub(super) fn failed(&self) {
        let mut inner = self.inner.lock();
        inner.snapshot.state = IndexState::Failed;
    }

    /// Coming to rest is about to be asked for.
    pub(super) fn begin_resting(&self) {
        let mut inner = self.inner.lock();
        inner.is_saved = false;
        self.rested.close();
    }

    /// The index has come to rest. Called by the thread.
    pub(super) fn rested(&self, is_saved: bool) {
        let mut inner = self.inner.lock();
        inner.is_saved = is_saved;
        self.rested.open();
    }

    /// Waits until the index has come to rest; whether its open chapters were saved. Sleeps.
    pub(super) fn wait_rested(&self) -> bool {
        self.rested.wait();
        self.inner.lock().is_saved
    }
}
