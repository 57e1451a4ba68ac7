// SPDX-License-Identifier: GPL-2.0-only

//! A count of things in use, and the wait for none.

use crate::sys::bindings as c;
use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// Counts users of an object whose owner waits for the last of them.
///
/// The owner calls [`InFlight::wait_idle`] before it frees the object that the
/// counter is part of.
pub struct InFlight(Atomic<i32>);

impl InFlight {
    /// Makes a counter that stands at zero.
    pub const fn new() -> Self {
        Self(Atomic::new(0))
    }

    /// Counts one more user. Any context.
    ///
    /// Only somebody who keeps the count from falling to zero, or the owner,
    /// may call this; otherwise the owner may already have stopped waiting.
    pub fn enter(&self) {
        // ORDERING: entering publishes nothing; leaving does.
        self.0.fetch_add(1, Relaxed);
    }

    /// Counts one user less and wakes the owner when it was the last. Any
    /// context but NMI.
    ///
    /// # Safety
    ///
    /// - `this` is valid for reads and writes until the count reaches zero.
    /// - The call pairs with one earlier [`InFlight::enter`].
    ///
    /// The counter may be freed by its owner before this returns.
    pub unsafe fn leave(this: *const Self) {
        // CAST: `Atomic<i32>` has the layout of the `int` in an `atomic_t`.
        let count = this.cast_mut().cast::<c::atomic_t>();
        // SAFETY: by this function's contract the counter is valid, and the
        // shim uses only its address after the decrement.
        unsafe { c::shim_in_flight_leave(count) };
    }

    /// Returns the number of users at this moment. Any context.
    pub fn count(&self) -> u32 {
        self.0.load(Relaxed).unsigned_abs()
    }

    /// Waits until there is no user. Sleeps, uninterruptibly.
    ///
    /// What the users did before they left is visible afterwards.
    pub fn wait_idle(&self) {
        // CAST: as in `leave`.
        let count = self.0.as_ptr().cast::<c::atomic_t>();
        // SAFETY: `count` points to a counter that `self` keeps alive.
        unsafe { c::shim_in_flight_wait(count) };
    }
}

impl Default for InFlight {
    fn default() -> Self {
        Self::new()
    }
}
