// SPDX-License-Identifier: GPL-2.0-only

//! How the volume index is divided: segments, buckets, and the bits of a bucket.

use super::image::IMAGE_PREFIX_BYTES;
use super::lines::LINE_WORDS;
use crate::engine::index::units::Segment;

/// Words of a bucket that has grown to its final size: one cache line.
pub(super) const STRIDE_MAXIMUM: usize = LINE_WORDS;
/// Most buckets of a segment, as a power of two: segments of 64 KiB.
pub const BUCKET_BITS_MAXIMUM: u32 = 10;
/// Most bits of a chapter code.
pub const CODE_BITS_MAXIMUM: u32 = 16;
/// The bitmap of a bucket, with the bit that a search puts before it, must fit a word.
const BITMAP_BITS_MAXIMUM: u32 = 63;
/// An absent name may be believed to be there in one of so many lookups.
const LOOKUPS_PER_FALSE_HIT: u64 = 1000;

/// The bits of the buckets of a segment whose buckets have `stride` words.
///
/// From the lowest bit on: the bitmap, in `entries_at` bits, and the entries. The bitmap has, for each mini-bucket in
/// turn, a zero for each of its entries and a one behind them. An entry is its remainder above its chapter code;
/// entries lie in the order of the bitmap. All bits that are not used are zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BucketLayout {
    pub(super) stride: usize,
    /// Most entries.
    pub(super) slots: usize,
    pub(super) mini_buckets: usize,
    pub(super) entries_at: usize,
    pub(super) entry_bits: usize,
    pub(super) code_bits: usize,
    pub(super) lanes: Lanes,
}

/// Several entries side by side in a word, for work on all of them at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Lanes {
    /// How many fit.
    pub(super) count: usize,
    /// The lowest bit of each.
    pub(super) ones: u64,
    /// The highest bit of each.
    pub(super) highs: u64,
    /// The codes.
    pub(super) codes: u64,
    /// The remainders.
    pub(super) remainders: u64,
    /// What carries any remainder but zero into the highest bit.
    pub(super) carries: u64,
}

/// Where a name belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) segment: Segment,
    /// The bucket that the key tells.
    pub(super) first: usize,
    /// The other one.
    pub(super) second: usize,
    pub(super) tag: Tag,
}

/// What a bucket keeps of a name: the number of the mini-bucket, which costs no bits, and a remainder, which does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Tag {
    pub(super) mini_bucket: usize,
    pub(super) remainder: u64,
}

impl Tag {
    /// The tag with this number.
    #[inline]
    fn from_number(number: u64, remainder_bits: u32) -> Self {
        // CAST: below the number of mini-buckets.
        let mini_bucket = number.wrapping_shr(remainder_bits) as usize;
        let remainder = number ^ (mini_bucket as u64).wrapping_shl(remainder_bits);
        Self {
            mini_bucket,
            remainder,
        }
    }

    /// The number of the tag: tags in the order of their numbers are in the order of their keys.
    #[inline]
    fn number(self, remainder_bits: u32) -> u64 {
        (self.mini_bucket as u64).wrapping_shl(remainder_bits) | self.remainder
    }
}

/// How a volume index is divided; the same for all zones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    segments: u32,
    bucket_bits: u32,
    code_bits: u32,
    remainder_bits: u32,
    mini_buckets: u32,
    /// How many tags there are.
    tags: u64,
    /// Buckets that can be an entry's other bucket.
    distances: u64,
    /// By words of a bucket, from 1 on.
    layouts: &'static Layouts,
}

/// By words of a bucket, from 1 on.
type Layouts = [BucketLayout; STRIDE_MAXIMUM];

/// By bits of a chapter code. Computed by the compiler, so that a shape is small enough to be passed by value in a
/// kernel, whose stacks are small.
static LAYOUTS: [Layouts; CODE_BITS_MAXIMUM as usize + 1] = all_layouts();

