// SPDX-License-Identifier: GPL-2.0-only

//! A zone: all that the index does for the names of one range.
//!
//! A zone has its own share of the volume index, its own open chapter, and its own page cache; it shares nothing that
//! changes with other zones but the bounds of record pages. Whoever drives it holds it exclusively. Requests come in
//! batches, so that the memory that they need is on its way while earlier ones are worked on. None of them allocates,
//! but one that fills a chapter, or is the first of a segment: then memory is asked for with the zone's `flags`.
//!
//! Context: any that may do what the zone's `flags` allow.

mod ahead;
mod close;
mod pages;
mod replay;
mod rest;
mod search;
mod segments;
mod settle;
mod sparse;

use super::action::ZoneAction;
use super::bounds::Bounds;
use super::event::ZoneEvent;
use super::extent::Extent;
use super::geometry::Geometry;
use super::keeper::IMAGES;
use super::layout::Layout;
use super::message::{ToKeeper, ToZone};
use super::names::{Names, TailOfNames, CODE_BITS};
use super::open_chapter::OpenChapter;
use super::page_cache::PageCache;
use super::parked::{Attempt, List, Parked};
use super::request::{Answer, Request, Unavailable};
use super::sparse_cache::SparseCache;
use super::statistics::Statistics;
use super::units::{Chapter, Image, Segment, Window};
use super::volume_index::Candidates;
use super::zones::Zones;
use crate::engine::event::{ErrorClass, Token};
use crate::engine::format::Checksum;
use ahead::Known;
use close::Closing;
use core::ops::Range;
use kernel::alloc::{AllocError, Flags, KVec};
use kernel::sync::Arc;
use segments::Loads;

/// What a zone is made of.
pub struct ZoneSettings {
    /// The index.
    pub geometry: Geometry,
    /// How names are shared out.
    pub zones: Zones,
    /// Which zone this is.
    pub number: u32,
    /// The bounds of record pages, shared with the keeper and the other zones.
    pub bounds: Arc<Bounds>,
    /// Requests that can wait at once.
    pub waiting: u32,
    /// Computes checksums.
    pub checksum: Checksum,
    /// For allocations while chapters are closed and segments are loaded.
    pub flags: Flags,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Nothing is served yet.
    Loading,
    Serving,
    /// Requests taken before are finished.
    Resting,
    Suspended,
    Failed,
}

/// What a request waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wait {
    /// A record page, on its way to this slot of the cache.
    Page(usize),
    /// A place for a page.
    Memory,
    /// A segment of the volume index.
    Segment(Segment),
    /// The filters of a chapter, on their way to this entry of the sparse cache.
    Filters(usize),
    /// Room in the open chapter.
    Room,
}

/// Who asked for an I/O.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum IoOwner {
    Page(usize),
    Segment(usize),
    Filters(usize),
}

impl IoOwner {
    const SEGMENT: u32 = 1 << 31;
    const FILTERS: u32 = 1 << 30;

    fn token(self) -> Token {
        // CAST: far fewer than 2^30 of each.
        match self {
            Self::Page(index) => Token(index as u32),
            Self::Segment(index) => Token(Self::SEGMENT | index as u32),
            Self::Filters(index) => Token(Self::FILTERS | index as u32),
        }
    }

    fn of(token: Token) -> Self {
        // CAST: 32 bits fit.
        let index = (token.0 & !(Self::SEGMENT | Self::FILTERS)) as usize;
        if token.0 & Self::SEGMENT != 0 {
            Self::Segment(index)
        } else if token.0 & Self::FILTERS != 0 {
            Self::Filters(index)
        } else {
            Self::Page(index)
        }
    }
}

