// SPDX-License-Identifier: GPL-2.0-only

//! A segment: buckets in pairs of which a name may use either.

use super::bucket::{count, find, head, Bucket};
use super::candidates::Candidates;
use super::codes::Codes;
use super::lines::{Line, Lines, LINE_WORDS};
use super::shape::{BucketLayout, Place, Shape, STRIDE_MAXIMUM};
use super::tally::Tally;
use crate::engine::index::units::Chapter;
use kernel::alloc::{AllocError, Flags};

/// Buckets that are looked at to make room for one entry. At the final stride 44 entries have 44 other buckets, of
/// which one practically always has room.
const LOOKS_MAXIMUM: u32 = 256;

/// Buckets that are asked for at once to find one with a free slot.
const KICK_BATCH: usize = 4;

/// A share of the buckets, which is grown, checkpointed and loaded as a whole. Every lookup reads this, so it
/// is one cache line.
#[repr(align(64))]
pub(super) struct Segment {
    lines: Lines,
    /// Words of a bucket; zero while the segment is not resident.
    stride: usize,
    /// Entries, expired ones included.
    entries: u64,
    /// No entry is of a chapter before this one.
    clean_from: Chapter,
}

impl Segment {
    /// A segment whose content is not known yet.
    pub(super) const ABSENT: Self = Self {
        lines: Lines::NONE,
        stride: 0,
        entries: 0,
        clean_from: Chapter(0),
    };

    /// An empty segment with buckets of so many words.
    pub(super) fn empty(
        shape: &Shape,
        stride: usize,
        clean_from: Chapter,
        flags: Flags,
    ) -> Result<Self, AllocError> {
        let words = stride.saturating_mul(shape.buckets());
        let mut segment = Self {
            lines: Lines::new(words.div_ceil(LINE_WORDS), stride == STRIDE_MAXIMUM, flags)?,
            stride,
            entries: 0,
            clean_from,
        };
        let layout = shape.layout(stride);
        let empty = Bucket::empty(layout);
        for bucket in 0..shape.buckets() {
            segment.write(layout, bucket, &empty);
        }
        Ok(segment)
    }

    pub(super) fn is_resident(&self) -> bool {
        self.stride != 0
    }

    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    pub(super) fn entries(&self) -> u64 {
        self.entries
    }

    pub(super) fn clean_from(&self) -> Chapter {
        self.clean_from
    }

    pub(super) fn set_clean_from(&mut self, chapter: Chapter) {
        self.clean_from = chapter;
    }

    pub(super) fn lines(&self) -> &[Line] {
        self.lines.as_slice()
    }

    pub(super) fn memory_bytes(&self) -> u64 {
        self.lines.memory_bytes()
    }

    /// Reads a word of both buckets of a place.
    #[inline]
    pub(super) fn touch(&self, shape: &Shape, place: &Place) -> u64 {
        let (first, second) = self.heads(shape.layout(self.stride), place);
        first ^ second
    }

    #[inline]
    fn heads(&self, layout: &BucketLayout, place: &Place) -> (u64, u64) {
        let lines = self.lines.as_slice();
        (
            head(lines, layout, place.first),
            head(lines, layout, place.second),
        )
    }

    /// The live chapters with an entry of this tag.
    #[inline]
    pub(super) fn candidates(&self, shape: &Shape, codes: &Codes, place: &Place) -> Candidates {
        let layout = shape.layout(self.stride);
        let lines = self.lines.as_slice();
        let mut candidates = Candidates::NONE;
        let mut add = |code| {
            if let Some(chapter) = codes.chapter(code) {
                candidates.add(chapter);
            }
        };
        if layout.stride == LINE_WORDS {
            if let (Some(first), Some(second)) = (lines.get(place.first), lines.get(place.second)) {
                find(&first.0, layout, place.tag, &mut add);
                find(&second.0, layout, place.tag, &mut add);
            }
        } else {
            let first = self.read(layout, place.first);
            let second = self.read(layout, place.second);
            find(&first.words, layout, place.tag, &mut add);
            find(&second.words, layout, place.tag, &mut add);
        }
        candidates
    }

