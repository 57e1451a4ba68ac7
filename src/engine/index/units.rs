// SPDX-License-Identifier: GPL-2.0-only

//! What a number of the index counts is part of its type.

/// A block of the pool, counted from its beginning; at most [`Pbn::BITS`] bits are ever stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Pbn(pub u64);

/// A chapter, counted from [`Chapter::FIRST`] for ever: a later chapter has a greater number, also after a restart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Chapter(pub u64);

/// The lower bits of a chapter's number: enough to tell apart those that the volume index may speak of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChapterCode(pub u16);

/// A record page of a chapter, counted from 0 in the order of the names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Page(pub u32);

/// A segment of the volume index, counted from 0 in the order of the names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Segment(pub u32);

/// A segment image, counted from 0 for ever: images are written round robin, so the number tells segment and place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Image(pub u64);

impl Pbn {
    /// Bits of a block number: 64 PiB of blocks of 4 KiB.
    pub const BITS: u32 = 44;
}

impl Chapter {
    /// The first chapter of a volume.
    pub const FIRST: Self = Self(1);
    /// Chapters are below this, so that no sum of a few of them overflows.
    pub const LIMIT: u64 = 1 << 62;

    /// The chapter that is filled after this one.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The code of `bits` bits, at most 14.
    pub fn code(self, bits: u32) -> ChapterCode {
        // CAST: below the limit.
        ChapterCode((self.0 & mask(bits)) as u16)
    }

    /// The newest chapter up to this one that has a code of `bits` bits; none before the first.
    pub fn newest_with(self, code: ChapterCode, bits: u32) -> Option<Self> {
        let age = self.0.wrapping_sub(u64::from(code.0)) & mask(bits);
        self.0
            .checked_sub(age)
            .filter(|chapter| *chapter >= Self::FIRST.0)
            .map(Self)
    }

    /// The slot, of `slots`, where the chapter lies on the disk.
    pub fn slot(self, slots: u64) -> u64 {
        self.0.checked_rem(slots).unwrap_or(0)
    }
}

/// The lowest `bits` bits, at most as many as codes have.
fn mask(bits: u32) -> u64 {
    (1u64 << bits.min(63)).min(u64::from(ChapterCode::LIMIT)) - 1
}

impl ChapterCode {
    /// Codes are below this.
    pub const LIMIT: u16 = 1 << 14;
}

/// The chapters that are searched: from the oldest that has not expired to the newest that is closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// The oldest live chapter.
    pub oldest: Chapter,
    /// The newest closed chapter; the one before `oldest` if there is none.
    pub newest: Chapter,
}

impl Window {
    /// The window of a volume without a closed chapter.
    pub const EMPTY: Self = Self {
        oldest: Chapter::FIRST,
        newest: Chapter(0),
    };

    /// Whether a chapter is live.
    pub fn contains(&self, chapter: Chapter) -> bool {
        (self.oldest..=self.newest).contains(&chapter)
    }

    /// Live chapters.
    pub fn chapters(&self) -> u64 {
        self.newest
            .0
            .saturating_add(1)
            .saturating_sub(self.oldest.0)
    }
}
