// SPDX-License-Identifier: GPL-2.0-only

//! Processor time of this thread: what other processes do meanwhile costs it nothing but cache.

use rustix::time::{clock_gettime, ClockId};

/// Processor time that this thread has had, in nanoseconds.
pub fn processor_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    // CAST: never negative.
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The nanoseconds that a piece of work takes.
pub fn time_of(work: impl FnOnce()) -> u64 {
    let start = processor_time();
    work();
    processor_time() - start
}