    /// Adds an entry; none if there is no room.
    #[inline]
    pub(super) fn insert(
        &mut self,
        shape: &Shape,
        codes: &Codes,
        tally: &mut Tally,
        place: &Place,
        code: u64,
    ) -> Option<()> {
        let layout = shape.layout(self.stride);
        let (first, second) = self.heads(layout, place);
        let (first, second) = (count(first, layout), count(second, layout));
        let emptier = if first <= second {
            place.first
        } else {
            place.second
        };
        let mut bucket = emptier;
        let mut content = self.read(layout, bucket);
        if first.min(second) >= layout.slots {
            // Most of the time, when the window is full, one of the two has an expired entry.
            let purged = self.purge(layout, codes, tally, &mut content);
            if !purged {
                bucket = self.room_for(shape, codes, tally, place, emptier)?;
                content = self.read(layout, bucket);
            }
        }
        content.insert(layout, place.tag, code);
        self.write(layout, bucket, &content);
        self.entries += 1;
        tally.add(code);
        Some(())
    }

    /// Makes room in one of the buckets of a place, both of which are full, and says in which. `purged` is the one that
    /// is known to have no expired entry.
    fn room_for(
        &mut self,
        shape: &Shape,
        codes: &Codes,
        tally: &mut Tally,
        place: &Place,
        purged: usize,
    ) -> Option<usize> {
        let layout = shape.layout(self.stride);
        let both = [place.first, place.second];
        let mut looks = LOOKS_MAXIMUM;
        let other = both
            .into_iter()
            .find(|bucket| *bucket != purged && self.purge_bucket(layout, codes, tally, *bucket));
        other
            .or_else(|| {
                both.into_iter()
                    .find(|bucket| self.kick(shape, tally, *bucket))
            })
            .or_else(|| {
                (1..3).find_map(|depth| {
                    both.into_iter().find(|bucket| {
                        self.make_room(shape, codes, tally, *bucket, depth, &mut looks)
                    })
                })
            })
    }

    /// Has an entry of a bucket go to its other one, if that of any has a free slot.
    fn kick(&mut self, shape: &Shape, tally: &mut Tally, bucket: usize) -> bool {
        let layout = shape.layout(self.stride);
        let mut from = self.read(layout, bucket);
        let mut entries = from.entries(layout);
        let best = loop {
            // Several are asked for before the first is waited for.
            let mut others = [None; KICK_BATCH];
            let mut count = 0;
            for (slot, entry) in others.iter_mut().zip(entries.by_ref()) {
                let other = shape.other_bucket(bucket, entry.tag);
                *slot = Some((entry, other, head(self.lines.as_slice(), layout, other)));
                count += 1;
            }
            let emptiest = others
                .into_iter()
                .flatten()
                .map(|(entry, other, head)| (entry, other, self::count(head, layout)))
                .min_by_key(|(_, _, count)| *count)
                .filter(|(_, _, count)| *count < layout.slots);
            if emptiest.is_some() || count < KICK_BATCH {
                break emptiest;
            }
        };
        drop(entries);
        let Some((entry, other, _)) = best else {
            return false;
        };
        let mut to = self.read(layout, other);
        from.remove(layout, entry.entry, entry.bit);
        to.insert(layout, entry.tag, entry.code);
        self.write(layout, bucket, &from);
        self.write(layout, other, &to);
        tally.counters.kicked += 1;
        true
    }

    /// Whether a bucket has room, after a purge or, at a depth above 0, after an entry has gone to its other bucket.
    fn make_room(
        &mut self,
        shape: &Shape,
        codes: &Codes,
        tally: &mut Tally,
        bucket: usize,
        depth: u32,
        looks: &mut u32,
    ) -> bool {
        let Some(left) = looks.checked_sub(1) else {
            return false;
        };
        *looks = left;
        let layout = shape.layout(self.stride);
        let head = head(self.lines.as_slice(), layout, bucket);
        if count(head, layout) < layout.slots || self.purge_bucket(layout, codes, tally, bucket) {
            return true;
        }
        if depth == 0 {
            return false;
        }
        let content = self.read(layout, bucket);
        let moving = content.entries(layout).find(|entry| {
            let other = shape.other_bucket(bucket, entry.tag);
            self.make_room(shape, codes, tally, other, depth - 1, looks)
        });
        let Some(entry) = moving else {
            return false;
        };
        let other = shape.other_bucket(bucket, entry.tag);
        // What made room there may have come from here, so both are read afresh.
        let mut from = self.read(layout, bucket);
        let mut to = self.read(layout, other);
        let Some(here) = from.find(layout, entry.tag, entry.code) else {
            return from.count(layout) < layout.slots;
        };
        if to.count(layout) >= layout.slots {
            return false;
        }
        from.remove(layout, here.entry, here.bit);
        to.insert(layout, entry.tag, entry.code);
        self.write(layout, bucket, &from);
        self.write(layout, other, &to);
        tally.counters.kicked += 1;
        true
    }

