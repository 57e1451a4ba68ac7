// SPDX-License-Identifier: GPL-2.0-only

//! The volume index of a zone as the zone sees it. In a sparse index it consists of two: one of the hooks of all
//! chapters, and one of the other names of dense chapters. Both have the same segments, whose images go together.

mod tail;

pub(super) use tail::TailOfNames;

use super::extent::Extent;
use super::format::image_block::{self, ImageBlock, ImageHeader};
use super::format::Place;
use super::geometry::Geometry;
use super::layout::Layout;
use super::open_chapter::{Entry, FrozenChapter};
use super::record::Name;
use super::units::{Chapter, Image, Segment, Window};
use super::volume_index::{Candidates, Change, LoadError, Loaded, VolumeIndex};
use crate::engine::format::Checksum;
use core::ops::Range;
use kernel::alloc::{AllocError, Flags, KVVec};

/// Bits of a chapter code in entries of open chapters: enough for all geometries.
pub(super) const CODE_BITS: u32 = 14;

/// The volume index of a zone.
pub(super) struct Names {
    /// All names, or those that are no hooks.
    plain: VolumeIndex,
    /// The hooks, if they are apart.
    hooks: Option<VolumeIndex>,
    dense_chapters: u64,
    segments: Range<u32>,
    /// No segment before this one is missing.
    complete_to: u32,
    /// Another one after every change of what [`candidates`](Self::candidates) may answer.
    version: u64,
    /// The bytes of one image.
    image: KVVec<u8>,
}

/// Where an image lies, and how its blocks are checked.
pub(super) struct ImagePlace<'a> {
    pub(super) image: Image,
    pub(super) segment: Segment,
    pub(super) uuid: [u8; 16],
    pub(super) layout: &'a Layout,
    pub(super) checksum: Checksum,
}

/// The chapter whose record an entry of this chapter replaces.
fn replaced(entry: &Entry, chapter: Chapter) -> Option<Chapter> {
    let replaces = entry.replaces.filter(|_| !seeded!("index_replaced_stays"));
    chapter.newest_with(replaces?, CODE_BITS)
}

impl Names {
    /// The volume index of a zone with these segments, none of them known.
    pub(super) fn new(
        geometry: &Geometry,
        segments: Range<u32>,
        flags: Flags,
    ) -> Result<Self, AllocError> {
        let plain = VolumeIndex::new(geometry.index, segments.clone(), flags)?;
        let mut bytes = plain.shape().image_bytes();
        let hooks = match geometry.hooks {
            Some(shape) => {
                let hooks = VolumeIndex::new(shape, segments.clone(), flags)?;
                bytes += hooks.shape().image_bytes();
                Some(hooks)
            }
            None => None,
        };
        Ok(Self {
            plain,
            hooks,
            dense_chapters: geometry.parameters.dense_chapters.into(),
            complete_to: segments.start,
            version: 0,
            segments,
            image: KVVec::from_elem(0, bytes, flags)?,
        })
    }

    #[inline]
    fn of(&self, name: Name) -> &VolumeIndex {
        match &self.hooks {
            Some(hooks) if name.is_hook() => hooks,
            _ => &self.plain,
        }
    }

    #[inline]
    fn of_mut(&mut self, name: Name) -> &mut VolumeIndex {
        self.version += 1;
        match &mut self.hooks {
            Some(hooks) if name.is_hook() => hooks,
            _ => &mut self.plain,
        }
    }

    /// Asks for the memory that a lookup needs.
    #[inline]
    pub(super) fn touch(&self, name: Name) -> u64 {
        self.of(name).touch(name.key)
    }

    /// The segment of a name.
    pub(super) fn segment(&self, name: Name) -> Segment {
        self.plain.shape().segment_of(name.key)
    }

    /// Whether a segment is here.
    #[inline]
    pub(super) fn has(&self, segment: Segment) -> bool {
        segment.0 < self.complete_to || self.plain.is_segment_resident(segment)
    }

    /// Whether all segments are here.
    #[inline]
    pub(super) fn is_complete(&self) -> bool {
        self.complete_to >= self.segments.end
    }

    /// The chapters that may hold a name, the newest first.
    #[inline]
    pub(super) fn candidates(&self, name: Name) -> Candidates {
        self.of(name).candidates(name.key)
    }

    /// Which state of the volume index this is: while it stays the same, so do candidates.
    #[inline]
    pub(super) fn version(&self) -> u64 {
        if seeded!("index_version_ignored") {
            return 0;
        }
        self.version
    }

