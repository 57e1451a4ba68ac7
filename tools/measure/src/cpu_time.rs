// SPDX-License-Identifier: GPL-2.0-only

//! Time that this process has had a CPU for: on a busy machine it says more than the clock on the wall.

use rustix::time::{clock_gettime, ClockId};

/// CPU time of this process in nanoseconds.
pub(crate) fn nanoseconds() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    // CAST: time that has passed is not negative.
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
