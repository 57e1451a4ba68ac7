// SPDX-License-Identifier: GPL-2.0-only

//! The keeper: all that is done on the disk but for single reads of zones.
//!
//! It writes chapters, with images of the volume index and the header that makes them exist; it loads an index and
//! rebuilds its volume index; it saves and discards open chapters. It tells the zones what has happened, and never
//! touches what is theirs. All memory is allocated at construction.
//!
//! # Order of writes
//!
//! A chapter: record pages, filters, images, a flush, the header with FUA. The header says how many images there are,
//! so neither the chapter nor its images count before all of them are durable. A save: the pages, a flush, its header
//! with FUA. What was saved is discarded, with FUA, before the first write of the next chapter.
//!
//! Context: may sleep; in the kernel it is a thread of its own.

mod create;
mod load;
mod open;
mod probe;
mod rest;
mod save;
mod stream;
mod table;
mod write;

use super::action::{KeeperAction, OpenError};
use super::bounds::Bounds;
use super::event::{KeeperEvent, OpenMode};
use super::extent::Extent;
use super::format::Place;
use super::geometry::Geometry;
use super::io::{Io, IoKind};
use super::layout::Layout;
use super::message::{ToKeeper, ToZone};
use super::open_chapter::FrozenChapter;
use super::units::{Chapter, Image, Window};
use super::zones::Zones;
use crate::engine::event::{ErrorClass, Token};
use crate::engine::format::Checksum;
use kernel::alloc::{AllocError, Flags, KVec};
use kernel::sync::Arc;
use load::Load;
use save::Save;
use stream::Stream;
use table::Table;
use write::Write;

/// What a keeper is made of.
pub struct KeeperSettings {
    /// The index.
    pub geometry: Geometry,
    /// How names are shared out.
    pub zones: Zones,
    /// The bounds of record pages, shared with the zones.
    pub bounds: Arc<Bounds>,
    /// Computes checksums.
    pub checksum: Checksum,
}

/// What the keeper is at.
enum Phase {
    /// Nothing was opened, or that has failed.
    Closed,
    /// Superblocks are being written.
    Creating(create::Step),
    /// A superblock, the header of the saved chapters, or a block of an image is being read.
    Opening(open::Step),
    /// The chapter table is being read.
    Table,
    /// Chapters are being replayed, and what was saved is being restored.
    Loading(Load),
    /// Nothing is under way.
    Idle,
    /// A chapter is being written.
    Writing(Write),
    /// The open chapters are being saved.
    Saving(Save),
    /// A write has failed.
    Failed,
}

/// Who asked for an I/O. There is at most one of each under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum IoOwner {
    /// A lane of the stream.
    Lane(usize),
    /// One of the images.
    Image(usize),
    /// The header of a chapter.
    Header,
    /// The filters of a chapter.
    Filters,
    /// A single block.
    Single,
    Flush,
}

impl IoOwner {
    fn token(self) -> Token {
        let (owner, index) = match self {
            Self::Lane(index) => (0, index),
            Self::Image(index) => (1, index),
            Self::Header => (2, 0),
            Self::Single => (3, 0),
            Self::Flush => (4, 0),
            Self::Filters => (5, 0),
        };
        // CAST: a few of each.
        Token((owner << 16) | index as u32)
    }

    fn of(token: Token) -> Option<Self> {
        // CAST: masked to 16 bits.
        let index = (token.0 & 0xffff) as usize;
        match token.0 >> 16 {
            0 => Some(Self::Lane(index)),
            1 => Some(Self::Image(index)),
            2 => Some(Self::Header),
            3 => Some(Self::Single),
            4 => Some(Self::Flush),
            5 => Some(Self::Filters),
            _ => None,
        }
    }
}

/// How far loading or rebuilding has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Chapters replayed.
    pub done: u64,
    /// Chapters to be replayed in all.
    pub total: u64,
}

/// What the keeper has counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct KeeperStatistics {
    /// Chapters written.
    pub chapters_written: u64,
    /// Records on their pages.
    pub records_written: u64,
    /// Records for which a chapter had no page.
    pub records_dropped: u64,
    /// Images written.
    pub images_written: u64,
    /// Blocks written.
    pub blocks_written: u64,
    /// Blocks read.
    pub blocks_read: u64,
    /// Places of the chapter table without a valid header, blank ones left out.
    pub headers_lost: u64,
    /// Reads that failed.
    pub read_errors: u64,
    /// Times that open chapters were saved.
    pub saves: u64,
    /// Times that saved chapters were discarded.
    pub discards: u64,
}

