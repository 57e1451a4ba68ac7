// SPDX-License-Identifier: GPL-2.0-only

//! The kernel's hashes.

use crate::sys::bindings as c;

/// Returns the CRC-32C (Castagnoli) of `data`, as RFC 3720 defines it: the
/// register starts at all ones and is inverted at the end. Any context.
pub fn crc32c(data: &[u8]) -> u32 {
    // SAFETY: pointer and length describe `data`, which is only read.
    !unsafe { c::crc32c(u32::MAX, data.as_ptr().cast(), data.len()) }
}
