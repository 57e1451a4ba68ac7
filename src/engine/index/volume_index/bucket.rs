// SPDX-License-Identifier: GPL-2.0-only

//! One bucket: a quotient filter of some hundred bits.
//!
//! Knuth's quotienting (The Art of Computer Programming 3, exercise 6.4-13) in small: of a tag the bucket keeps a
//! remainder only; the rest follows from the entry's place in a bitmap. Bender and others have shown the bitmap of
//! mini-buckets within a cache line ("Vector Quotient Filters", 2021); chapter codes beside the remainders, and
//! buckets that grow, are this index's own.

use super::codes::Codes;
use super::lines::{Line, LINE_WORDS};
use super::select::select;
use super::shape::{BucketLayout, Tag, STRIDE_MAXIMUM};

/// The entries of one mini-bucket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Run {
    /// Where the bitmap has the first one's bit.
    pub(super) bit: usize,
    /// The first one.
    pub(super) entry: usize,
    /// How many.
    pub(super) length: usize,
}

/// The run of a mini-bucket.
#[inline]
fn run(bitmap: u64, mini_bucket: usize) -> Run {
    // The run begins behind the one that ends the mini-bucket before it; the bit put in front stands for that of the
    // first mini-bucket.
    let bit = select((bitmap << 1) | 1, mini_bucket) & 63;
    Run {
        bit,
        entry: bit.wrapping_sub(mini_bucket),
        // CAST: at most 64.
        length: (bitmap >> bit).trailing_zeros() as usize,
    }
}

/// Where a bit is: its word, and its place in it.
#[inline]
fn position(bit: usize) -> (usize, u32) {
    // CAST: below 64.
    (bit / 64, (bit % 64) as u32)
}

/// The `bits` lowest bits, of which there must be fewer than 64.
#[inline]
fn low(bits: u32) -> u64 {
    (1u64 << (bits & 63)).wrapping_sub(1)
}

/// The `bits` lowest bits, all if there are 64 or more.
#[inline]
fn low_or_all(bits: usize) -> u64 {
    if bits < 64 {
        // CAST: below 64.
        low(bits as u32)
    } else {
        u64::MAX
    }
}

/// The words of a bucket; those behind its stride are zero.
pub(super) type Words = [u64; STRIDE_MAXIMUM];

/// The bits from `bit` on. Behind the last word begins the first one again; no entry has bits there.
#[inline]
fn bits(words: &Words, bit: usize) -> u64 {
    let (word, shift) = position(bit);
    let next = words[(word + 1) % STRIDE_MAXIMUM];
    (words[word % STRIDE_MAXIMUM] >> shift) | (next << 1 << (63 - shift))
}

/// The bits of an entry.
#[inline]
fn entry(words: &Words, layout: &BucketLayout, entry: usize) -> u64 {
    let at = layout.entries_at + entry.wrapping_mul(layout.entry_bits);
    // CAST: at most 40.
    bits(words, at) & low(layout.entry_bits as u32)
}

/// Calls `found` with the code of each entry of this tag.
#[inline]
pub(super) fn find(words: &Words, layout: &BucketLayout, tag: Tag, found: &mut impl FnMut(u64)) {
    let run = run(words[0], tag.mini_bucket);
    let at = layout
        .entries_at
        .wrapping_add(run.entry.wrapping_mul(layout.entry_bits));
    // Nearly every run fits into a word, and is compared with the tag as a whole: a remainder that agrees leaves zeros,
    // which do not carry into the lane's highest bit.
    let lanes = &layout.lanes;
    // CAST: at most 16.
    let wanted = lanes
        .ones
        .wrapping_mul(tag.remainder.wrapping_shl(layout.code_bits as u32));
    let other = (bits(words, at) ^ wanted) & lanes.remainders;
    let carried = (other & !lanes.highs).wrapping_add(lanes.carries) | other;
    let there = low_or_all(run.length.wrapping_mul(layout.entry_bits));
    if !carried & lanes.highs & there != 0 || run.length > lanes.count {
        find_each(words, layout, run, tag, found);
    }
}

