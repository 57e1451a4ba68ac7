// SPDX-License-Identifier: GPL-2.0-only

//! The volume index: which chapters may hold a name, in some three bytes of memory for each name of the window.
//!
//! # Structure
//!
//! Segments of buckets. A name belongs to one segment and there to either of two buckets: what a bucket keeps of a
//! name, its *tag*, also tells which the other one is. With the tag goes a *code*, the chapter modulo a power of two.
//! A bucket that has grown to its final size is one cache line. A new entry goes to the emptier bucket of the two;
//! when both are full, entries of expired chapters make room, or an entry that goes to its own other bucket does.
//! Several entries of the same tag simply lie side by side, so an answer may be several chapters, and may be wrong for
//! an absent name once in a thousand times; only the record itself tells.
//!
//! | module | what it holds |
//! |---|---|
//! | `shape` | how names are divided among segments and buckets, and the bits of a bucket |
//! | `bucket`, `select` | one bucket |
//! | `segment`, `lines` | the buckets of a segment, and its memory |
//! | `codes` | what chapter codes mean while a window is in force |
//! | `apply`, `growth` | the names of a closed chapter, and room for them |
//! | `image`, `tail` | segments as bytes, and what became of names after these were written |
//! | `tally`, `candidates` | what is counted; what is answered |
//!
//! # Expiry
//!
//! An entry whose code is not in the window is ignored, and its slot used again when needed. Before the code comes to
//! stand for a new chapter, [`VolumeIndex::sweep`] must have taken the entry away; a segment that was not swept in
//! time is swept by [`VolumeIndex::set_window`].
//!
//! # Ownership and context
//!
//! A zone owns the segments of its share of the names. Nothing here waits or takes a lock; what may allocate takes
//! flags.

mod apply;
mod bucket;
mod candidates;
mod codes;
mod growth;
mod image;
mod lines;
mod segment;
mod select;
mod shape;
mod tail;
mod tally;
#[cfg(test)]
mod tests;

pub use apply::{Applied, Change};
pub use candidates::{Candidates, CANDIDATES_MAXIMUM};
pub use image::{Damage, LoadError, IMAGE_PREFIX_BYTES};
pub use shape::{Shape, BUCKET_BITS_MAXIMUM, CODE_BITS_MAXIMUM};
pub use tail::Tail;
pub use tally::Counters;

use super::units::{Chapter, Segment as SegmentNumber, Window};
use codes::Codes;
use core::ops::Range;
use kernel::alloc::{AllocError, Flags, KVVec};
use segment::Segment;
use shape::Place;
use tally::Tally;

/// Why a name was left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotIndexed {
    /// There is no room for it.
    Full,
    /// Its segment is not resident, or another zone's.
    NotResident,
    /// Its chapter is not in the window.
    Expired,
}

/// What a segment holds after it was loaded.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Loaded {
    /// Entries of its image that are live.
    pub entries: u64,
    /// Entries added from the tail.
    pub from_tail: u64,
    /// Names of the tail that found no room.
    pub not_indexed: u64,
}

/// The volume index of a zone.
pub struct VolumeIndex {
    shape: Shape,
    /// The first segment of the zone.
    first: u32,
    segments: KVVec<Segment>,
    codes: Codes,
    tally: Tally,
    /// Words that were read for the sake of reading; keeps the reads from being left out.
    touched: u64,
}

impl VolumeIndex {
    /// The segments of one zone, none of them resident. May sleep.
    ///
    /// # Errors
    ///
    /// Too little memory.
    pub fn new(shape: Shape, segments: Range<u32>, flags: Flags) -> Result<Self, AllocError> {
        let end = segments.end.min(shape.segments());
        let count = end.saturating_sub(segments.start);
        // CAST: u32 fits usize on every machine that runs this.
        let mut list = KVVec::with_capacity(count as usize, flags)?;
        for _ in 0..count {
            list.push(Segment::ABSENT, flags)?;
        }
        let codes = Codes::new(shape.code_bits());
        Ok(Self {
            first: segments.start,
            segments: list,
            tally: Tally::new(codes.count(), flags)?,
            codes,
            shape,
            touched: 0,
        })
    }

    /// How names are divided.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The segments of this zone.
    pub fn segments(&self) -> Range<u32> {
        // CAST: made from a range of u32.
        self.first..self.first.saturating_add(self.segments.len() as u32)
    }

    /// The chapters whose entries are believed. It begins later than was asked for if chapters had to expire early.
    pub fn window(&self) -> Window {
        self.codes.window()
    }