/// One zone.
pub struct Zone {
    geometry: Geometry,
    layout: Layout,
    checksum: Checksum,
    flags: Flags,
    zones: Zones,
    number: u32,
    segments: Range<u32>,
    state: State,
    uuid: [u8; 16],
    /// The durable chapters.
    window: Window,
    names: Names,
    bounds: Arc<Bounds>,
    open: OpenChapter,
    open_chapter: Chapter,
    closing: Option<Closing>,
    /// The open chapter is to be closed as soon as the one before it is durable.
    is_filled: bool,
    /// A chapter was opened, and the volume index has not been given room for it yet.
    is_unprepared: bool,
    cache: PageCache,
    sparse: SparseCache,
    parked: Parked,
    /// Go on at the next opportunity.
    ready: List,
    /// Wait for room in the open chapter.
    for_room: List,
    /// Wait for a place in the page cache.
    for_memory: List,
    loads: Loads,
    /// The images that segments are loaded from: from the first to before the second.
    images: (Image, Image),
    tail: TailOfNames,
    /// Segments are read, as opposed to filled by replaying all chapters.
    is_lazy: bool,
    /// The chapter that is being replayed.
    replaying: Chapter,
    /// The keeper waits to hear that the zone is at rest.
    rest_is_owed: bool,
    /// Requests were served before the zone came to rest.
    resumes_serving: bool,
    /// Images that the keeper waits for.
    wanted: KVec<(Image, Extent)>,
    statistics: Statistics,
    /// What the volume index said of the requests that are being taken.
    ahead: KVec<Candidates>,
    /// Words that were read for the sake of reading; keeps the reads from being left out.
    touched: u64,
}

impl Zone {
    /// A zone that serves nothing yet. Allocates everything but the volume index, which grows as it fills.
    ///
    /// # Errors
    ///
    /// Too little memory.
    pub fn new(settings: ZoneSettings) -> Result<Self, AllocError> {
        let flags = settings.flags;
        let geometry = settings.geometry;
        let segments = settings.zones.segments(settings.number);
        let share = geometry.zone_records(settings.zones.count());
        let keys = settings.zones.keys(settings.number);
        // CAST: a fraction of the memory of this machine.
        let cache_pages = (geometry.cache_pages / u64::from(settings.zones.count())) as usize;
        // Chapters of another number of zones are divided elsewhere, so one more at each end.
        let filter_blocks = match geometry.filter_blocks {
            0 => 0,
            all => all.min(all / settings.zones.count() + 2),
        };
        Ok(Self {
            layout: Layout::new(&geometry),
            checksum: settings.checksum,
            flags,
            zones: settings.zones,
            number: settings.number,
            names: Names::new(&geometry, segments.clone(), flags)?,
            segments,
            state: State::Loading,
            uuid: [0; 16],
            window: Window::EMPTY,
            bounds: settings.bounds,
            open: OpenChapter::new(share as usize, keys, flags)?,
            open_chapter: Chapter::FIRST,
            closing: None,
            is_filled: false,
            is_unprepared: false,
            cache: PageCache::new(cache_pages, flags)?,
            sparse: SparseCache::new(filter_blocks, flags)?,
            parked: Parked::new(settings.waiting, flags)?,
            ready: List::EMPTY,
            for_room: List::EMPTY,
            for_memory: List::EMPTY,
            loads: Loads::new(geometry.image_blocks as usize, flags)?,
            images: (Image(0), Image(0)),
            tail: TailOfNames::new(geometry.is_sparse()),
            is_lazy: true,
            replaying: Chapter(0),
            rest_is_owed: false,
            resumes_serving: false,
            wanted: KVec::with_capacity(IMAGES, flags)?,
            statistics: Statistics::default(),
            ahead: KVec::from_elem(Candidates::NONE, ahead::REQUESTS, flags)?,
            touched: 0,
            geometry,
        })
    }

    /// Takes requests, as many of the first ones as there is room for; how many. The others are to be handed in again
    /// after answers. Each request taken is answered once, now or later.
    pub fn submit(&mut self, requests: &[Request], out: &mut impl FnMut(ZoneAction)) -> usize {
        let taken = requests.len().min(self.parked.room());
        let requests = requests.get(..taken).unwrap_or(&[]);
        if self.state == State::Resting {
            for request in requests {
                self.answer(*request, Answer::Unavailable(Unavailable::Suspended), out);
            }
            return taken;
        }
        for requests in requests.chunks(ahead::REQUESTS) {
            let version = self.look_ahead(requests);
            for (index, request) in requests.iter().enumerate() {
                let known = self.known(index, version);
                self.run(Attempt::new(*request), known, out);
                self.run_ready(out);
            }
        }
        taken
    }