/// The keeper of one index.
pub struct Keeper {
    geometry: Geometry,
    layout: Layout,
    zones: Zones,
    bounds: Arc<Bounds>,
    checksum: Checksum,
    phase: Phase,
    mode: OpenMode,
    uuid: [u8; 16],
    window: Window,
    /// Images that count: from the first to before the second.
    images: (Image, Image),
    /// Counts saves.
    generation: u64,
    /// Open chapters are saved, and were not discarded.
    is_saved: bool,
    /// Pages of what was saved behind the newest chapter.
    saved_pages: u32,
    /// The open chapters had been saved when the index was opened.
    was_clean: bool,
    table: Table,
    stream: Stream,
    image_memory: KVec<Option<Extent>>,
    header_memory: Option<Extent>,
    single_memory: Option<Extent>,
    /// For the filters of a chapter; empty if there are none.
    filter_memory: Option<Extent>,
    /// Shares of the chapter that is being closed, by zone.
    arrived: KVec<Option<Arc<FrozenChapter>>>,
    /// The same, complete.
    shares: KVec<Arc<FrozenChapter>>,
    /// Zones whose answer is awaited.
    awaited: u32,
    /// I/O under way.
    in_flight: u32,
    /// A suspend is to be answered; whether the open chapters are to be saved.
    suspend: Option<bool>,
    /// Zones that are not at rest yet.
    restless: u32,
    is_suspended: bool,
    progress: Progress,
    statistics: KeeperStatistics,
}

/// Images that are made or written at once.
pub(super) const IMAGES: usize = 2;

impl Keeper {
    /// A keeper that has opened nothing yet. Allocates all it will ever need; may sleep.
    ///
    /// # Errors
    ///
    /// Too little memory.
    pub fn new(settings: KeeperSettings, flags: Flags) -> Result<Self, AllocError> {
        let KeeperSettings {
            geometry,
            zones,
            bounds,
            checksum,
        } = settings;
        // CAST: 32 bits fit.
        let zone_count = zones.count() as usize;
        let mut image_memory = KVec::with_capacity(IMAGES, flags)?;
        for _ in 0..IMAGES {
            let memory = Extent::new(geometry.image_blocks as usize, flags)?;
            image_memory.push(Some(memory), flags)?;
        }
        let mut arrived = KVec::with_capacity(zone_count, flags)?;
        for _ in 0..zone_count {
            arrived.push(None, flags)?;
        }
        Ok(Self {
            layout: Layout::new(&geometry),
            zones,
            bounds,
            checksum,
            phase: Phase::Closed,
            mode: OpenMode::Load,
            uuid: [0; 16],
            window: Window::EMPTY,
            images: (Image(0), Image(0)),
            generation: 0,
            is_saved: false,
            saved_pages: 0,
            was_clean: false,
            table: Table::new(geometry.slots, flags)?,
            stream: Stream::new(flags)?,
            image_memory,
            header_memory: Some(Extent::new(geometry.header_blocks as usize, flags)?),
            single_memory: Some(Extent::new(1, flags)?),
            filter_memory: Some(Extent::new(geometry.filter_blocks as usize, flags)?),
            arrived,
            shares: KVec::with_capacity(zone_count, flags)?,
            awaited: 0,
            in_flight: 0,
            suspend: None,
            restless: 0,
            is_suspended: false,
            progress: Progress::default(),
            statistics: KeeperStatistics::default(),
            geometry,
        })
    }

    /// Takes note of something that happened.
    pub fn handle(&mut self, event: KeeperEvent, out: &mut impl FnMut(KeeperAction)) {
        match event {
            KeeperEvent::Open(mode) => self.open(mode, out),
            KeeperEvent::Done {
                token,
                result,
                memory,
            } => {
                self.in_flight = self.in_flight.saturating_sub(1);
                self.done(token, result, memory, out);
            }
            KeeperEvent::Message { zone, message } => self.take_message(zone, message, out),
            KeeperEvent::Suspend { save } => self.begin_suspend(save, out),
            KeeperEvent::Resume { replaced } => self.resume(replaced, out),
        }
        self.suspend_if_idle(out);
    }

    /// How far loading has come.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// The durable chapters.
    pub fn window(&self) -> Window {
        self.window
    }

    /// Everything that was counted.
    pub fn statistics(&self) -> KeeperStatistics {
        self.statistics
    }

    /// Bytes of memory, the shared bounds included.
    pub fn memory_bytes(&self) -> u64 {
        let extents = self.image_memory.iter().chain([
            &self.header_memory,
            &self.single_memory,
            &self.filter_memory, //
        ]);
        self.bounds.memory_bytes()
            + self.table.memory_bytes()
            + self.stream.memory_bytes()
            + extents
                .filter_map(|memory| memory.as_ref())
                .map(Extent::memory_bytes)
                .sum::<u64>()
    }

