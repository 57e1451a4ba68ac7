// SPDX-License-Identifier: GPL-2.0-only

//! Events that user space can wait for.

use super::instance::Lease;
use crate::sys::bindings as c;

/// Raises events of the mapped device, for `dmsetup wait` and its like.
pub struct Events(Lease);

impl Events {
    pub(super) fn new(lease: Lease) -> Self {
        Self(lease)
    }

    /// Tells whoever waits that the status has changed. Task context, sleeps;
    /// not from `map`.
    pub fn raise(&self) {
        // SAFETY: the lease keeps the table valid.
        unsafe { c::dm_table_event(self.0.table()) };
    }
}
