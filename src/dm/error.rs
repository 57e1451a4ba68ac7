// SPDX-License-Identifier: GPL-2.0-only

//! Errors that say in a sentence what is wrong and what to do.

use core::iter;
use kernel::{
    alloc::AllocError,
    error::Error,
    fmt,
    prelude::*,
    str::CString,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
};

/// Longest sentence in bytes, with its terminator.
const SENTENCE_BYTES: usize = 256;

/// Why a table line, or a message, was refused.
///
/// Carries an errno for the caller and a sentence for the log: one that names
/// the offending value and the remedy.
pub struct ConstructError {
    error: Error,
    /// Absent when there was no memory for one.
    sentence: Option<CString>,
}

/// Why a message was refused.
pub type MessageError = ConstructError;

impl ConstructError {
    /// Makes an error. A sentence longer than 255 bytes is cut.
    pub fn new(error: Error, sentence: fmt::Arguments<'_>) -> Self {
        Self {
            error,
            sentence: CString::try_from_fmt(sentence).ok(),
        }
    }

    /// Makes an error with `EINVAL`.
    pub fn invalid(sentence: fmt::Arguments<'_>) -> Self {
        Self::new(EINVAL, sentence)
    }

    /// Returns the errno.
    pub fn error(&self) -> Error {
        self.error
    }

    /// Returns the sentence.
    pub fn sentence(&self) -> &str {
        let sentence = self
            .sentence
            .as_ref()
            .and_then(|sentence| sentence.to_str().ok())
            .unwrap_or("there was not even memory for an error message");
        let cut = (0..SENTENCE_BYTES)
            .rev()
            .find_map(|length| sentence.get(..length));
        match cut {
            Some(cut) if sentence.len() >= SENTENCE_BYTES => cut,
            _ => sentence,
        }
    }

    /// Puts the sentence where device-mapper can still print it after the
    /// constructor has returned, and returns that place.
    pub(super) fn publish(&self) -> *mut c_char {
        RING.publish(self.sentence())
    }
}

impl From<Error> for ConstructError {
    fn from(error: Error) -> Self {
        if error == ENOMEM {
            return Self::new(error, fmt!("the kernel has not enough free memory"));
        }
        Self::new(error, fmt!("the kernel refused with {error:?}"))
    }
}

impl From<AllocError> for ConstructError {
    fn from(error: AllocError) -> Self {
        Self::from(Error::from(error))
    }
}

/// Sentences that device-mapper is about to print.
///
/// It keeps the pointer `ti->error` only until it has printed the text, right
/// after the constructor. So a few static places, used in turn, suffice; should
/// more constructors fail at the same moment, a text may come out mixed, but
/// always terminated: the last byte of a place is never written.
struct Ring {
    next: Atomic<u32>,
    places: [[Atomic<i8>; SENTENCE_BYTES]; Self::PLACES],
}

static RING: Ring = Ring {
    next: Atomic::new(0),
    places: [const { [const { Atomic::new(0) }; SENTENCE_BYTES] }; Ring::PLACES],
};

impl Ring {
    const PLACES: usize = 8;

    fn publish(&self, sentence: &str) -> *mut c_char {
        // ORDERING: only spreads the writers; the pointer is published by the
        // constructor's return.
        let turn = self.next.fetch_add(1, Relaxed) as usize % Self::PLACES;
        let Some(place) = self.places.get(turn) else {
            return c"".as_char_ptr().cast_mut();
        };
        let text = Iterator::chain(sentence.bytes(), iter::repeat(0));
        for (byte, value) in place.iter().take(SENTENCE_BYTES - 1).zip(text) {
            // CAST: the same bits; C reads them as characters.
            byte.store(value as i8, Relaxed);
        }
        place.as_ptr().cast::<c_char>().cast_mut()
    }
}