    fn done(
        &mut self,
        token: Token,
        result: Result<(), ErrorClass>,
        memory: Option<Extent>,
        out: &mut impl FnMut(KeeperAction),
    ) {
        match (IoOwner::of(token), memory) {
            (Some(IoOwner::Lane(lane)), Some(memory)) => {
                let is_read = self.stream.done(lane, result, memory);
                if is_read && result.is_err() {
                    self.statistics.read_errors += 1;
                }
                if !is_read && result.is_err() {
                    return self.fail(out);
                }
                self.stream_moved(out);
            }
            (Some(IoOwner::Image(index)), Some(memory)) => {
                if let Some(place) = self.image_memory.get_mut(index) {
                    *place = Some(memory);
                }
                self.image_written(result, out);
            }
            (Some(IoOwner::Header), Some(memory)) => {
                self.header_memory = Some(memory);
                self.header_written(result, out);
            }
            (Some(IoOwner::Filters), Some(memory)) => {
                self.filter_memory = Some(memory);
                self.filters_written(result, out);
            }
            (Some(IoOwner::Single), Some(memory)) => {
                self.single_memory = Some(memory);
                self.single_done(result, out);
            }
            (Some(IoOwner::Flush), None) => self.flushed(result, out),
            _ => {}
        }
    }

    /// What reads or writes of the stream lead to.
    fn stream_moved(&mut self, out: &mut impl FnMut(KeeperAction)) {
        match self.phase {
            Phase::Table => self.read_table(out),
            Phase::Loading(_) => self.replay_more(out),
            Phase::Writing(_) => self.write_more(out),
            _ => {}
        }
    }

    fn single_done(&mut self, result: Result<(), ErrorClass>, out: &mut impl FnMut(KeeperAction)) {
        match &self.phase {
            Phase::Creating(_) => self.superblock_written(result, out),
            Phase::Opening(_) => self.block_read(result, out),
            Phase::Loading(_) => self.saved_page_read(result, out),
            Phase::Writing(_) => self.discarded(result, out),
            Phase::Saving(_) => self.save_written(result, out),
            _ => {}
        }
    }

    fn flushed(&mut self, result: Result<(), ErrorClass>, out: &mut impl FnMut(KeeperAction)) {
        match &self.phase {
            Phase::Creating(_) => self.created(result, out),
            Phase::Writing(_) => self.chapter_flushed(result, out),
            Phase::Saving(_) => self.save_flushed(result, out),
            _ => {}
        }
    }

    fn take_message(&mut self, zone: u32, message: ToKeeper, out: &mut impl FnMut(KeeperAction)) {
        match message {
            ToKeeper::Started => self.zone_started(out),
            ToKeeper::Replayed { memory, ticket } => self.replayed(memory, ticket, out),
            ToKeeper::Restored { memory } => self.restored(zone, memory, out),
            ToKeeper::Closed { chapter, share } => self.closed(zone, chapter, share, out),
            ToKeeper::Sparse(chapter) => {
                for other in (0..self.zones.count()).filter(|other| *other != zone) {
                    out(KeeperAction::Tell {
                        zone: other,
                        message: ToZone::Sparse(chapter),
                    });
                }
            }
            ToKeeper::Imaged {
                image,
                memory,
                blocks,
            } => self.imaged(image, memory, blocks, out),
            ToKeeper::AtRest => self.restless = self.restless.saturating_sub(1),
            ToKeeper::Saved {
                memory,
                entries,
                next,
            } => self.page_saved(memory, entries, next, out),
        }
    }

    /// A write has failed. Nothing is written from now on.
    fn fail(&mut self, out: &mut impl FnMut(KeeperAction)) {
        if matches!(self.phase, Phase::Failed) {
            return;
        }
        self.phase = Phase::Failed;
        self.tell_all(|| ToZone::Fail, out);
        out(KeeperAction::Failed);
    }

    /// The index cannot be brought into service.
    fn refuse(&mut self, why: OpenError, out: &mut impl FnMut(KeeperAction)) {
        self.phase = Phase::Closed;
        out(KeeperAction::Opened(Err(why)));
    }

    fn tell_all(&self, message: impl Fn() -> ToZone, out: &mut impl FnMut(KeeperAction)) {
        for zone in 0..self.zones.count() {
            let message = message();
            out(KeeperAction::Tell { zone, message });
        }
    }

    fn start_io(
        &mut self,
        owner: IoOwner,
        kind: IoKind,
        memory: Option<Extent>,
        out: &mut impl FnMut(KeeperAction),
    ) {
        self.in_flight += 1;
        match kind {
            IoKind::Read { blocks, .. } => self.statistics.blocks_read += u64::from(blocks),
            IoKind::Write { blocks, .. } => self.statistics.blocks_written += u64::from(blocks),
            IoKind::Flush => {}
        }
        out(KeeperAction::Io(Io {
            token: owner.token(),
            kind,
            memory,
        }));
    }

    fn flush(&mut self, out: &mut impl FnMut(KeeperAction)) {
        self.start_io(IoOwner::Flush, IoKind::Flush, None, out);
    }

    /// Reads or writes one block with the memory that there is for that.
    fn single(&mut self, kind: IoKind, out: &mut impl FnMut(KeeperAction)) {
        let memory = self.single_memory.take();
        self.start_io(IoOwner::Single, kind, memory, out);
    }

    fn place(&self, address: u64) -> Place {
        Place {
            address,
            uuid: self.uuid,
        }
    }

    /// The chapter that is being filled.
    fn open_chapter(&self) -> Chapter {
        self.window.newest.next()
    }
}
