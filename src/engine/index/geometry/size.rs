// SPDX-License-Identifier: GPL-2.0-only

//! The sizes that a user can name.

use core::fmt;

/// Memory of an index, in MiB: 16, 32, 64, 128, 256, 512, 768, or 1 to 1024 times 1024.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct MemorySize(u32);

impl MemorySize {
    /// Sizes below one GiB.
    const SMALL: [u32; 7] = [16, 32, 64, 128, 256, 512, 768];
    /// The largest, in GiB.
    const GIBIBYTES_MAXIMUM: u32 = 1024;

    /// The size of so many MiB; none if it has no name.
    pub fn from_mebibytes(mebibytes: u32) -> Option<Self> {
        let large =
            mebibytes % 1024 == 0 && (1..=Self::GIBIBYTES_MAXIMUM).contains(&(mebibytes / 1024));
        (large || Self::SMALL.contains(&mebibytes)).then_some(Self(mebibytes))
    }

    /// MiB.
    pub fn mebibytes(self) -> u32 {
        self.0
    }

    /// Bytes.
    pub fn bytes(self) -> u64 {
        u64::from(self.0) << 20
    }

    /// All sizes, small ones first.
    pub fn all() -> impl Iterator<Item = Self> {
        let large = (1..=Self::GIBIBYTES_MAXIMUM).map(|gibibytes| gibibytes * 1024);
        Self::SMALL.into_iter().chain(large).map(Self)
    }
}

impl fmt::Display for MemorySize {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            256 => write!(out, "0.25 GB"),
            512 => write!(out, "0.5 GB"),
            768 => write!(out, "0.75 GB"),
            small @ 0..1024 => write!(out, "{small} MB"),
            large => write!(out, "{} GB", large / 1024),
        }
    }
}
