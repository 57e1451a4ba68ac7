// SPDX-License-Identifier: GPL-2.0-only

//! Formatting into a fixed buffer, with truncation instead of errors.

use core::{
    iter,
    mem::MaybeUninit, //
};
use kernel::fmt;

/// A NUL-terminated text in a buffer of fixed size.
///
/// Formatting never fails: what does not fit is cut off, byte by byte, so that
/// a text that was cut always fills the buffer to its last byte. That is how
/// device-mapper notices that a user's buffer was too small.
///
/// # Invariants
///
/// - The first `used` bytes of `buffer` are initialised.
/// - `used < buffer.len()` and the byte at `used` is NUL, unless the buffer is
///   empty.
pub struct TextBuffer<'a> {
    buffer: &'a mut [MaybeUninit<u8>],
    used: usize,
}

impl<'a> TextBuffer<'a> {
    /// Starts an empty text in `buffer`, terminator included.
    pub fn new(buffer: &'a mut [MaybeUninit<u8>]) -> Self {
        if let Some(first) = buffer.first_mut() {
            first.write(0);
        }
        // INVARIANT: the text is empty and the first byte, if any, is NUL.
        Self { buffer, used: 0 }
    }

    /// Appends formatted text, as far as it fits.
    pub fn put(&mut self, text: fmt::Arguments<'_>) {
        // The only error is one that an argument's own formatting raised; what
        // was written before it stays.
        let _ = fmt::Write::write_fmt(self, text);
    }

    /// Returns the length of the text in bytes, without the terminator.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Returns whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    fn room(&self) -> usize {
        self.buffer
            .len()
            .saturating_sub(self.used)
            .saturating_sub(1)
    }
}

impl fmt::Write for TextBuffer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let fitting = text.len().min(self.room());
        let bytes = text.bytes().take(fitting);
        let terminated = Iterator::chain(bytes, iter::once(0));
        let Some(rest) = self.buffer.get_mut(self.used..) else {
            return Ok(());
        };
        for (slot, byte) in rest.iter_mut().zip(terminated) {
            slot.write(byte);
        }
        // INVARIANT: `fitting` bytes and a NUL behind them were written, and
        // `room` left place for that NUL.
        self.used = self.used.saturating_add(fitting);
        Ok(())
    }
}
