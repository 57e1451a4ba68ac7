// SPDX-License-Identifier: GPL-2.0-only

//! A record: the name of a block's content, and where that content lies.

use super::units::Pbn;

/// Bytes of a name.
pub const NAME_BYTES: usize = 16;
/// Bytes of the data of a record.
pub const DATA_BYTES: usize = 6;
/// Bytes of a record on the disk.
pub const RECORD_BYTES: usize = NAME_BYTES + DATA_BYTES;

/// One name in so many is a hook, as in UDS.
const HOOK_INTERVAL: u64 = 32;

/// The fingerprint of a block. Its bits should look random; biased ones lower the rate of deduplication, and break
/// nothing.
///
/// Names are ordered as their bytes are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Name {
    /// Bytes 0 to 7, big-endian: decides segment, zone, bucket, tag and the order within a chapter.
    pub key: u64,
    /// Bytes 8 to 15, big-endian: decides whether the name is a hook.
    pub rest: u64,
}

impl Name {
    /// The name that consists of these bytes.
    pub fn from_bytes(bytes: [u8; NAME_BYTES]) -> Self {
        let both = u128::from_be_bytes(bytes);
        Self {
            // CAST: the upper and the lower half.
            key: (both >> 64) as u64,
            rest: both as u64,
        }
    }

    /// The bytes of the name.
    pub fn to_bytes(self) -> [u8; NAME_BYTES] {
        ((u128::from(self.key) << 64) | u128::from(self.rest)).to_be_bytes()
    }

    /// The upper half of the key, by which record pages are told apart.
    pub fn prefix(self) -> u32 {
        // CAST: the upper half of 64 bits.
        (self.key >> 32) as u32
    }

    /// Whether the name is in the sample that a sparse index keeps of its old chapters.
    pub fn is_hook(self) -> bool {
        self.rest % HOOK_INTERVAL == 0
    }
}

/// What is known about a name: a block number of 44 bits and 4 flags, whose meaning is the user's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Data(u64);

impl Data {
    /// Bits of the flags.
    pub const FLAG_BITS: u32 = 4;
    /// Bits of all.
    const BITS: u32 = Pbn::BITS + Self::FLAG_BITS;

    /// A block and flags; none if one of them has too many bits.
    pub fn new(pbn: Pbn, flags: u8) -> Option<Self> {
        let fits = pbn.0 < 1 << Pbn::BITS && flags < 1 << Self::FLAG_BITS;
        fits.then(|| Self(pbn.0 | (u64::from(flags) << Pbn::BITS)))
    }

    /// The block.
    pub fn pbn(self) -> Pbn {
        Pbn(self.0 & ((1 << Pbn::BITS) - 1))
    }

    /// The flags.
    pub fn flags(self) -> u8 {
        // CAST: at most four bits are left.
        (self.0 >> Pbn::BITS) as u8
    }

    /// All 48 bits: the block below the flags.
    pub fn bits(self) -> u64 {
        self.0
    }

    /// The data with these 48 bits; further ones are dropped.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits & ((1 << Self::BITS) - 1))
    }
}
