// SPDX-License-Identifier: GPL-2.0-only

//! Status and table lines.

use crate::{
    kern::TextBuffer,
    sys::bindings as c, //
};
use core::{
    mem::MaybeUninit,
    slice, //
};
use kernel::{
    fmt,
    prelude::*, //
};

/// Which line is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum StatusKind {
    /// `dmsetup status`: how things stand.
    Info,
    /// `dmsetup table`: arguments that would make the same target again.
    Table,
    /// What the integrity measurement architecture records of the table:
    /// `name=value` pairs separated by commas.
    Ima,
}

impl StatusKind {
    pub(super) fn from_raw(kind: c_uint) -> Self {
        match kind {
            c::status_type_t_STATUSTYPE_TABLE => Self::Table,
            c::status_type_t_STATUSTYPE_IMA => Self::Ima,
            _ => Self::Info,
        }
    }
}

/// Takes a line that may be longer than the user's buffer.
///
/// What does not fit is cut off so that device-mapper notices and asks the user
/// for a larger buffer. Writing never fails.
pub struct StatusWriter<'a>(TextBuffer<'a>);

impl StatusWriter<'_> {
    /// # Safety
    ///
    /// For `'a`, `result` is valid for writes of `length` bytes and nobody else
    /// uses them.
    pub(super) unsafe fn from_raw(result: *mut c_char, length: c_uint) -> Self {
        let bytes = result.cast::<MaybeUninit<u8>>();
        // CAST: 32 bits fit into a `usize` on every supported machine.
        // SAFETY: by this function's contract; no byte needs to be initialised.
        Self(TextBuffer::new(unsafe {
            slice::from_raw_parts_mut(bytes, length as usize)
        }))
    }

    /// Appends formatted text.
    pub fn put(&mut self, text: fmt::Arguments<'_>) {
        self.0.put(text);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Write for StatusWriter<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_str(text)
    }
}
