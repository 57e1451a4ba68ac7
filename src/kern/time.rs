// SPDX-License-Identifier: GPL-2.0-only

//! The monotonic clock.

use crate::sys::bindings as c;

/// Returns nanoseconds of the monotonic clock, which stands still while the
/// machine sleeps. Any context but NMI.
pub fn monotonic_ns() -> i64 {
    // SAFETY: reads a clock; no requirement.
    unsafe { c::ktime_get() }
}
