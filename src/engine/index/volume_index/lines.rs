// SPDX-License-Identifier: GPL-2.0-only

//! The memory of a segment: words, aligned so that a bucket of eight words is one cache line.

use kernel::alloc::{AllocError, Flags, KVVec, VVec};

/// Words of a cache line.
pub(super) const LINE_WORDS: usize = 8;

/// A cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [u64; LINE_WORDS]);

/// The words of a segment; none while it is not resident.
///
/// A segment that still grows is not a power of two in size. The allocator of contiguous memory would round it up to
/// one, so it is put together of pages instead. At its final size it is contiguous where that is to be had, which
/// spares address translation.
#[derive(Debug)]
pub(super) enum Lines {
    Growing(VVec<Line>),
    Full(KVVec<Line>),
}

impl Lines {
    /// No words.
    pub(super) const NONE: Self = Self::Growing(VVec::new());

    /// So many lines of zeros; may sleep.
    pub(super) fn new(lines: usize, is_final: bool, flags: Flags) -> Result<Self, AllocError> {
        let zero = Line([0; LINE_WORDS]);
        Ok(if is_final {
            Self::Full(KVVec::from_elem(zero, lines, flags)?)
        } else {
            Self::Growing(VVec::from_elem(zero, lines, flags)?)
        })
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[Line] {
        match self {
            Self::Growing(lines) => lines,
            Self::Full(lines) => lines,
        }
    }

    #[inline]
    pub(super) fn as_mut_slice(&mut self) -> &mut [Line] {
        match self {
            Self::Growing(lines) => lines,
            Self::Full(lines) => lines,
        }
    }

    /// Memory in bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        size_of_val(self.as_slice()) as u64
    }
}
