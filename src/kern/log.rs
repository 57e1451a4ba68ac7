// SPDX-License-Identifier: GPL-2.0-only

//! Log lines that cannot flood the log.
//!
//! [`info_limited!`](crate::info_limited), [`warn_limited!`](crate::warn_limited)
//! and [`error_limited!`](crate::error_limited) print like the kernel crate's
//! `pr_info!`, `pr_warn!` and `pr_err!`, but at most [`Ratelimit::BURST`] lines
//! in [`Ratelimit::WINDOW_NS`] from each place in the source. Any context.

use super::time::monotonic_ns;
use crate::sys::bindings as c;
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
};

/// Reports a bug in the module: prints a warning with a stack trace, the first
/// time that this is called at all. Any context.
pub fn warn_bug(what: &'static CStr) {
    // SAFETY: the text is NUL-terminated and static.
    unsafe { c::shim_warn(what.as_char_ptr()) };
}

/// The budget of one place that prints.
pub struct Ratelimit {
    window_start: Atomic<i64>,
    printed: Atomic<i32>,
}

impl Ratelimit {
    /// Lines that one place may print within a window.
    pub const BURST: i32 = 10;
    /// Length of a window in nanoseconds.
    pub const WINDOW_NS: i64 = 5_000_000_000;

    /// Makes a full budget.
    pub const fn new() -> Self {
        Self {
            window_start: Atomic::new(i64::MIN),
            printed: Atomic::new(0),
        }
    }

    /// Takes one line from the budget; false when none is left. Any context.
    ///
    /// CPUs that race at the start of a window may print a few lines more.
    pub fn allows(&self) -> bool {
        let now = monotonic_ns();
        let start = self.window_start.load(Relaxed);
        if now.saturating_sub(start) >= Self::WINDOW_NS {
            self.window_start.store(now, Relaxed);
            self.printed.store(0, Relaxed);
        }
        // ORDERING: an approximate count; it guards nothing.
        self.printed.load(Relaxed) < Self::BURST && self.printed.fetch_add(1, Relaxed) < Self::BURST
    }
}

impl Default for Ratelimit {
    fn default() -> Self {
        Self::new()
    }
}

/// Prints like `pr_info!`, a limited number of times.
#[macro_export]
macro_rules! info_limited {
    ($($arg:tt)*) => {{
        static LIMIT: $crate::kern::log::Ratelimit = $crate::kern::log::Ratelimit::new();
        if LIMIT.allows() {
            ::kernel::prelude::pr_info!($($arg)*);
        }
    }};
}
#[doc(inline)]
pub use info_limited;

/// Prints like `pr_warn!`, a limited number of times.
#[macro_export]
macro_rules! warn_limited {
    ($($arg:tt)*) => {{
        static LIMIT: $crate::kern::log::Ratelimit = $crate::kern::log::Ratelimit::new();
        if LIMIT.allows() {
            ::kernel::prelude::pr_warn!($($arg)*);
        }
    }};
}
#[doc(inline)]
pub use warn_limited;

/// Prints like `pr_err!`, a limited number of times.
#[macro_export]
macro_rules! error_limited {
    ($($arg:tt)*) => {{
        static LIMIT: $crate::kern::log::Ratelimit = $crate::kern::log::Ratelimit::new();
        if LIMIT.allows() {
            ::kernel::prelude::pr_err!($($arg)*);
        }
    }};
}
#[doc(inline)]
pub use error_limited;
