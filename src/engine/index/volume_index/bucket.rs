// SPDX-License-Identifier: GPL-2.0-only

//! One bucket: a quotient filter of some hundred bits.
//!
//! Knuth's quotienting (The Art of Computer Programming 3, exercise 6.4-13) in small: of a tag the bucket keeps a
//! remainder only; the rest follows from the entry's place in a bitmap. Bender and others have shown the bitmap of
//! mini-buckets within a cache line ("Vector Quotient Filters", 2021); chapter codes beside the remainders, and
//! buckets that grow, are this index's own.

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
    let bit = select(bitmap << 1 | 1, mini_bucket) & 63;
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

/// The `bits` lowest bits.
#[inline]
fn low(bits: u32) -> u64 {
    (1u64 << (bits & 63)).wrapping_sub(1)
}

/// A bucket where it lies, for reading.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    lines: &'a [Line],
    layout: &'a BucketLayout,
    /// Its first word.
    start: usize,
}

impl<'a> View<'a> {
    #[inline]
    pub(super) fn new(lines: &'a [Line], layout: &'a BucketLayout, bucket: usize) -> Self {
        Self {
            lines,
            layout,
            start: bucket.wrapping_mul(layout.stride),
        }
    }

    #[inline]
    fn word(&self, index: usize) -> u64 {
        let at = self.start.wrapping_add(index);
        self.lines
            .get(at / LINE_WORDS)
            .map_or(0, |line| line.0[at % LINE_WORDS])
    }

    /// The first word, with the bitmap. Without memory it is zero, which has no entries.
    #[inline]
    pub(super) fn head(&self) -> u64 {
        self.word(0)
    }

