// SPDX-License-Identifier: GPL-2.0-only

//! The keys that a zone is responsible for, and where each belongs in a table.

/// A range of keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyRange {
    /// The least key.
    pub first: u64,
    /// The greatest key.
    pub last: u64,
}

impl KeyRange {
    /// All keys.
    pub const ALL: Self = Self {
        first: 0,
        last: u64::MAX,
    };

    /// The keys of segments `first` up to but not including `end`, of `segments`: the segment of a key is the upper
    /// half of the product of the key and the number of segments. None if these are no segments.
    pub fn of_segments(first: u32, end: u32, segments: u32) -> Option<Self> {
        if first >= end || end > segments {
            return None;
        }
        let last = match least_key(end, segments) {
            Some(key) => key - 1,
            None => u64::MAX,
        };
        Some(Self {
            first: least_key(first, segments)?,
            last,
        })
    }

    /// Whether a key is in the range.
    pub fn contains(&self, key: u64) -> bool {
        (self.first..=self.last).contains(&key)
    }
}

/// The least key of a segment: the least that, times the number of segments, is not below the segment's number times
/// 2^64. None for the segment behind the last.
fn least_key(segment: u32, segments: u32) -> Option<u64> {
    if segment >= segments {
        return None;
    }
    let (segment, segments) = (u64::from(segment), u64::from(segments));
    // A quotient of 128 bits by 64 from two of 64: the kernel has no division of 128 bits. The segment's number is
    // below the divisor, which has 32 bits, so neither step loses any.
    let high = (segment << 32) / segments;
    let left = (segment << 32) % segments;
    let low = (left << 32).div_ceil(segments);
    Some((high << 32) + low)
}

/// Maps the keys of a range, in their order, to the places of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    first: u64,
    /// Leading zeros of the range's width: keys shifted by it use all 64 bits.
    shift: u32,
    multiplier: u64,
    last_place: usize,
}

impl Scale {
    /// Maps a range to `places` places, at least one.
    pub(super) fn new(range: KeyRange, places: usize) -> Self {
        let width = range.last.saturating_sub(range.first).max(1);
        let shift = width.leading_zeros();
        let places = (places as u64).clamp(1, 1 << 40);
        // places * 2^64 / (width << shift), from numbers of 64 bits: both sides are shifted as far as `places` can be,
        // and the divisor is rounded up.
        let room = places.leading_zeros();
        let divisor = ((width << shift) >> (64 - room)) + 1;
        Self {
            first: range.first,
            shift,
            multiplier: (places << room) / divisor,
            // CAST: at most what the caller gave.
            last_place: (places - 1) as usize,
        }
    }

    /// The place of a key; keys outside of the range are at its ends.
    pub(super) fn place(&self, key: u64) -> usize {
        let inside = key.saturating_sub(self.first) << self.shift;
        // CAST: the upper half of the product.
        let place = ((u128::from(inside) * u128::from(self.multiplier)) >> 64) as usize;
        place.min(self.last_place)
    }
}
