// SPDX-License-Identifier: GPL-2.0-only

//! A gate that tasks wait at until somebody opens it.

use crate::sys::bindings as c;
use core::ptr;
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    types::Opaque, //
};

/// A completion that can be used again and waited for killably, which the
/// kernel crate's own cannot.
///
/// # Invariants
///
/// The completion is initialised and stays where it is.
#[pin_data]
pub struct Gate {
    #[pin]
    completion: Opaque<c::completion>,
}

// SAFETY: a completion may be used on every thread.
unsafe impl Send for Gate {}
// SAFETY: as for `Send`.
unsafe impl Sync for Gate {}

impl Gate {
    /// Makes a closed gate.
    pub fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            completion <- Opaque::ffi_init(|slot: *mut c::completion| {
                // SAFETY: `slot` is valid for writes and will not move.
                unsafe { c::init_completion(slot) };
            }),
        })
    }

    /// Opens the gate: everybody who waits, and everybody who comes, passes.
    /// Any context.
    pub fn open(&self) {
        // SAFETY: the completion is initialised by the type invariant.
        unsafe { c::complete_all(self.completion.get()) };
    }

    /// Closes the gate again. Nobody may be opening it at the same time.
    pub fn close(&self) {
        // SAFETY: the field lies within the completion that `self` keeps alive.
        let done = unsafe { ptr::addr_of_mut!((*self.completion.get()).done) };
        // SAFETY: `done` is valid and aligned; C accesses it under its own lock
        // or, as here, when nobody opens the gate.
        let done = unsafe { Atomic::<u32>::from_ptr(done) };
        // ORDERING: whoever opens and waits takes the completion's lock.
        done.store(0, Relaxed);
    }

    /// Waits until the gate is open. Sleeps, uninterruptibly.
    pub fn wait(&self) {
        // SAFETY: the completion is initialised by the type invariant.
        unsafe { c::wait_for_completion(self.completion.get()) };
    }

    /// Waits until the gate is open or the task is killed. Sleeps.
    ///
    /// # Errors
    ///
    /// `EINTR` when a fatal signal came first.
    pub fn wait_killable(&self) -> Result {
        // SAFETY: the completion is initialised by the type invariant.
        match unsafe { c::wait_for_completion_killable(self.completion.get()) } {
            0 => Ok(()),
            _ => Err(EINTR),
        }
    }
}
