// SPDX-License-Identifier: GPL-2.0-only

//! Allocation that starts no I/O.

use crate::sys::bindings as c;
use core::marker::PhantomData;

/// A scope in which every allocation of this task behaves as `GFP_NOIO`.
///
/// Code that serves I/O must not wait for memory that only I/O can free. Scopes
/// nest; a guard stays on the task that entered it and guards end in the
/// reverse order in which they began. Task context only.
#[must_use = "the scope ends when the guard is dropped"]
pub struct NoIo {
    flags: u32,
    // The scope is a property of the current task: the guard must not leave it.
    _not_send: PhantomData<*mut ()>,
}

impl NoIo {
    /// Enters the scope.
    pub fn enter() -> Self {
        Self {
            // SAFETY: only sets a flag of the current task.
            flags: unsafe { c::shim_noio_save() },
            _not_send: PhantomData,
        }
    }
}

impl Drop for NoIo {
    fn drop(&mut self) {
        // SAFETY: `flags` comes from the matching save, on this same task.
        unsafe { c::shim_noio_restore(self.flags) };
    }
}