    /// Moves the window; its ends never go back. Sweeps the segments in which a code would become ambiguous.
    pub fn set_window(&mut self, window: Window) {
        let next = self.codes.moved_to(window);
        self.expire_until(next.window().oldest);
        let codes = next.count();
        for segment in self.segments.iter_mut() {
            let oldest = segment.clean_from().0;
            if segment.is_resident() && next.window().newest.0.saturating_sub(oldest) >= codes {
                segment.sweep(&self.shape, &self.codes, &mut self.tally);
                segment.set_clean_from(next.window().oldest);
                self.tally.counters.forced_sweeps += 1;
            }
        }
        self.codes = next;
    }

    /// Has every chapter before `oldest` expire that is in the window.
    fn expire_until(&mut self, oldest: Chapter) {
        let window = self.codes.window();
        let end = oldest.min(window.newest.next());
        for chapter in window.oldest.0..end.0 {
            self.tally.expire(self.codes.code(Chapter(chapter)));
        }
        self.codes = self.codes.moved_to(Window {
            oldest: end,
            newest: window.newest,
        });
    }

    /// Whether lookups of this key can be answered.
    pub fn is_resident(&self, key: u64) -> bool {
        self.segment(self.shape.segment_of(key)).is_some()
    }

    /// Whether a segment was loaded or made empty.
    pub fn is_segment_resident(&self, segment: SegmentNumber) -> bool {
        self.segment(segment).is_some()
    }

    /// Asks for the memory of a name's buckets. Before several lookups, call it for each of them, so that the waits for
    /// memory overlap. What it returns means nothing; it must be put where the compiler sees it used.
    #[inline]
    pub fn touch(&self, key: u64) -> u64 {
        let place = self.shape.place(key);
        self.segment(place.segment)
            .map_or(0, |segment| segment.touch(&self.shape, &place))
    }

    /// The live chapters that may hold the name with this key.
    #[inline]
    pub fn candidates(&self, key: u64) -> Candidates {
        let place = self.shape.place(key);
        self.segment(place.segment)
            .map_or(Candidates::NONE, |segment| {
                segment.candidates(&self.shape, &self.codes, &place)
            })
    }

    /// Adds an entry. Allocates nothing.
    ///
    /// # Errors
    ///
    /// Says why the name was left out.
    pub fn insert(&mut self, key: u64, chapter: Chapter) -> Result<(), NotIndexed> {
        let place = self.shape.place(key);
        self.insert_at(&place, chapter)
    }

    /// Has the entry of a name point at another chapter; false if it has none that points at `from`.
    pub fn move_entry(&mut self, key: u64, from: Chapter, to: Chapter) -> bool {
        let place = self.shape.place(key);
        self.move_at(&place, from, to)
    }

    /// Takes the entry of a name away; false if it has none that points at `chapter`.
    pub fn remove(&mut self, key: u64, chapter: Chapter) -> bool {
        let place = self.shape.place(key);
        let code = self.codes.code(chapter);
        if !self.codes.window().contains(chapter) {
            return false;
        }
        let number = self.number(place.segment);
        let removed = self
            .segments
            .get_mut(number)
            .filter(|segment| segment.is_resident())
            .is_some_and(|segment| segment.remove(&self.shape, &mut self.tally, &place, code));
        self.tally.counters.removed += u64::from(removed);
        removed
    }

    #[inline]
    fn insert_at(&mut self, place: &Place, chapter: Chapter) -> Result<(), NotIndexed> {
        let number = self.number(place.segment);
        let segment = self
            .segments
            .get_mut(number)
            .filter(|segment| segment.is_resident())
            .ok_or(NotIndexed::NotResident)?;
        if !self.codes.window().contains(chapter) {
            return Err(NotIndexed::Expired);
        }
        let code = self.codes.code(chapter);
        match segment.insert(&self.shape, &self.codes, &mut self.tally, place, code) {
            Some(()) => {
                self.tally.counters.inserted += 1;
                Ok(())
            }
            None => {
                self.tally.counters.not_indexed += 1;
                Err(NotIndexed::Full)
            }
        }
    }

    #[inline]
    fn move_at(&mut self, place: &Place, from: Chapter, to: Chapter) -> bool {
        let window = self.codes.window();
        if !window.contains(from) || !window.contains(to) {
            return false;
        }
        let (from, to) = (self.codes.code(from), self.codes.code(to));
        let number = self.number(place.segment);
        let moved = self
            .segments
            .get_mut(number)
            .filter(|segment| segment.is_resident())
            .is_some_and(|segment| {
                segment.move_entry(&self.shape, &mut self.tally, place, from, to)
            });
        self.tally.counters.moved += u64::from(moved);
        moved
    }

