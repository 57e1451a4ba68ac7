// SPDX-License-Identifier: GPL-2.0-only

//! Segments of the volume index that are not in memory yet: read when a request needs them, and in the background.

use super::{IoOwner, Wait, Zone};
use crate::engine::event::ErrorClass;
use crate::engine::index::action::ZoneAction;
use crate::engine::index::extent::Extent;
use crate::engine::index::io::{Io, IoKind};
use crate::engine::index::message::ToKeeper;
use crate::engine::index::names::ImagePlace;
use crate::engine::index::parked::List;
use crate::engine::index::units::{Chapter, Image, Segment};
use kernel::alloc::{AllocError, Flags, KVec};

/// Segments that are read at once.
const LOADS: usize = 4;

struct Load {
    segment: Option<Segment>,
    memory: Option<Extent>,
    waiting: List,
}

/// The segments that are being read.
pub(super) struct Loads {
    loads: KVec<Load>,
    /// What waits for a segment for which there was no memory.
    any: List,
    /// Segments before this one were read or begun in the background.
    cursor: u32,
    /// Memory was short while this chapter was open: no segment is begun before the next one is.
    short_in: Chapter,
}

impl Loads {
    pub(super) fn new(blocks: usize, flags: Flags) -> Result<Self, AllocError> {
        let mut loads = KVec::with_capacity(LOADS, flags)?;
        for _ in 0..LOADS {
            loads.push(
                Load {
                    segment: None,
                    memory: Some(Extent::new(blocks, flags)?),
                    waiting: List::EMPTY,
                },
                flags,
            )?;
        }
        Ok(Self {
            loads,
            any: List::EMPTY,
            cursor: 0,
            short_in: Chapter(0),
        })
    }

    /// Segments on their way.
    pub(super) fn reading(&self) -> usize {
        self.loads
            .iter()
            .filter(|load| load.segment.is_some())
            .count()
    }

    /// The requests that wait for a segment.
    pub(super) fn waiting(&mut self, segment: Segment) -> &mut List {
        let found = self.find(segment);
        match found.and_then(|index| self.loads.get_mut(index)) {
            Some(load) => &mut load.waiting,
            None => &mut self.any,
        }
    }

    /// Bytes of memory.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.loads
            .iter()
            .filter_map(|load| load.memory.as_ref())
            .map(Extent::memory_bytes)
            .sum()
    }

    fn find(&self, segment: Segment) -> Option<usize> {
        self.loads
            .iter()
            .position(|load| load.segment == Some(segment))
    }

    fn begin(&mut self, segment: Segment) -> Option<(usize, Extent)> {
        let index = self.loads.iter().position(|load| load.segment.is_none())?;
        let load = self.loads.get_mut(index)?;
        let memory = load.memory.take()?;
        load.segment = Some(segment);
        Some((index, memory))
    }

    fn finish(&mut self, index: usize, memory: Extent) -> List {
        let Some(load) = self.loads.get_mut(index) else {
            return List::EMPTY;
        };
        load.memory = Some(memory);
        load.segment = None;
        load.waiting.take()
    }
}

impl Zone {
    /// Sees to it that a segment comes; if nothing has to be waited for, it is here now, or there is no memory for it.
    pub(super) fn want_segment(
        &mut self,
        segment: Segment,
        out: &mut impl FnMut(ZoneAction),
    ) -> Result<(), Wait> {
        if self.is_memory_short() {
            return Ok(());
        }
        let Some(image) = self.newest_image(segment) else {
            // Nothing was in it when it was last complete; the tail holds what came since.
            self.begin_empty(segment);
            self.drop_tail_if_complete();
            return Ok(());
        };
        if self.loads.find(segment).is_none() {
            if let Some((index, memory)) = self.loads.begin(segment) {
                out(ZoneAction::Io(Io {
                    token: IoOwner::Segment(index).token(),
                    kind: IoKind::Read {
                        block: self.layout.image(image),
                        blocks: self.geometry.image_blocks,
                    },
                    memory: Some(memory),
                }));
            }
        }
        Err(Wait::Segment(segment))
    }

