// SPDX-License-Identifier: GPL-2.0-only

//! The states of a target between its constructor and its destructor.
//!
//! Callbacks get a token that proves the state which they are called in.
//! Functions of a target that rely on a state ask for its token instead of
//! saying so in a comment.
//!
//! ```text
//! new ─► Built ─preresume─► Starting ─resume─► Running ─presuspend─► Suspending
//!                              ▲                  ▲                     │   │
//!                              │                  └──presuspend_undo────┘   │
//!                              └──preresume── Quiesced ◄──postsuspend───────┘
//! ```

use crate::kern::warn_bug;
use core::marker::PhantomData;
use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// About to be resumed: no bio arrives yet.
pub struct Starting<'a> {
    first: bool,
    _callback: PhantomData<&'a ()>,
}

impl Starting<'_> {
    /// Returns whether the target has never been resumed so far.
    pub fn is_first(&self) -> bool {
        self.first
    }
}

/// Resumed: bios arrive.
pub struct Running<'a>(PhantomData<&'a ()>);

/// About to be suspended: bios still arrive.
pub struct Suspending<'a> {
    noflush: bool,
    _callback: PhantomData<&'a ()>,
}

impl Suspending<'_> {
    /// Returns whether outstanding bios should be requeued rather than waited
    /// for. Only then does requeueing work; otherwise it becomes an I/O error.
    pub fn is_noflush(&self) -> bool {
        self.noflush
    }
}

/// Suspended: no bio is on its way and none arrives.
pub struct Quiesced<'a>(PhantomData<&'a ()>);

const BUILT: i32 = 0;
const STARTING: i32 = 1;
const RUNNING: i32 = 2;
const SUSPENDING: i32 = 3;
const QUIESCED: i32 = 4;

/// The state of one target, as far as device-mapper has led it.
///
/// Device-mapper serialises the transitions; a transition that is not in the
/// diagram above is reported, once, and made nevertheless.
pub(super) struct Lifecycle {
    state: Atomic<i32>,
    resumed: Atomic<i32>,
}

impl Lifecycle {
    pub(super) const fn new() -> Self {
        Self {
            state: Atomic::new(BUILT),
            resumed: Atomic::new(0),
        }
    }

    pub(super) fn preresume(&self) -> Starting<'_> {
        self.enter(STARTING, &[BUILT, STARTING, QUIESCED]);
        Starting {
            first: self.resumed.load(Relaxed) == 0,
            _callback: PhantomData,
        }
    }

    pub(super) fn resume(&self) -> Running<'_> {
        self.enter(RUNNING, &[STARTING]);
        self.resumed.store(1, Relaxed);
        Running(PhantomData)
    }

    pub(super) fn presuspend(&self, noflush: bool) -> Suspending<'_> {
        self.enter(SUSPENDING, &[RUNNING]);
        Suspending {
            noflush,
            _callback: PhantomData,
        }
    }

    pub(super) fn presuspend_undo(&self) -> Running<'_> {
        self.enter(RUNNING, &[SUSPENDING]);
        Running(PhantomData)
    }

    pub(super) fn postsuspend(&self) -> Quiesced<'_> {
        self.enter(QUIESCED, &[SUSPENDING]);
        Quiesced(PhantomData)
    }

    fn enter(&self, next: i32, allowed: &[i32]) {
        // ORDERING: device-mapper holds its suspend lock over each transition.
        if !allowed.contains(&self.state.load(Relaxed)) {
            warn_bug(c"device-mapper called suspend hooks out of order");
        }
        self.state.store(next, Relaxed);
    }
}
