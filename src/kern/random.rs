// SPDX-License-Identifier: GPL-2.0-only

//! The kernel's random number generator.

use crate::sys::bindings as c;

/// Fills `bytes` with random bytes fit for keys. Any context.
pub fn random_bytes(bytes: &mut [u8]) {
    // SAFETY: pointer and length describe `bytes`, which is exclusively ours.
    unsafe { c::get_random_bytes(bytes.as_mut_ptr().cast(), bytes.len()) };
}

/// Returns a random number. Any context.
pub fn random_u64() -> u64 {
    let mut bytes = [0; 8];
    random_bytes(&mut bytes);
    u64::from_ne_bytes(bytes)
}
