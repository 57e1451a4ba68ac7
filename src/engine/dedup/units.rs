// SPDX-License-Identifier: GPL-2.0-only

//! What a number counts is part of its type.

/// A block of the volume, as its user counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Lbn(pub u64);

/// A block of main that holds data: its number on main. Never below [`Pbn::FIRST`], where other things lie.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Pbn(pub u64);

/// A block of the journal, numbered for ever: a later one has a greater number, also after a restart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Lsn(pub u64);

/// A metadata page: its number among presence, map and pool pages, in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct PageNumber(pub u32);

/// The journal blocks of one commit, numbered from the activation on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Batch(pub u64);

/// A hash of a block's content.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Fingerprint(pub [u8; 16]);

/// One of the two devices.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leg {
    /// Holds the data, and all metadata.
    Main,
    /// Holds copies of superblock and checkpoints.
    Spare,
}

impl Pbn {
    /// Lower numbers never are data blocks.
    pub const FIRST: Self = Self(16);
    /// Bits of a block number wherever one is stored.
    pub const BITS: u32 = 40;
}

impl Lsn {
    /// The first one of a volume.
    pub const FIRST: Self = Self(1);
    /// Numbers are below this, so that no sum of a few of them overflows.
    pub const LIMIT: u64 = crate::engine::format::block_header::SEQUENCE_LIMIT;

    /// The one so many blocks behind.
    pub fn after(self, blocks: u64) -> Self {
        Self(self.0.saturating_add(blocks))
    }

    /// How many blocks this one lies behind another.
    pub fn since(self, other: Self) -> u64 {
        self.0.saturating_sub(other.0)
    }
}

impl Batch {
    /// The one that is opened when this one is closed.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl Leg {
    /// Both, in the order in which they are written.
    pub const BOTH: [Self; 2] = [Self::Main, Self::Spare];

    /// 0 for main, 1 for the spare.
    pub fn index(self) -> usize {
        match self {
            Self::Main => 0,
            Self::Spare => 1,
        }
    }
}
