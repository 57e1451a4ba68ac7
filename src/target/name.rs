// SPDX-License-Identifier: GPL-2.0-only

//! The name under which the log speaks of a target.

use kernel::fmt;

/// Longest name that is kept, in bytes; "major:minor" of two 32-bit numbers needs 21.
const LENGTH_MAX: usize = 24;

/// The mapped device's "major:minor" name, copied, since dm's own is not ours to keep.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name {
    bytes: [u8; LENGTH_MAX],
    length: usize,
}

impl Name {
    /// Copies `name`, as much of it as fits.
    pub(crate) fn new(name: &str) -> Self {
        let mut bytes = [0; LENGTH_MAX];
        let mut length = 0;
        for (place, byte) in bytes.iter_mut().zip(name.bytes()) {
            *place = byte;
            length += 1;
        }
        Self { bytes, length }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes.get(..self.length).unwrap_or(&[]);
        f.write_str(core::str::from_utf8(bytes).unwrap_or("?"))
    }
}