    /// Takes note of something that happened.
    pub fn handle(&mut self, event: ZoneEvent, out: &mut impl FnMut(ZoneAction)) {
        match event {
            ZoneEvent::Done {
                token,
                result,
                memory: Some(memory),
            } => self.done(token, result, memory, out),
            ZoneEvent::Done { memory: None, .. } => {}
            ZoneEvent::Message(message) => self.take_message(message, out),
        }
        self.run_ready(out);
        self.rest_if_idle(out);
    }

    /// Does a part of the work that nobody waits for: at most `steps` entries of the volume index, or one segment.
    /// Whether there is more to do.
    pub fn background(&mut self, steps: usize, out: &mut impl FnMut(ZoneAction)) -> bool {
        if self.state == State::Failed {
            return false;
        }
        let more = self.apply(steps);
        self.run_ready(out);
        more || (self.state == State::Serving && self.load_in_background(out))
    }

    /// Everything that was counted.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            entries: self.names.entries(),
            ..self.statistics
        }
    }

    /// Chapters whose names were forgotten early because the volume index was full.
    pub fn expired_early(&self) -> u64 {
        self.names.expired_early()
    }

    /// Requests taken and not answered.
    pub fn waiting(&self) -> usize {
        self.parked.len()
    }

    /// Bytes of memory, the shared bounds left out.
    pub fn memory_bytes(&self) -> u64 {
        self.names.memory_bytes()
            + self.open.memory_bytes()
            + self.cache.memory_bytes()
            + self.sparse.memory_bytes()
            + self.parked.memory_bytes()
            + self.loads.memory_bytes()
            + self.tail.memory_bytes()
    }

    fn done(
        &mut self,
        token: Token,
        result: Result<(), ErrorClass>,
        memory: Extent,
        out: &mut impl FnMut(ZoneAction),
    ) {
        match IoOwner::of(token) {
            IoOwner::Page(index) => self.page_done(index, result, memory, out),
            IoOwner::Segment(index) => self.segment_done(index, result, memory, out),
            IoOwner::Filters(index) => self.filters_done(index, result, memory),
        }
    }

    fn take_message(&mut self, message: ToZone, out: &mut impl FnMut(ZoneAction)) {
        match message {
            ToZone::Start(start) => {
                self.start(&start);
                out(ZoneAction::Tell(ToKeeper::Started));
            }
            ToZone::Replay(replay) => {
                let replayed = self.replay(replay);
                out(ZoneAction::Tell(replayed));
            }
            ToZone::Restore {
                generation,
                page,
                memory,
            } => {
                self.restore(generation, page, &memory);
                out(ZoneAction::Tell(ToKeeper::Restored { memory }));
            }
            ToZone::Serve => self.serve(),
            ToZone::Sparse(chapter) => self.cache_filters(chapter, out),
            ToZone::Close(chapter) => self.close_if_open(chapter, out),
            ToZone::Durable(window) => self.durable(window, out),
            ToZone::Fail => self.fail(out),
            ToZone::Image { image, memory } => {
                // The keeper has memory for no more of them.
                let _ = self.wanted.push_within_capacity((image, memory));
                self.write_wanted_images(out);
            }
            ToZone::Suspend => self.suspend(),
            ToZone::Save {
                generation,
                from,
                page,
                memory,
            } => {
                let saved = self.save(generation, from, page, memory);
                out(ZoneAction::Tell(saved));
            }
            ToZone::Resume { replaced } => self.resume(replaced),
        }
    }

    /// Whether anything may be read that no request waits for.
    fn is_reading_allowed(&self) -> bool {
        self.state == State::Serving
    }

    /// Lets requests go on whose obstacle is gone.
    fn run_ready(&mut self, out: &mut impl FnMut(ZoneAction)) {
        while let Some(attempt) = self.parked.take(&mut self.ready) {
            self.run(attempt, Known::Nothing, out);
        }
    }
}