impl Shape {
    /// The shape of an index of a window of so many records, whose chapters are told apart by codes of `code_bits`
    /// bits; a segment has `1 << bucket_bits` buckets. None if a number is zero or too great.
    pub fn new(records: u64, code_bits: u32, bucket_bits: u32) -> Option<Self> {
        let known = (1..=CODE_BITS_MAXIMUM).contains(&code_bits)
            && (1..=BUCKET_BITS_MAXIMUM).contains(&bucket_bits)
            && records != 0;
        let (slots, remainder_bits, mini_buckets) = known.then(|| divide_bucket(code_bits))??;
        let per_segment = segment_records(u64::from(slots) << bucket_bits);
        let segments = u32::try_from(records.div_ceil(per_segment.max(1))).ok()?;
        // CAST: 32 bits fit.
        let layouts = LAYOUTS.get(code_bits as usize)?;
        Some(Self {
            segments,
            bucket_bits,
            code_bits,
            remainder_bits,
            mini_buckets,
            tags: u64::from(mini_buckets) << remainder_bits,
            distances: (1 << bucket_bits) - 1,
            layouts,
        })
    }

    /// Segments of all zones together.
    pub fn segments(&self) -> u32 {
        self.segments
    }

    /// Buckets of a segment.
    pub fn buckets(&self) -> usize {
        1 << self.bucket_bits
    }

    /// Bits of a chapter code.
    pub fn code_bits(&self) -> u32 {
        self.code_bits
    }

    /// Entries that a segment holds at most.
    pub fn segment_slots(&self) -> u64 {
        (self.layout(STRIDE_MAXIMUM).slots as u64) << self.bucket_bits
    }

    /// Bytes of the words of a segment that has grown to its final size.
    pub fn segment_bytes(&self) -> usize {
        (STRIDE_MAXIMUM * size_of::<u64>()) << self.bucket_bits
    }

    /// Entries that a segment is planned to hold when the window is full.
    pub fn segment_records(&self) -> u64 {
        segment_records(self.segment_slots())
    }

    /// Bytes of the longest image of a segment.
    pub fn image_bytes(&self) -> usize {
        IMAGE_PREFIX_BYTES + self.segment_bytes()
    }

    /// The segment that a name with this key belongs to. Grows with the key.
    #[inline]
    pub fn segment_of(&self, key: u64) -> Segment {
        // CAST: the product's upper half is below the number of segments.
        Segment(((u128::from(key) * u128::from(self.segments)) >> 64) as u32)
    }

    /// The smallest key of a segment; none for the segment behind the last one.
    pub fn first_key(&self, segment: Segment) -> Option<u64> {
        let segments = u64::from(self.segments.max(1));
        // The segment's number times 2^64, divided in two steps of 32 bits: the kernel cannot divide 128 bits.
        let high = u64::from(segment.0) << 32;
        let low = (high % segments) << 32;
        let start = ((high / segments) << 32) | (low / segments);
        (segment.0 < self.segments).then(|| start + u64::from(low % segments != 0))
    }

    /// Where a name with this key belongs. Segment, first bucket and tag together grow with the key.
    #[inline]
    pub(super) fn place(&self, key: u64) -> Place {
        let product = u128::from(key) * u128::from(self.segments);
        // CAST: the upper half is below the number of segments; the lower half is what is left of the key.
        let (segment, rest) = ((product >> 64) as u32, product as u64);
        // CAST: the topmost bits, at most 10.
        let first = (rest >> 1).wrapping_shr(63 - self.bucket_bits) as usize;
        let tags = u128::from(rest.wrapping_shl(self.bucket_bits)) * u128::from(self.tags);
        // CAST: the upper half, which is below the number of tags.
        let tag = Tag::from_number((tags >> 64) as u64, self.remainder_bits);
        Place {
            segment: Segment(segment),
            first,
            second: self.other_bucket(first, tag),
            tag,
        }
    }

    /// The bucket where an entry of this bucket may lie instead. It follows from what the bucket keeps, and leads back.
    #[inline]
    pub(super) fn other_bucket(&self, bucket: usize, tag: Tag) -> usize {
        // The odd number is the golden ratio's fraction of 2^64, the usual multiplier of Fibonacci hashing.
        let hash = tag
            .number(self.remainder_bits)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            >> 32;
        // From 1 to the number of buckets less 1, so that the two buckets differ.
        let distance = 1 + (hash.wrapping_mul(self.distances) >> 32);
        // CAST: below the number of buckets.
        bucket ^ distance as usize
    }

    /// The layout of buckets of so many words, from 1 to [`STRIDE_MAXIMUM`].
    #[inline]
    pub(super) fn layout(&self, stride: usize) -> &BucketLayout {
        &self.layouts[stride.wrapping_sub(1) % STRIDE_MAXIMUM]
    }

