// SPDX-License-Identifier: GPL-2.0-only

//! The words of a table line or a message.

use core::{
    marker::PhantomData,
    slice, //
};
use kernel::prelude::*;

/// A list of words that device-mapper split at blanks.
///
/// # Invariants
///
/// `words` holds valid, NUL-terminated strings that live for `'a`.
#[derive(Clone, Copy)]
pub struct Words<'a> {
    words: &'a [*mut c_char],
    _strings: PhantomData<&'a CStr>,
}

impl<'a> Words<'a> {
    /// # Safety
    ///
    /// `argv` is null or points to `argc` valid, NUL-terminated strings; all of
    /// them outlive `'a` and nobody writes to them.
    pub(super) unsafe fn from_raw(argc: c_uint, argv: *mut *mut c_char) -> Self {
        let words = if argv.is_null() {
            &[]
        } else {
            // CAST: 32 bits fit into a `usize` on every supported machine.
            // SAFETY: by this function's contract.
            unsafe { slice::from_raw_parts(argv.cast_const(), argc as usize) }
        };
        // INVARIANT: by this function's contract.
        Self {
            words,
            _strings: PhantomData,
        }
    }

    /// Returns the number of words.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Returns whether there is no word.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Returns a word by its position from 0, unless there is none or it is not
    /// valid UTF-8.
    pub fn get(&self, index: usize) -> Option<&'a str> {
        self.get_bytes(index)?.to_str().ok()
    }

    /// Iterates over the words; one that is not valid UTF-8 comes as empty.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> {
        let words = *self;
        (0..words.len()).map(move |index| words.get(index).unwrap_or(""))
    }

    pub(super) fn get_bytes(&self, index: usize) -> Option<&'a CStr> {
        let word = *self.words.get(index)?;
        // SAFETY: by the type invariant.
        Some(unsafe { CStr::from_char_ptr(word) })
    }

    /// Returns the words in `start..end`, as far as they exist.
    pub(super) fn part(&self, start: usize, end: usize) -> Self {
        Self {
            words: self.words.get(start..end).unwrap_or_default(),
            _strings: PhantomData,
        }
    }
}
