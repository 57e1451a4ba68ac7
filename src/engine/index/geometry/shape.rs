// SPDX-License-Identifier: GPL-2.0-only

//! How the volume index is laid out: segments of buckets of a few words.

/// Bits of a word.
const WORD_BITS: u32 = 64;
/// Bits of a tag behind its mini-bucket number.
pub const REMAINDER_BITS: u32 = 11;
/// Words of the largest bucket: a cache line.
pub const BUCKET_WORDS_MAXIMUM: u32 = 8;
/// Entries of a full index, of a hundred places.
const FILL_PERCENT: u64 = 95;

/// The form of one volume index: all its segments have the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IndexShape {
    /// Segments of all zones together.
    pub segments: u32,
    /// Buckets of a segment: two to the power of this.
    pub bucket_bits: u32,
    /// Words of 8 bytes of a bucket in a full segment.
    pub bucket_words: u32,
    /// Bits of a chapter code: the chapter's number modulo a power of two.
    pub code_bits: u32,
}

impl IndexShape {
    /// Entries of a bucket of so many words: tag, chapter code, and two bits for the bitmap of mini-buckets.
    pub const fn entries(bucket_words: u32, code_bits: u32) -> u32 {
        bucket_words * WORD_BITS / (2 + REMAINDER_BITS + code_bits)
    }

    /// Places of a segment.
    fn places(bucket_words: u32, code_bits: u32, bucket_bits: u32) -> u64 {
        u64::from(Self::entries(bucket_words, code_bits)) << bucket_bits
    }

    /// Segments that `records` need when the index is full; at least one.
    pub(super) fn segments_for(records: u64, code_bits: u32, bucket_bits: u32) -> u64 {
        let places = Self::places(BUCKET_WORDS_MAXIMUM, code_bits, bucket_bits);
        (records * 100)
            .div_ceil((places * FILL_PERCENT).max(1))
            .max(1)
    }

    /// Words of a bucket that `records` need in so many segments; none if a cache line is too small.
    pub(super) fn words_for(
        records: u64,
        segments: u64,
        code_bits: u32,
        bucket_bits: u32,
    ) -> Option<u32> {
        (1..=BUCKET_WORDS_MAXIMUM).find(|words| {
            let places = Self::places(*words, code_bits, bucket_bits) * segments;
            records * 100 <= places * FILL_PERCENT
        })
    }

    /// Bytes of a full segment.
    pub fn segment_bytes(&self) -> u64 {
        (u64::from(self.bucket_words) * 8) << self.bucket_bits
    }

    /// Bytes of all segments when they are full.
    pub fn bytes(&self) -> u64 {
        self.segment_bytes() * u64::from(self.segments)
    }
}