    /// Takes the entries of expired chapters out of a segment.
    pub fn sweep(&mut self, segment: SegmentNumber) {
        let number = self.number(segment);
        if let Some(segment) = self.segments.get_mut(number) {
            if segment.is_resident() {
                segment.sweep(&self.shape, &self.codes, &mut self.tally);
            }
        }
    }

    /// Sweeps a segment and fills the front of `target` with its image, in which all chapters until the newest of the
    /// window are. Returns the length; none if the segment is not resident or `target` is shorter than
    /// [`Shape::image_bytes`].
    pub fn image(&mut self, segment: SegmentNumber, target: &mut [u8]) -> Option<usize> {
        self.sweep(segment);
        self.segment(segment)?.write_image(&self.shape, target)
    }

    /// Makes a segment resident from an image that has all chapters until `mark`, and from the keys of later chapters.
    /// Does nothing if it is resident already.
    ///
    /// # Errors
    ///
    /// The image is damaged, or there is too little memory; then nothing has changed.
    pub fn load_image(
        &mut self,
        segment: SegmentNumber,
        image: &[u8],
        mark: Chapter,
        tail: &Tail,
        flags: Flags,
    ) -> Result<Loaded, LoadError> {
        if self.segment(segment).is_some() {
            return Ok(Loaded::default());
        }
        let loaded = Segment::read_image(&self.shape, &self.codes, image, mark, flags)
            .and_then(|content| Ok(self.catch_up(segment, content, mark, tail, flags)?));
        if matches!(loaded, Err(LoadError::Damage(_))) {
            self.tally.counters.damaged_images += 1;
        }
        loaded
    }

    /// Makes a segment resident without entries but those of the tail. Does nothing if it is resident already.
    ///
    /// # Errors
    ///
    /// Too little memory; then nothing has changed.
    pub fn make_empty(
        &mut self,
        segment: SegmentNumber,
        tail: &Tail,
        flags: Flags,
    ) -> Result<Loaded, AllocError> {
        if self.segment(segment).is_some() {
            return Ok(Loaded::default());
        }
        let oldest = self.codes.window().oldest;
        let stride = growth::stride_for(&self.shape, 0, 0);
        let content = Segment::empty(&self.shape, stride, oldest, flags)?;
        self.catch_up(segment, content, Chapter(0), tail, flags)
    }

    /// Adds to a segment what the tail has for it, and takes it in.
    fn catch_up(
        &mut self,
        segment: SegmentNumber,
        mut content: Segment,
        mark: Chapter,
        tail: &Tail,
        flags: Flags,
    ) -> Result<Loaded, AllocError> {
        let number = self.number(segment);
        let Some(slot) = self.segments.get_mut(number) else {
            return Ok(Loaded::default());
        };
        let window = self.codes.window();
        let newer = tail
            .after(mark, &self.shape, segment)
            .filter(|(chapter, _)| window.contains(*chapter));
        let more = newer.clone().map(|(_, keys)| keys.len() as u64).sum();
        let stride = growth::stride_with(&self.shape, number, &content, more);
        if more != 0 && stride > content.stride() {
            content.grow(&self.shape, stride, flags)?;
        }
        content.count_entries(&self.shape, &mut self.tally);
        let mut loaded = Loaded {
            entries: content.entries(),
            ..Loaded::default()
        };
        for (chapter, keys) in newer {
            let code = self.codes.code(chapter);
            for key in keys {
                let place = self.shape.place(*key);
                match content.insert(&self.shape, &self.codes, &mut self.tally, &place, code) {
                    Some(()) => loaded.from_tail += 1,
                    None => loaded.not_indexed += 1,
                }
            }
        }
        self.tally.counters.not_indexed += loaded.not_indexed;
        *slot = content;
        Ok(loaded)
    }

    /// Everything that is counted.
    pub fn counters(&self) -> Counters {
        self.tally.counters
    }

    /// Memory in bytes, everything counted.
    pub fn memory_bytes(&self) -> u64 {
        let segments: u64 = self.segments.iter().map(Segment::memory_bytes).sum();
        segments + size_of_val(&self.segments[..]) as u64 + self.tally.memory_bytes()
    }

    /// A segment of this zone that is resident.
    #[inline]
    fn segment(&self, segment: SegmentNumber) -> Option<&Segment> {
        self.segments
            .get(self.number(segment))
            .filter(|segment| segment.is_resident())
    }

    /// The place of a segment among those of this zone; beyond them if it is another zone's.
    #[inline]
    fn number(&self, segment: SegmentNumber) -> usize {
        // CAST: u32 fits usize on every machine that runs this.
        segment.0.wrapping_sub(self.first) as usize
    }
}