    /// Forgets that a chapter may hold a name.
    pub(super) fn remove(&mut self, name: Name, chapter: Chapter) {
        self.of_mut(name).remove(name.key, chapter);
    }

    /// Adds a name of a closed chapter; whether there was room.
    pub(super) fn insert(&mut self, name: Name, chapter: Chapter) -> bool {
        let index = self.of_mut(name);
        !index.window().contains(chapter) || index.insert(name.key, chapter).is_ok()
    }

    /// Moves the window of chapters.
    pub(super) fn set_window(&mut self, window: Window) {
        self.version += 1;
        let Some(hooks) = &mut self.hooks else {
            return self.plain.set_window(window);
        };
        hooks.set_window(window);
        let dense = window.newest.0.saturating_sub(self.dense_chapters);
        self.plain.set_window(Window {
            oldest: window.oldest.max(Chapter(dense)),
            newest: window.newest,
        });
    }

    /// Makes room for the records of one more chapter.
    pub(super) fn prepare(&mut self, records: u64, flags: Flags) -> Result<(), AllocError> {
        self.version += 1;
        match &mut self.hooks {
            Some(hooks) => {
                hooks.prepare(records / 32, flags)?;
                self.plain.prepare(records - records / 32, flags)
            }
            None => self.plain.prepare(records, flags),
        }
    }

    /// Enters up to `steps` entries of a closed chapter into the volume index, from a place on. Segments that are not
    /// here get the names from the tail when they come. Returns how many names there was no room for, and the place to
    /// go on from; none when all are entered.
    pub(super) fn apply(
        &mut self,
        chapter: Chapter,
        share: &FrozenChapter,
        from: usize,
        steps: usize,
    ) -> (u64, Option<usize>) {
        self.version += 1;
        let mut next = None;
        let mut taken = 0;
        let mut has_deleted = false;
        let entries = share
            .entries_from(from)
            .take(steps)
            .inspect(|(behind, entry)| {
                next = Some(*behind);
                taken += 1;
                has_deleted |= entry.deleted;
            });
        let not_indexed = if self.hooks.is_some() || !self.is_complete() {
            self.apply_singly(chapter, entries.map(|(_, entry)| entry))
        } else {
            let changes = entries.filter(|(_, entry)| !entry.deleted);
            let changes = changes.map(|(_, entry)| Change {
                key: entry.name.key,
                replaces: replaced(&entry, chapter),
            });
            self.plain.apply(chapter, changes).not_indexed
        };
        if has_deleted {
            let entries = share.entries_from(from).take(taken);
            for (_, entry) in entries.filter(|(_, entry)| entry.deleted) {
                if let Some(old) = replaced(&entry, chapter) {
                    self.remove(entry.name, old);
                }
            }
        }
        (not_indexed, next.filter(|_| taken == steps))
    }

    fn apply_singly(&mut self, chapter: Chapter, entries: impl Iterator<Item = Entry>) -> u64 {
        let mut not_indexed = 0;
        let is_complete = self.is_complete();
        for entry in entries.filter(|entry| !entry.deleted) {
            let name = entry.name;
            if !self.has(self.segment(name)) {
                continue;
            }
            let index = self.of_mut(name);
            let old = replaced(&entry, chapter);
            if old.is_some_and(|old| index.move_entry(name.key, old, chapter)) {
                continue;
            }
            // The segment may have come in between, and have had the name from the tail.
            let had =
                |index: &VolumeIndex| index.candidates(name.key).as_slice().contains(&chapter);
            if is_complete || !had(index) {
                not_indexed += u64::from(index.insert(name.key, chapter).is_err());
            }
        }
        not_indexed
    }

    /// Makes a segment empty but for what the tail has for it.
    pub(super) fn make_empty(
        &mut self,
        segment: Segment,
        tail: &TailOfNames,
        flags: Flags,
    ) -> Result<Loaded, AllocError> {
        self.version += 1;
        // A segment counts as here when that of the plain names is.
        if let Some(hooks) = &mut self.hooks {
            hooks.make_empty(segment, &tail.hooks, flags)?;
        }
        let loaded = self.plain.make_empty(segment, &tail.plain, flags)?;
        self.note_complete();
        Ok(loaded)
    }

    fn note_complete(&mut self) {
        while self.complete_to < self.segments.end
            && self.plain.is_segment_resident(Segment(self.complete_to))
        {
            self.complete_to += 1;
        }
    }

