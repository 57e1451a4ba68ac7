// SPDX-License-Identifier: GPL-2.0-only

//! Counts of events that any CPU may add to.

use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// One counter.
pub(crate) struct Counter(Atomic<i64>);

impl Counter {
    /// Zero.
    pub(crate) const fn new() -> Self {
        Self(Atomic::new(0))
    }

    /// Adds one. Any context.
    pub(crate) fn count(&self) {
        self.0.add(1, Relaxed);
    }

    /// The value so far.
    pub(crate) fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}