    /// Numbers by which the images of another shape are recognised.
    pub(super) fn signature(&self) -> [u8; 4] {
        // CAST: each is at most 63.
        [
            self.bucket_bits as u8,
            self.code_bits as u8,
            self.remainder_bits as u8,
            self.mini_buckets as u8,
        ]
    }
}

/// Slots, bits of a remainder and mini-buckets of a bucket of one cache line: the most slots with which false hits are
/// rare enough, and with them the rarest false hits.
const fn divide_bucket(code_bits: u32) -> Option<(u32, u32, u32)> {
    let bits = 64 * STRIDE_MAXIMUM as u32;
    let mut slots = BITMAP_BITS_MAXIMUM - 1;
    while slots > 0 {
        let mut best = (0, 0, 0);
        let mut tags = 0;
        let mut remainder_bits = 4;
        while remainder_bits <= 24 && slots * (1 + remainder_bits + code_bits) < bits {
            let left = bits - slots * (1 + remainder_bits + code_bits);
            let most = BITMAP_BITS_MAXIMUM - slots;
            let mini_buckets = if left < most { left } else { most };
            if (mini_buckets as u64) << remainder_bits >= tags {
                tags = (mini_buckets as u64) << remainder_bits;
                best = (slots, remainder_bits, mini_buckets);
            }
            remainder_bits += 1;
        }
        // A lookup compares with the entries of two buckets, of which 19 in 20 slots are taken.
        let compared = (2 * slots) as u64 * 19 / 20;
        if tags != 0 && tags >= compared * LOOKUPS_PER_FALSE_HIT {
            return Some(best);
        }
        slots -= 1;
    }
    None
}

const fn all_layouts() -> [Layouts; CODE_BITS_MAXIMUM as usize + 1] {
    let nothing = bucket_layout(1, 1, 4, 1);
    let mut all = [[nothing; STRIDE_MAXIMUM]; CODE_BITS_MAXIMUM as usize + 1];
    let mut code_bits = 1;
    while code_bits <= CODE_BITS_MAXIMUM {
        let mut stride = 1;
        while stride <= STRIDE_MAXIMUM {
            if let Some((_, remainder_bits, mini_buckets)) = divide_bucket(code_bits) {
                all[code_bits as usize][stride - 1] =
                    bucket_layout(stride, code_bits, remainder_bits, mini_buckets);
            }
            stride += 1;
        }
        code_bits += 1;
    }
    all
}

/// Records for which a segment of so many slots is planned. Names fall at random, so the records of a segment are
/// Poisson distributed: six standard deviations above the mean still leave 1 % of the slots free.
fn segment_records(slots: u64) -> u64 {
    let limit = slots * 99 / 100;
    let mut low = 1;
    let mut high = limit.max(1);
    while low < high {
        let middle = (low + high).div_ceil(2);
        if middle + (36 * middle).isqrt() <= limit {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}

const fn bucket_layout(
    stride: usize,
    code_bits: u32,
    remainder_bits: u32,
    mini_buckets: u32,
) -> BucketLayout {
    let mini_buckets = mini_buckets as usize;
    // CAST: at most 40.
    let entry_bits = (remainder_bits + code_bits) as usize;
    let fit = (64 * stride).saturating_sub(mini_buckets) / (1 + entry_bits);
    let most = BITMAP_BITS_MAXIMUM as usize - mini_buckets;
    let slots = if fit < most { fit } else { most };
    BucketLayout {
        stride,
        slots,
        mini_buckets,
        entries_at: mini_buckets + slots,
        entry_bits,
        code_bits: code_bits as usize,
        lanes: lanes(entry_bits, code_bits),
    }
}

const fn lanes(entry_bits: usize, code_bits: u32) -> Lanes {
    let count = 64 / entry_bits;
    let mut ones = 0;
    let mut lane = 0;
    while lane < count {
        ones |= 1 << (lane * entry_bits);
        lane += 1;
    }
    let highs = ones << (entry_bits - 1);
    let codes = ones * ((1 << code_bits) - 1);
    Lanes {
        count,
        ones,
        highs,
        codes,
        remainders: highs | (highs - ones) & !codes,
        carries: highs - (ones << code_bits),
    }
}
