// SPDX-License-Identifier: GPL-2.0-only

//! Answers to messages.

use super::StatusWriter;
use kernel::{
    fmt,
    prelude::*, //
};

/// Takes what `dmsetup message` is to print.
///
/// An answer that does not fit the user's buffer is cut off in the way that
/// makes device-mapper ask the user for a larger one. Writing never fails.
pub struct Reply<'a>(StatusWriter<'a>);

impl Reply<'_> {
    /// # Safety
    ///
    /// As for [`StatusWriter::from_raw`].
    pub(super) unsafe fn from_raw(result: *mut c_char, length: c_uint) -> Self {
        // SAFETY: by this function's contract.
        Self(unsafe { StatusWriter::from_raw(result, length) })
    }

    /// Appends formatted text.
    pub fn put(&mut self, text: fmt::Arguments<'_>) {
        self.0.put(text);
    }

    /// Returns whether there is an answer so far.
    pub fn is_present(&self) -> bool {
        !self.0.is_empty()
    }
}

impl fmt::Write for Reply<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_str(text)
    }
}
