// SPDX-License-Identifier: GPL-2.0-only

//! Loading: the newest chapters are replayed, because the images of the volume index do not have them; or all of them,
//! because the images are lost. Then the saved open chapters come back, and the zones serve.
//!
//! Replaying can be interrupted after any page, and goes on behind it.

use super::stream::{Piece, LANE_BLOCKS};
use super::{Keeper, Phase, Progress};
use crate::engine::event::ErrorClass;
use crate::engine::index::action::{KeeperAction, OpenError, Opened};
use crate::engine::index::event::OpenMode;
use crate::engine::index::extent::Extent;
use crate::engine::index::io::IoKind;
use crate::engine::index::message::{Replay, Start, ToZone};
use crate::engine::index::record::Name;
use crate::engine::index::units::{Chapter, Image, Page};

/// How far loading has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Load {
    /// The next record page that is begun.
    chapter: Chapter,
    page: u32,
    /// All zones know which index it is.
    is_started: bool,
    /// The next saved page.
    saved_page: u32,
    /// A saved page is being read or is with a zone.
    is_restoring: bool,
    is_rebuild: bool,
}

impl Keeper {
    /// Everything is known: decides what is replayed. `is_lost` says that too many images are.
    pub(super) fn load(&mut self, is_lost: bool, out: &mut impl FnMut(KeeperAction)) {
        if self.mode == OpenMode::LoadClean && (is_lost || !self.was_clean) {
            return self.refuse(OpenError::NotClean, out);
        }
        let segments = u64::from(self.geometry.index.segments());
        let end = self.images.1 .0;
        let is_rebuild = (is_lost || self.mode == OpenMode::Rebuild) && self.window.chapters() != 0;
        let first = if is_rebuild {
            self.images.0 = self.images.1;
            self.window.oldest
        } else if end < segments {
            // Not every segment has an image; one that has none was empty when the index was made.
            Chapter::FIRST.max(self.window.oldest)
        } else {
            self.table.behind_images(&self.window, end - segments)
        };
        self.begin_load(first, is_rebuild, out);
    }

    /// A new index has nothing to be replayed.
    pub(super) fn start_zones(&mut self, out: &mut impl FnMut(KeeperAction)) {
        self.begin_load(self.open_chapter(), false, out);
    }

    fn begin_load(&mut self, first: Chapter, is_rebuild: bool, out: &mut impl FnMut(KeeperAction)) {
        self.progress = Progress {
            done: 0,
            total: self.open_chapter().0.saturating_sub(first.0),
        };
        self.phase = Phase::Loading(Load {
            chapter: first,
            page: 0,
            is_started: false,
            saved_page: 0,
            is_restoring: false,
            is_rebuild,
        });
        self.awaited = self.zones.count();
        let start = Start {
            uuid: self.uuid,
            window: self.window,
            images: self.images,
            lazily: !is_rebuild,
        };
        self.tell_all(|| ToZone::Start(start), out);
    }

    /// A zone is ready for records.
    pub(super) fn zone_started(&mut self, out: &mut impl FnMut(KeeperAction)) {
        self.awaited = self.awaited.saturating_sub(1);
        let Phase::Loading(load) = &mut self.phase else {
            return;
        };
        if self.awaited == 0 {
            load.is_started = true;
            self.replay_more(out);
        }
    }

    /// Goes on, unless the index is coming to rest.
    pub(super) fn replay_more(&mut self, out: &mut impl FnMut(KeeperAction)) {
        while let Some((lane, piece, result)) = self.stream.next_read() {
            if result.is_ok() {
                self.lend(lane, piece, out);
            }
        }
        let Phase::Loading(mut load) = self.phase else {
            return;
        };
        if !load.is_started || self.suspend.is_some() || self.is_suspended {
            return;
        }
        while load.chapter <= self.window.newest {
            let pages = self.table.get(load.chapter).map_or(0, |known| known.pages);
            if load.page >= pages {
                load.chapter = load.chapter.next();
                load.page = 0;
                self.progress.done += 1;
                continue;
            }
            let Some(lane) = self.stream.free_lane() else {
                break;
            };
            let page = Page(load.page);
            let blocks = LANE_BLOCKS.min(pages - load.page);
            load.page += blocks;
            let Some(block) = self.layout.page(load.chapter, page) else {
                continue;
            };
            let piece = Piece {
                block,
                blocks,
                chapter: load.chapter,
                page,
            };
            self.read_piece(lane, piece, out);
        }
        self.phase = Phase::Loading(load);
        if load.chapter > self.window.newest && self.stream.is_idle() {
            self.restore_more(out);
        }
    }

    /// Gives pages to the first zone that has names on them.
    fn lend(&mut self, lane: usize, piece: Piece, out: &mut impl FnMut(KeeperAction)) {
        let (first, _) = self.zones_of(&piece);
        if let Some((piece, memory)) = self.stream.lend(lane) {
            self.send_pages(first, lane, piece, memory, out);
        }
    }