/// The same, one entry after another.
#[cold]
fn find_each(
    words: &Words,
    layout: &BucketLayout,
    run: Run,
    tag: Tag,
    found: &mut impl FnMut(u64),
) {
    for index in 0..run.length.min(layout.slots) {
        let entry = entry(words, layout, run.entry.wrapping_add(index));
        if entry >> layout.code_bits == tag.remainder {
            // CAST: at most 16.
            found(entry & low(layout.code_bits as u32));
        }
    }
}

/// A word of a segment's lines.
#[inline]
fn word(lines: &[Line], at: usize) -> u64 {
    lines
        .get(at / LINE_WORDS)
        .map_or(0, |line| line.0[at % LINE_WORDS])
}

/// The first word of a bucket, with the bitmap; zero if there is no such bucket.
#[inline]
pub(super) fn head(lines: &[Line], layout: &BucketLayout, bucket: usize) -> u64 {
    word(lines, bucket.wrapping_mul(layout.stride))
}

/// An entry found: where, and the code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Found {
    pub(super) entry: usize,
    /// Its bit in the bitmap.
    pub(super) bit: usize,
    pub(super) tag: Tag,
    pub(super) code: u64,
}

/// The bits of word `index` at or behind bit `shift` of word `first`.
#[inline]
fn reach(index: usize, first: usize, shift: u32) -> u64 {
    let here = if index == first { !low(shift) } else { 0 };
    let above = if index > first { u64::MAX } else { 0 };
    here | above
}

/// A bucket taken out to be changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Bucket {
    pub(super) words: Words,
}

impl Bucket {
    /// A bucket without entries.
    pub(super) fn empty(layout: &BucketLayout) -> Self {
        let mut words = [0; STRIDE_MAXIMUM];
        // CAST: below 64.
        words[0] = low(layout.mini_buckets as u32);
        Self { words }
    }

    #[inline]
    pub(super) fn read(lines: &[Line], layout: &BucketLayout, bucket: usize) -> Self {
        let mut words = [0; STRIDE_MAXIMUM];
        if layout.stride == LINE_WORDS {
            if let Some(line) = lines.get(bucket) {
                words = line.0;
            }
        } else {
            let start = bucket.wrapping_mul(layout.stride);
            for (index, target) in words.iter_mut().take(layout.stride).enumerate() {
                *target = word(lines, start.wrapping_add(index));
            }
        }
        Self { words }
    }

    #[inline]
    pub(super) fn write(&self, lines: &mut [Line], layout: &BucketLayout, bucket: usize) {
        if layout.stride == LINE_WORDS {
            if let Some(line) = lines.get_mut(bucket) {
                line.0 = self.words;
            }
            return;
        }
        let start = bucket.wrapping_mul(layout.stride);
        for (index, word) in self.words.iter().take(layout.stride).enumerate() {
            let at = start.wrapping_add(index);
            if let Some(line) = lines.get_mut(at / LINE_WORDS) {
                line.0[at % LINE_WORDS] = *word;
            }
        }
    }

    /// The bitmap alone.
    #[inline]
    fn bitmap(&self, layout: &BucketLayout) -> u64 {
        // CAST: at most 63.
        self.words[0] & low(layout.entries_at as u32)
    }

    /// How many entries there are.
    #[inline]
    pub(super) fn count(&self, layout: &BucketLayout) -> usize {
        count(self.words[0], layout)
    }

    /// The code of an entry.
    #[inline]
    pub(super) fn code(&self, layout: &BucketLayout, entry: usize) -> u64 {
        // CAST: at most 16.
        self::entry(&self.words, layout, entry) & low(layout.code_bits as u32)
    }