    /// Calls `found` with the code of each entry of this tag.
    #[inline]
    pub(super) fn find(&self, head: u64, tag: Tag, mut found: impl FnMut(u64)) {
        let run = run(head, tag.mini_bucket);
        let mut bit = self.layout.entries_at + run.entry.wrapping_mul(self.layout.entry_bits);
        // A bucket without memory reads as zero, and as an endless run.
        for _ in 0..run.length.min(self.layout.slots) {
            let (word, shift) = position(bit);
            let next = (word + 1).min(self.layout.stride - 1);
            let bits = self.word(word) >> shift | self.word(next) << 1 << (63 - shift);
            // CAST: at most 40.
            let entry = bits & low(self.layout.entry_bits as u32);
            if entry >> self.layout.code_bits == tag.remainder {
                // CAST: at most 16.
                found(entry & low(self.layout.code_bits as u32));
            }
            bit = bit.wrapping_add(self.layout.entry_bits);
        }
    }
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

/// A bucket taken out to be changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Bucket {
    pub(super) words: [u64; STRIDE_MAXIMUM],
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
        let view = View::new(lines, layout, bucket);
        let mut words = [0; STRIDE_MAXIMUM];
        if layout.stride == LINE_WORDS {
            if let Some(line) = lines.get(bucket) {
                words = line.0;
            }
        } else {
            for (index, word) in words.iter_mut().take(layout.stride).enumerate() {
                *word = view.word(index);
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

    /// The bits of an entry.
    #[inline]
    fn entry(&self, layout: &BucketLayout, entry: usize) -> u64 {
        let (word, shift) = position(layout.entries_at + entry.wrapping_mul(layout.entry_bits));
        let next = self.words[(word + 1) % STRIDE_MAXIMUM];
        // Behind the last word begins the first one again: none of its bits are of an entry that ends in the last one.
        let bits = self.words[word % STRIDE_MAXIMUM] >> shift | next << 1 << (63 - shift);
        // CAST: at most 40.
        bits & low(layout.entry_bits as u32)
    }

    /// The code of an entry.
    #[inline]
    pub(super) fn code(&self, layout: &BucketLayout, entry: usize) -> u64 {
        // CAST: at most 16.
        self.entry(layout, entry) & low(layout.code_bits as u32)
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
            let bits = self.entry(layout, entry);
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
        let wanted = tag.remainder << layout.code_bits | code;
        (0..run.length.min(layout.slots))
            .find(|index| self.entry(layout, run.entry.wrapping_add(*index)) == wanted)
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
        let bitmap = bitmap & below | (bitmap & !below) << 1;
        let entry = tag.remainder << layout.code_bits | code;
        let (at, shift) = position(layout.entries_at + run.entry.wrapping_mul(layout.entry_bits));
        let at = at % STRIDE_MAXIMUM;
        // CAST: at most 40.
        let bits = layout.entry_bits as u32;
        let kept = self.words[at] & low(shift);
        let mut carry = self.words[at] & !low(shift);
        self.words[at] = kept | carry << bits | entry << shift;
        let mut spill = entry >> 1 >> (63 - shift);
        for word in self.words.iter_mut().take(layout.stride).skip(at + 1) {
            let old = *word;
            *word = old << bits | carry >> (64 - bits) | spill;
            (carry, spill) = (old, 0);
        }
        // CAST: at most 63.
        let mask = low(layout.entries_at as u32);
        self.words[0] = self.words[0] & !mask | bitmap & mask;
    }

    /// Takes an entry away.
    pub(super) fn remove(&mut self, layout: &BucketLayout, entry: usize, bit: usize) {
        let bitmap = self.bitmap(layout);
        // CAST: below 64.
        let below = low(bit as u32);
        let bitmap = bitmap & below | bitmap >> 1 & !below;
        let (at, shift) = position(layout.entries_at + entry.wrapping_mul(layout.entry_bits));
        let at = at % STRIDE_MAXIMUM;
        // CAST: at most 40.
        let bits = layout.entry_bits as u32;
        let kept = self.words[at] & low(shift);
        for index in at..layout.stride {
            let next = match index + 1 {
                STRIDE_MAXIMUM.. => 0,
                next => self.words[next],
            };
            let word = &mut self.words[index % STRIDE_MAXIMUM];
            *word = *word >> bits | next << (64 - bits);
        }
        self.words[at] = self.words[at] & !low(shift) | kept;
        // CAST: at most 63.
        let mask = low(layout.entries_at as u32);
        self.words[0] = self.words[0] & !mask | bitmap & mask;
    }

    /// Gives an entry another code.
    #[inline]
    pub(super) fn set_code(&mut self, layout: &BucketLayout, entry: usize, code: u64) {
        // CAST: at most 16.
        let mask = low(layout.code_bits as u32);
        let (at, shift) = position(layout.entries_at + entry.wrapping_mul(layout.entry_bits));
        let word = &mut self.words[at % STRIDE_MAXIMUM];
        *word = *word & !(mask << shift) | code << shift;
        if let Some(word) = self.words.get_mut(at + 1) {
            let (mask, code) = (mask >> 1 >> (63 - shift), code >> 1 >> (63 - shift));
            *word = *word & !mask | code;
        }
    }

    /// Takes away every entry that `keep` refuses by its code; tells `dropped` of each code.
    #[inline]
    pub(super) fn retain(
        &mut self,
        layout: &BucketLayout,
        keep: impl Fn(u64) -> bool,
        mut dropped: impl FnMut(u64),
    ) -> bool {
        let before = self.count(layout);
        let mut changed = false;
        for entry in (0..before).rev() {
            let code = self.code(layout, entry);
            if !keep(code) {
                let bit = select(!self.words[0], entry);
                self.remove(layout, entry, bit);
                dropped(code);
                changed = true;
            }
        }
        changed
    }

    /// The same entries in buckets of more words.
    pub(super) fn widened(&self, from: &BucketLayout, to: &BucketLayout) -> Self {
        // CAST: below 64.
        let bits = to.entries_at.wrapping_sub(from.entries_at) as u32 & 63;
        let bitmap = self.bitmap(from);
        let mut words = [0; STRIDE_MAXIMUM];
        let mut carry = 0;
        for (index, word) in words.iter_mut().enumerate() {
            let old = match index {
                0 => self.words[0] & !bitmap_mask(from),
                _ => self.words[index],
            };
            *word = old << bits | carry >> 1 >> (63 - bits);
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