    fn send_pages(
        &mut self,
        zone: u32,
        lane: usize,
        piece: Piece,
        memory: Extent,
        out: &mut impl FnMut(KeeperAction),
    ) {
        out(KeeperAction::Tell {
            zone,
            message: ToZone::Replay(Replay {
                chapter: piece.chapter,
                page: piece.page,
                pages: piece.blocks,
                memory,
                // CAST: a few lanes, and at most 16 zones.
                ticket: (zone << 16) | lane as u32,
            }),
        });
    }

    /// A zone has entered its records of some pages; the next one may have others on them.
    pub(super) fn replayed(
        &mut self,
        memory: Extent,
        ticket: u32,
        out: &mut impl FnMut(KeeperAction),
    ) {
        // CAST: masked to 16 bits.
        let (zone, lane) = (ticket >> 16, (ticket & 0xffff) as usize);
        self.stream.take_back(lane, memory);
        if let Some(piece) = self.stream.piece(lane) {
            let (_, last) = self.zones_of(&piece);
            if zone < last {
                if let Some((piece, memory)) = self.stream.lend(lane) {
                    return self.send_pages(zone + 1, lane, piece, memory, out);
                }
            }
        }
        self.replay_more(out);
    }

    /// The zones whose names may be on some pages: the first and the last.
    fn zones_of(&self, piece: &Piece) -> (u32, u32) {
        // CAST: 32 bits fit.
        let first = piece.page.0 as usize;
        let end = first + piece.blocks as usize;
        let zone = |prefix: u32, rest: u64| {
            let key = (u64::from(prefix) << 32) | rest;
            self.zones.zone(Name { key, rest: 0 })
        };
        let mut bounds = self.bounds.of(piece.chapter).skip(first);
        let low = bounds.next().unwrap_or(0);
        // The last page ends before the next one begins.
        let high = bounds.nth(end - first - 1).unwrap_or(u32::MAX);
        (zone(low, 0), zone(high, u64::from(u32::MAX)))
    }

    /// Reads the next saved page, or serves.
    fn restore_more(&mut self, out: &mut impl FnMut(KeeperAction)) {
        let Phase::Loading(load) = &mut self.phase else {
            return;
        };
        if load.is_restoring {
            return;
        }
        let page = load.saved_page;
        if page < self.saved_pages {
            if let Some(block) = self.layout.saved_page(u64::from(page)) {
                load.is_restoring = true;
                return self.single(IoKind::Read { block, blocks: 1 }, out);
            }
        }
        let rebuilt = load.is_rebuild;
        self.phase = Phase::Idle;
        self.tell_all(|| ToZone::Serve, out);
        out(KeeperAction::Opened(Ok(Opened {
            uuid: self.uuid,
            window: self.window,
            was_clean: self.was_clean,
            rebuilt,
        })));
    }

    /// A saved page was read: every zone takes what is its own.
    pub(super) fn saved_page_read(
        &mut self,
        result: Result<(), ErrorClass>,
        out: &mut impl FnMut(KeeperAction),
    ) {
        if result.is_err() {
            self.statistics.read_errors += 1;
            return self.next_saved_page(out);
        }
        if let Some(memory) = self.single_memory.take() {
            self.send_saved(0, memory, out);
        }
    }

    fn send_saved(&mut self, zone: u32, memory: Extent, out: &mut impl FnMut(KeeperAction)) {
        let Phase::Loading(load) = &self.phase else {
            return;
        };
        out(KeeperAction::Tell {
            zone,
            message: ToZone::Restore {
                generation: self.generation,
                page: load.saved_page,
                memory,
            },
        });
    }

    /// A zone has taken its entries of a saved page.
    pub(super) fn restored(
        &mut self,
        zone: u32,
        memory: Extent,
        out: &mut impl FnMut(KeeperAction),
    ) {
        if zone + 1 < self.zones.count() {
            return self.send_saved(zone + 1, memory, out);
        }
        self.single_memory = Some(memory);
        self.next_saved_page(out);
    }

    fn next_saved_page(&mut self, out: &mut impl FnMut(KeeperAction)) {
        if let Phase::Loading(load) = &mut self.phase {
            load.saved_page += 1;
            load.is_restoring = false;
            self.replay_more(out);
        }
    }

    /// Whether loading waits for nothing, so that it can be interrupted here.
    pub(super) fn load_is_at_rest(&self) -> bool {
        match &self.phase {
            Phase::Loading(load) => load.is_started && !load.is_restoring && self.stream.is_idle(),
            _ => false,
        }
    }

    /// Images that count from now on.
    pub(super) fn next_image(&self) -> Image {
        self.images.1
    }
}