    /// Every entry, in the order in which they lie.
    pub(super) fn entries<'a>(
        &'a self,
        layout: &'a BucketLayout,
    ) -> impl Iterator<Item = Found> + 'a {
        // CAST: at most 63.
        let valid = low((layout.mini_buckets + self.count(layout)) as u32);
        let mut zeros = !self.words[0] & valid;
        (0..).map_while(move |entry: usize| {
            // CAST: at most 64.
            let bit = (zeros != 0).then_some(zeros.trailing_zeros() as usize)?;
            zeros &= zeros - 1;
            let bits = self::entry(&self.words, layout, entry);
            Some(Found {
                entry,
                bit,
                tag: Tag {
                    mini_bucket: bit.wrapping_sub(entry),
                    remainder: bits >> layout.code_bits,
                },
                // CAST: at most 16.
                code: bits & low(layout.code_bits as u32),
            })
        })
    }

    /// The entry with this tag and code.
    #[inline]
    pub(super) fn find(&self, layout: &BucketLayout, tag: Tag, code: u64) -> Option<Found> {
        let run = run(self.words[0], tag.mini_bucket);
        let wanted = (tag.remainder << layout.code_bits) | code;
        (0..run.length.min(layout.slots))
            .find(|index| entry(&self.words, layout, run.entry.wrapping_add(*index)) == wanted)
            .map(|index| Found {
                entry: run.entry.wrapping_add(index),
                bit: run.bit.wrapping_add(index),
                tag,
                code,
            })
    }

    /// Adds an entry. There must be room for it.
    #[inline]
    pub(super) fn insert(&mut self, layout: &BucketLayout, tag: Tag, code: u64) {
        let bitmap = self.bitmap(layout);
        let run = run(bitmap, tag.mini_bucket);
        // CAST: below 64.
        let below = low(run.bit as u32);
        let bitmap = bitmap & below | ((bitmap & !below) << 1);
        let at = layout.entries_at + run.entry.wrapping_mul(layout.entry_bits);
        let (first, shift) = position(at);
        // CAST: at most 40.
        let bits = layout.entry_bits as u32;
        // What lies at the place and behind it moves up. Every word goes the same way, moved or not, since a loop that
        // begins where the entry is would be mispredicted each time.
        let mut carry = 0u64;
        for (index, word) in self.words.iter_mut().enumerate() {
            let moving = *word & reach(index, first, shift);
            *word = *word ^ moving
                | moving.wrapping_shl(bits)
                | carry.wrapping_shr(64u32.wrapping_sub(bits));
            carry = moving;
        }
        let entry = tag.remainder.wrapping_shl(layout.code_bits as u32) | code;
        self.words[first % STRIDE_MAXIMUM] |= entry << shift;
        // Nothing is left of an entry that ends with the last word.
        self.words[(first + 1) % STRIDE_MAXIMUM] |= entry >> 1 >> (63 - shift);
        self.words[0] = self.words[0] & !bitmap_mask(layout) | bitmap & bitmap_mask(layout);
    }

    /// Takes an entry away.
    #[inline]
    pub(super) fn remove(&mut self, layout: &BucketLayout, entry: usize, bit: usize) {
        let bitmap = self.bitmap(layout);
        // CAST: below 64.
        let below = low(bit as u32);
        let bitmap = bitmap & below | (bitmap >> 1) & !below;
        let at = layout.entries_at + entry.wrapping_mul(layout.entry_bits);
        // CAST: at most 40.
        let bits = layout.entry_bits as u32;
        let (first, shift) = position(at);
        let mut above = 0u64;
        for (index, word) in self.words.iter_mut().enumerate().rev() {
            let moving = reach(index, first, shift);
            let moved = word.wrapping_shr(bits) | above.wrapping_shl(64u32.wrapping_sub(bits));
            above = *word;
            *word = *word & !moving | moved & moving;
        }
        self.words[0] = self.words[0] & !bitmap_mask(layout) | bitmap & bitmap_mask(layout);
    }

    /// Gives an entry another code.
    #[inline]
    pub(super) fn set_code(&mut self, layout: &BucketLayout, entry: usize, code: u64) {
        // CAST: at most 16.
        let mask = low(layout.code_bits as u32);
        let (at, shift) = position(layout.entries_at + entry.wrapping_mul(layout.entry_bits));
        let word = &mut self.words[at % STRIDE_MAXIMUM];
        *word = *word & !(mask << shift) | (code << shift);
        if let Some(word) = self.words.get_mut(at + 1) {
            let (mask, code) = (mask >> 1 >> (63 - shift), code >> 1 >> (63 - shift));
            *word = *word & !mask | code;
        }
    }

    /// Takes away every entry of a chapter that is not live; tells `dropped` of each code.
    #[inline]
    pub(super) fn purge(
        &mut self,
        layout: &BucketLayout,
        codes: &Codes,
        mut dropped: impl FnMut(u64),
    ) {
        let lanes = layout.lanes;
        let (to_age, to_limit) = codes.ages();
        let to_age = lanes.ones.wrapping_mul(to_age);
        let to_limit = lanes.ones.wrapping_mul(to_limit);
        // CAST: at most 16.
        let overflow = lanes.ones.wrapping_shl(layout.code_bits as u32);
        let lane_bits = lanes.count.wrapping_mul(layout.entry_bits);
        // Bits from here to the end of the entries, and where these begin.
        let mut left = self.count(layout).wrapping_mul(layout.entry_bits);
        let mut at = layout.entries_at;
        while left != 0 {
            let ages = (bits(&self.words, at) & lanes.codes).wrapping_add(to_age) & lanes.codes;
            let old = ages.wrapping_add(to_limit) & overflow & low_or_all(left);
            if old == 0 {
                at = at.wrapping_add(lane_bits);
                left = left.saturating_sub(lane_bits);
                continue;
            }
            // An entry has bits, so neither quotient is ever replaced.
            let before = |bits: usize| bits.checked_div(layout.entry_bits).unwrap_or(0);
            // CAST: at most 63.
            let lane = before(old.trailing_zeros() as usize);
            let entry = before(at.wrapping_sub(layout.entries_at)).wrapping_add(lane);
            dropped(self.code(layout, entry));
            self.remove(layout, entry, select(!self.words[0], entry));
            left = left.saturating_sub(layout.entry_bits);
        }
    }

    /// The same entries in buckets of more words.
    pub(super) fn widened(&self, from: &BucketLayout, to: &BucketLayout) -> Self {
        // CAST: below 64.
        let bits = to.entries_at.wrapping_sub(from.entries_at) as u32 & 63;
        let bitmap = self.bitmap(from);
        let mut words = [0; STRIDE_MAXIMUM];
        let mut carry = 0u64;
        for (index, word) in words.iter_mut().enumerate() {
            let old = match index {
                0 => self.words[0] & !bitmap_mask(from),
                _ => self.words[index],
            };
            *word = (old << bits) | (carry >> 1 >> (63 - bits));
            carry = old;
        }
        words[0] |= bitmap;
        Self { words }
    }

    /// Whether these are the bits of a bucket: the bitmap has an end for each mini-bucket, and what is not used is
    /// zero.
    pub(super) fn is_valid(&self, layout: &BucketLayout) -> bool {
        let bitmap = self.bitmap(layout);
        // CAST: at most 63 each.
        if bitmap.count_ones() != layout.mini_buckets as u32 {
            return false;
        }
        let used = layout.entries_at + self.count(layout) * layout.entry_bits;
        // The bitmap ends with a one, so what lies between it and the entries is zero.
        let (at, shift) = position(used);
        self.words.iter().enumerate().all(|(index, word)| {
            let rest = match index {
                _ if index < at => 0,
                _ if index == at => *word & !low(shift),
                _ => *word,
            };
            rest == 0
        })
    }
}

fn bitmap_mask(layout: &BucketLayout) -> u64 {
    // CAST: at most 63.
    low(layout.entries_at as u32)
}

/// How many entries a bucket with this first word has.
#[inline]
pub(super) fn count(head: u64, layout: &BucketLayout) -> usize {
    // The bitmap ends with the one of the last mini-bucket.
    // CAST: at most 64.
    let length = 64 - (head & bitmap_mask(layout)).leading_zeros() as usize;
    length.saturating_sub(layout.mini_buckets)
}