    /// Begins to read the next segments that nobody has asked for yet; whether there is more to read.
    pub(super) fn load_in_background(&mut self, out: &mut impl FnMut(ZoneAction)) -> bool {
        while self.loads.cursor < self.segments.end && !self.is_memory_short() {
            let segment = Segment(self.loads.cursor.max(self.segments.start));
            if !self.names.has(segment) && self.loads.find(segment).is_none() {
                // One is left for requests.
                if self.loads.reading() + 1 >= LOADS {
                    return false;
                }
                if self.want_segment(segment, out).is_ok() {
                    self.loads.cursor = segment.0 + 1;
                    return true;
                }
            }
            self.loads.cursor = segment.0 + 1;
        }
        false
    }

    /// Takes the image of a segment.
    pub(super) fn segment_done(
        &mut self,
        index: usize,
        result: Result<(), ErrorClass>,
        memory: Extent,
        out: &mut impl FnMut(ZoneAction),
    ) {
        let segment = self.loads.loads.get(index).and_then(|load| load.segment);
        let Some(segment) = segment else { return };
        match self.take_segment(segment, result, &memory) {
            Ok(true) => {}
            Ok(false) => {
                self.statistics.segments_lost += 1;
                self.begin_empty(segment);
            }
            Err(AllocError) => self.note_short_memory(),
        }
        self.drop_tail_if_complete();
        let waiting = self.loads.finish(index, memory);
        self.parked.append(&mut self.ready, waiting);
        let waiting = self.loads.any.take();
        self.parked.append(&mut self.ready, waiting);
        self.write_wanted_images(out);
    }

    /// Takes a segment in from its image; false if that cannot be used.
    fn take_segment(
        &mut self,
        segment: Segment,
        result: Result<(), ErrorClass>,
        memory: &Extent,
    ) -> Result<bool, AllocError> {
        let (Ok(()), Some(image)) = (result, self.newest_image(segment)) else {
            return Ok(false);
        };
        let place = ImagePlace {
            image,
            segment,
            uuid: self.uuid,
            layout: &self.layout,
            checksum: self.checksum,
        };
        self.names
            .read_image(&place, memory, &self.tail, self.flags)
    }

    /// The image that a segment is loaded from.
    fn newest_image(&self, segment: Segment) -> Option<Image> {
        let (first, end) = self.images;
        self.layout
            .newest_image(segment, end.0)
            .filter(|image| *image >= first)
    }

    /// Makes a segment empty but for what the tail has for it.
    pub(super) fn begin_empty(&mut self, segment: Segment) {
        let made = self.names.make_empty(segment, &self.tail, self.flags);
        if made.is_err() {
            self.note_short_memory();
        }
    }

    /// There was no memory for a segment. Its names are not known until the next chapter is opened, and those that come
    /// meanwhile are not indexed.
    fn note_short_memory(&mut self) {
        self.statistics.segments_without_memory += 1;
        self.loads.short_in = self.open_chapter;
    }

    fn is_memory_short(&self) -> bool {
        self.loads.short_in == self.open_chapter
    }

    fn drop_tail_if_complete(&mut self) {
        if self.names.is_complete() || seeded!("index_tail_dropped") {
            self.tail.clear();
        }
    }

    /// Writes the images that the keeper waits for and whose segments are here.
    pub(super) fn write_wanted_images(&mut self, out: &mut impl FnMut(ZoneAction)) {
        let mut index = 0;
        while let Some(image) = self.wanted.get(index).map(|(image, _)| *image) {
            let segment = self.layout.segment(image);
            if !self.names.has(segment) && self.want_segment(segment, out).is_err() {
                index += 1;
            } else if let Ok((_, memory)) = self.wanted.remove(index) {
                self.write_image(image, memory, out);
            }
        }
    }

    fn write_image(&mut self, image: Image, mut memory: Extent, out: &mut impl FnMut(ZoneAction)) {
        let mark = self.mark();
        let place = ImagePlace {
            image,
            segment: self.layout.segment(image),
            uuid: self.uuid,
            layout: &self.layout,
            checksum: self.checksum,
        };
        let blocks = self.names.write_image(&place, mark, &mut memory);
        out(ZoneAction::Tell(ToKeeper::Imaged {
            image,
            memory,
            // None of a segment for which there is no memory.
            blocks: blocks.unwrap_or(0),
        }));
    }
}
