// SPDX-License-Identifier: GPL-2.0-only

//! Memory barriers.

use super::atomic::Full;
use core::sync::atomic::{fence, Ordering};

/// Orders all accesses before it against all behind it.
pub fn smp_mb(_order: Full) {
    fence(Ordering::SeqCst);
}