    /// Writes the image of a segment that is here, in which all chapters up to `mark` are; its blocks.
    pub(super) fn write_image(
        &mut self,
        place: &ImagePlace<'_>,
        mark: Chapter,
        memory: &mut Extent,
    ) -> Option<u32> {
        let mut used = self.plain.image(place.segment, &mut self.image)?;
        if let Some(hooks) = &mut self.hooks {
            used += hooks.image(place.segment, self.image.get_mut(used..)?)?;
        }
        let header = ImageHeader {
            image: place.image,
            segment: place.segment,
            mark,
            // CAST: an image is far smaller than 4 GiB.
            bytes: used as u32,
        };
        let chunks = self.image.get(..used)?.chunks(image_block::PAYLOAD_BYTES);
        let address = place.layout.image(place.image);
        let mut part = 0;
        for (block, chunk) in memory.blocks_mut().iter_mut().zip(chunks) {
            image_block::payload_mut(block)
                .get_mut(..chunk.len())?
                .copy_from_slice(chunk);
            let at = Place {
                address: address + u64::from(part),
                uuid: place.uuid,
            };
            header.seal(part, at, block, place.checksum);
            part += 1;
        }
        Some(part)
    }

    /// Takes a segment in from its image; false if that cannot be used.
    ///
    /// # Errors
    ///
    /// Too little memory.
    pub(super) fn read_image(
        &mut self,
        place: &ImagePlace<'_>,
        memory: &Extent,
        tail: &TailOfNames,
        flags: Flags,
    ) -> Result<bool, AllocError> {
        self.version += 1;
        let Some((mark, used)) = self.gather(place, memory) else {
            return Ok(false);
        };
        let Some(bytes) = self.image.get(..used) else {
            return Ok(false);
        };
        let (plain, hooks) = match &self.hooks {
            Some(_) => {
                // Without a length both are refused.
                let length = self.plain.shape().image_length(bytes).unwrap_or(0);
                bytes.split_at_checked(length).unwrap_or((&[], &[]))
            }
            None => (bytes, &[][..]),
        };
        let segment = place.segment;
        let loaded = match &mut self.hooks {
            Some(index) => index.load_image(segment, hooks, mark, &tail.hooks, flags),
            None => Ok(Loaded::default()),
        };
        let loaded = loaded.and_then(|_| {
            let index = &mut self.plain;
            index.load_image(segment, plain, mark, &tail.plain, flags)
        });
        self.note_complete();
        match loaded {
            Ok(_) => Ok(true),
            Err(LoadError::Damage(_)) => Ok(false),
            Err(LoadError::Memory(error)) => Err(error),
        }
    }

    /// Puts the bytes of an image together; its mark and length.
    fn gather(&mut self, place: &ImagePlace<'_>, memory: &Extent) -> Option<(Chapter, usize)> {
        let address = place.layout.image(place.image);
        let mut used = 0;
        let mut first: Option<ImageHeader> = None;
        for (part, block) in (0..).zip(memory.blocks()) {
            let at = Place {
                address: address + u64::from(part),
                uuid: place.uuid,
            };
            let block = ImageBlock::open(
                &block.0,
                &at,
                place.image,
                part,
                place.layout,
                place.checksum,
            )
            .ok()?;
            let header = *first.get_or_insert(block.header);
            if block.header != header {
                return None;
            }
            self.image
                .get_mut(used..used + block.payload.len())?
                .copy_from_slice(block.payload);
            used += block.payload.len();
            if part + 1 == ImageHeader::blocks(header.bytes) {
                return Some((header.mark, used));
            }
        }
        None
    }

    /// Entries of live chapters.
    pub(super) fn entries(&self) -> u64 {
        let hooks = self.hooks.as_ref();
        let of_hooks = hooks.map_or(0, |hooks| hooks.counters().entries);
        self.plain.counters().entries + of_hooks
    }

    /// Chapters that expired early for lack of room.
    pub(super) fn expired_early(&self) -> u64 {
        let hooks = self.hooks.as_ref();
        let of_hooks = hooks.map_or(0, |hooks| hooks.counters().early_expired);
        self.plain.counters().early_expired + of_hooks
    }

    /// Bytes of memory.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.plain.memory_bytes()
            + self.hooks.as_ref().map_or(0, VolumeIndex::memory_bytes)
            + self.image.len() as u64
    }
}
