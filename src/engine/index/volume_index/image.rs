// SPDX-License-Identifier: GPL-2.0-only

//! A segment as bytes, for a checkpoint.
//!
//! | offset | size | what |
//! |---|---|---|
//! | 0 | 1 | buckets of the segment, as a power of two |
//! | 1 | 1 | bits of a chapter code |
//! | 2 | 1 | bits of a remainder |
//! | 3 | 1 | mini-buckets of a bucket |
//! | 4 | 1 | words of a bucket |
//! | 5 | 3 | zero |
//! | 8 | 4 | entries |
//! | 12 | 4 | zero |
//! | 16 | | the words of all buckets |
//!
//! Numbers are little-endian. Which segment it is, which chapters are in it and whether it is whole is said by the
//! header of the segment image, which is another module's.

use super::bucket::Bucket;
use super::codes::Codes;
use super::lines::LINE_WORDS;
use super::segment::Segment;
use super::shape::{Shape, STRIDE_MAXIMUM};
use super::tally::Tally;
use crate::engine::index::units::Chapter;
use core::fmt;
use kernel::alloc::{AllocError, Flags};

/// Bytes before the words.
pub const IMAGE_PREFIX_BYTES: usize = 16;

const WORD_BYTES: usize = size_of::<u64>();

/// Why the image of a segment was not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Damage {
    /// Of an index of another shape.
    Shape,
    /// Of another length than it says.
    Length,
    /// A bucket is not one, or holds what it cannot hold.
    Bucket(u32),
    /// The number of entries is another than it says.
    Entries,
    /// It has chapters that are later than the newest one.
    Mark,
}

impl fmt::Display for Damage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Damage::Shape => write!(out, "of an index of another shape"),
            Damage::Length => write!(out, "of the wrong length"),
            Damage::Bucket(bucket) => write!(out, "damaged in bucket {bucket}"),
            Damage::Mark => write!(out, "newer than the newest chapter"),
            Damage::Entries => write!(out, "damaged, its number of entries is wrong"),
        }
    }
}

/// Why a segment was not loaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoadError {
    /// The image is not to be believed.
    Damage(Damage),
    /// Too little memory.
    Memory(AllocError),
}

impl From<AllocError> for LoadError {
    fn from(error: AllocError) -> Self {
        Self::Memory(error)
    }
}

impl Shape {
    /// Bytes of the image that these bytes begin with; none if they begin with no image of this shape.
    pub fn image_length(&self, bytes: &[u8]) -> Option<usize> {
        let stride = usize::from(*bytes.get(4)?);
        let is_ours =
            bytes.starts_with(&self.signature()) && (1..=STRIDE_MAXIMUM).contains(&stride);
        is_ours.then(|| IMAGE_PREFIX_BYTES + stride * self.buckets() * WORD_BYTES)
    }
}

impl Segment {
    /// Bytes of the image.
    pub(super) fn image_bytes(&self, shape: &Shape) -> usize {
        IMAGE_PREFIX_BYTES + self.stride() * shape.buckets() * WORD_BYTES
    }

    /// Fills the front of `target` with the image and returns how long it is; none if it does not fit.
    pub(super) fn write_image(&self, shape: &Shape, target: &mut [u8]) -> Option<usize> {
        let length = self.image_bytes(shape);
        let (prefix, words) = target
            .get_mut(..length)?
            .split_at_mut_checked(IMAGE_PREFIX_BYTES)?;
        let entries = u32::try_from(self.entries()).unwrap_or(u32::MAX);
        prefix.fill(0);
        for (byte, value) in prefix.iter_mut().zip(shape.signature()) {
            *byte = value;
        }
        // CAST: at most 8.
        put(prefix, 4, &[self.stride() as u8]);
        put(prefix, 8, &entries.to_le_bytes());
        for (bytes, line) in words.chunks_mut(LINE_WORDS * WORD_BYTES).zip(self.lines()) {
            for (bytes, word) in bytes.chunks_exact_mut(WORD_BYTES).zip(line.0) {
                bytes.copy_from_slice(&word.to_le_bytes());
            }
        }
        Some(length)
    }

    /// The segment of an image in which all chapters until `mark` are. Entries of chapters that have expired since are
    /// left out. Nothing is counted yet.
    pub(super) fn read_image(
        shape: &Shape,
        codes: &Codes,
        image: &[u8],
        mark: Chapter,
        flags: Flags,
    ) -> Result<Self, LoadError> {
        let (stride, entries, words) = split(shape, image).map_err(LoadError::Damage)?;
        let layout = shape.layout(stride);
        let known = codes.until(mark).ok_or(LoadError::Damage(Damage::Mark))?;
        let mut segment = Self::empty(shape, stride, codes.window().oldest, flags)?;
        let (mut stored, mut kept) = (0, 0);
        for (number, bytes) in words.chunks_exact(stride * WORD_BYTES).enumerate() {
            let mut bucket = Bucket {
                words: [0; STRIDE_MAXIMUM],
            };
            for (word, bytes) in bucket.words.iter_mut().zip(bytes.chunks_exact(WORD_BYTES)) {
                *word = bytes
                    .iter()
                    .rev()
                    .fold(0, |word, byte| (word << 8) | u64::from(*byte));
            }
            if !bucket.is_valid(layout) {
                // CAST: at most 1024 buckets.
                return Err(LoadError::Damage(Damage::Bucket(number as u32)));
            }
            stored += bucket.count(layout) as u64;
            bucket.purge(layout, &known, |_| {});
            kept += bucket.count(layout) as u64;
            segment.write(layout, number, &bucket);
        }
        if stored != entries {
            return Err(LoadError::Damage(Damage::Entries));
        }
        segment.set_entries(kept);
        Ok(segment)
    }

    /// Counts every entry of a segment that was read.
    pub(super) fn count_entries(&self, shape: &Shape, tally: &mut Tally) {
        let layout = shape.layout(self.stride());
        for number in 0..shape.buckets() {
            let bucket = self.read(layout, number);
            for entry in 0..bucket.count(layout) {
                tally.add(bucket.code(layout, entry));
            }
        }
    }
}

/// The words of a bucket, the entries, and the bytes of the words that an image claims.
fn split<'a>(shape: &Shape, image: &'a [u8]) -> Result<(usize, u64, &'a [u8]), Damage> {
    let (prefix, words) = image
        .split_at_checked(IMAGE_PREFIX_BYTES)
        .ok_or(Damage::Length)?;
    let [s0, s1, s2, s3, stride, 0, 0, 0, e0, e1, e2, e3, 0, 0, 0, 0] = *prefix else {
        return Err(Damage::Shape);
    };
    let stride = usize::from(stride);
    if [s0, s1, s2, s3] != shape.signature() || !(1..=STRIDE_MAXIMUM).contains(&stride) {
        return Err(Damage::Shape);
    }
    if words.len() != stride * shape.buckets() * WORD_BYTES {
        return Err(Damage::Length);
    }
    let entries = u32::from_le_bytes([e0, e1, e2, e3]);
    Ok((stride, entries.into(), words))
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    for (byte, value) in bytes.iter_mut().skip(at).zip(value) {
        *byte = *value;
    }
}