    /// Gives the entry of this tag another code; false if there is none with the code that it should have.
    pub(super) fn move_entry(
        &mut self,
        shape: &Shape,
        tally: &mut Tally,
        place: &Place,
        from: u64,
        to: u64,
    ) -> bool {
        let layout = shape.layout(self.stride);
        [place.first, place.second].into_iter().any(|bucket| {
            let mut content = self.read(layout, bucket);
            let Some(found) = content.find(layout, place.tag, from) else {
                return false;
            };
            content.set_code(layout, found.entry, to);
            self.write(layout, bucket, &content);
            tally.take(from, true);
            tally.add(to);
            true
        })
    }

    /// Takes the entry with this tag and code away; false if there is none.
    pub(super) fn remove(
        &mut self,
        shape: &Shape,
        tally: &mut Tally,
        place: &Place,
        code: u64,
    ) -> bool {
        let layout = shape.layout(self.stride);
        [place.first, place.second].into_iter().any(|bucket| {
            let mut content = self.read(layout, bucket);
            let Some(found) = content.find(layout, place.tag, code) else {
                return false;
            };
            content.remove(layout, found.entry, found.bit);
            self.write(layout, bucket, &content);
            self.entries = self.entries.saturating_sub(1);
            tally.take(code, true);
            true
        })
    }

    /// Takes every entry of an expired chapter away.
    pub(super) fn sweep(&mut self, shape: &Shape, codes: &Codes, tally: &mut Tally) {
        let layout = shape.layout(self.stride);
        for bucket in 0..shape.buckets() {
            self.purge_bucket(layout, codes, tally, bucket);
        }
        self.clean_from = codes.window().oldest;
    }

    /// The same for one bucket; whether there was such an entry.
    #[inline]
    fn purge_bucket(
        &mut self,
        layout: &BucketLayout,
        codes: &Codes,
        tally: &mut Tally,
        bucket: usize,
    ) -> bool {
        let mut content = self.read(layout, bucket);
        let purged = self.purge(layout, codes, tally, &mut content);
        if purged {
            self.write(layout, bucket, &content);
        }
        purged
    }

    /// The same for a bucket that was read and is yet to be written.
    #[inline]
    fn purge(
        &mut self,
        layout: &BucketLayout,
        codes: &Codes,
        tally: &mut Tally,
        content: &mut Bucket,
    ) -> bool {
        let mut purged = 0;
        content.purge(layout, codes, |code| {
            tally.take(code, false);
            purged += 1;
        });
        self.entries = self.entries.saturating_sub(purged);
        purged != 0
    }

    /// Gives every bucket more words. On failure the segment stays as it is.
    pub(super) fn grow(
        &mut self,
        shape: &Shape,
        stride: usize,
        flags: Flags,
    ) -> Result<(), AllocError> {
        let words = stride.saturating_mul(shape.buckets());
        let lines = Lines::new(words.div_ceil(LINE_WORDS), stride == STRIDE_MAXIMUM, flags)?;
        let (from, to) = (shape.layout(self.stride), shape.layout(stride));
        let old = core::mem::replace(&mut self.lines, lines);
        for bucket in 0..shape.buckets() {
            let content = Bucket::read(old.as_slice(), from, bucket).widened(from, to);
            content.write(self.lines.as_mut_slice(), to, bucket);
        }
        self.stride = stride;
        Ok(())
    }

    #[inline]
    pub(super) fn read(&self, layout: &BucketLayout, bucket: usize) -> Bucket {
        Bucket::read(self.lines.as_slice(), layout, bucket)
    }

    #[inline]
    pub(super) fn write(&mut self, layout: &BucketLayout, bucket: usize, content: &Bucket) {
        content.write(self.lines.as_mut_slice(), layout, bucket);
    }

    /// Says how many entries there are, after buckets were written from outside.
    pub(super) fn set_entries(&mut self, entries: u64) {
        self.entries = entries;
    }
}
