// SPDX-License-Identifier: GPL-2.0-only

//! Printing values that know only `core`'s way of being printed.

use kernel::fmt;

/// Lets a value that implements `core::fmt::Display` be printed by the kernel's macros.
///
/// The kernel prints through a `Display` of its own, so that it can treat some types differently. Code that is compiled for user
/// space too implements `core`'s.
pub struct Plain<'a, T>(pub &'a T);

impl<T: core::fmt::Display> fmt::Display for Plain<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        core::fmt::Display::fmt(self.0, f)
    }
}
