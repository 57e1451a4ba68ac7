// SPDX-License-Identifier: GPL-2.0-only

//! Closing a chapter: the open chapter is frozen and handed to the keeper, and its records enter the volume index.

use super::{State, Zone};
use crate::engine::index::action::ZoneAction;
use crate::engine::index::message::ToKeeper;
use crate::engine::index::open_chapter::FrozenChapter;
use crate::engine::index::record::Name;
use crate::engine::index::units::{Chapter, Window};
use kernel::sync::Arc;

/// A chapter that is closed, and either not durable or not in the volume index.
pub(super) struct Closing {
    pub(super) chapter: Chapter,
    pub(super) share: Arc<FrozenChapter>,
    /// The next place whose entry is for the volume index; none when all are there.
    next: Option<usize>,
    is_durable: bool,
}

impl Zone {
    /// The open chapter is full.
    pub(super) fn fill_up(&mut self, out: &mut impl FnMut(ZoneAction)) {
        if !self.is_filled {
            self.is_filled = true;
            self.statistics.chapters_filled += 1;
        }
        self.close_if_possible(out);
    }

    /// Another zone has closed a chapter.
    pub(super) fn close_if_open(&mut self, chapter: Chapter, out: &mut impl FnMut(ZoneAction)) {
        if chapter == self.open_chapter && !self.is_filled && self.state != State::Failed {
            self.is_filled = true;
            self.statistics.chapters_cut_short += 1;
            self.close_if_possible(out);
        }
    }

    /// Closes a chapter that is to be closed, unless the one before it is still being written: no zone is ever more
    /// than one chapter ahead of the disk.
    fn close_if_possible(&mut self, out: &mut impl FnMut(ZoneAction)) {
        if !self.is_filled || self.state == State::Failed {
            return;
        }
        if self
            .closing
            .as_ref()
            .is_some_and(|closing| !closing.is_durable)
        {
            return;
        }
        // Rarely anything is left: there was a whole chapter's time.
        self.apply(usize::MAX);
        let chapter = self.open_chapter;
        let Some(share) = self.open.freeze() else {
            return;
        };
        out(ZoneAction::Tell(ToKeeper::Closed {
            chapter,
            share: share.clone(),
        }));
        self.closing = Some(Closing {
            chapter,
            share,
            next: Some(0),
            is_durable: false,
        });
        self.open_chapter = chapter.next();
        if !seeded!("index_expires_late") {
            // The closed chapter takes the place of the oldest one, in the volume index and soon on the disk.
            self.expire_before(self.geometry.oldest(chapter));
        }
        self.is_filled = false;
        self.is_unprepared = true;
        if seeded!("index_room_not_told") {
            return;
        }
        let waiting = self.for_room.take();
        self.parked.append(&mut self.ready, waiting);
    }

    /// Enters up to `steps` records of the closed chapter into the volume index; whether there are more.
    pub(super) fn apply(&mut self, steps: usize) -> bool {
        let Some(closing) = &mut self.closing else {
            return false;
        };
        let Some(next) = closing.next else {
            return false;
        };
        if core::mem::take(&mut self.is_unprepared) {
            self.names.set_window(Window {
                oldest: self.window.oldest,
                newest: closing.chapter,
            });
            // Without memory for more entries the oldest ones make room, or records are not entered.
            // CAST: far fewer than 2^64.
            let records = closing.share.live() as u64;
            let _ = self.names.prepare(records, self.flags);
        }
        let (not_indexed, next) = self
            .names
            .apply(closing.chapter, &closing.share, next, steps);
        self.statistics.discarded += not_indexed;
        closing.next = next;
        let more = closing.next.is_some();
        self.release();
        more
    }

    /// A chapter has reached the disk.
    pub(super) fn durable(&mut self, window: Window, out: &mut impl FnMut(ZoneAction)) {
        self.window.newest = window.newest;
        if !seeded!("index_expires_late") {
            self.expire_before(window.oldest);
        }
        if let Some(closing) = &mut self.closing {
            closing.is_durable |= closing.chapter <= window.newest;
        }
        self.release();
        self.close_if_possible(out);
    }

    /// Forgets chapters before this one.
    fn expire_before(&mut self, oldest: Chapter) {
        self.window.oldest = self.window.oldest.max(oldest);
        self.cache.forget_before(self.window.oldest);
        self.sparse.forget_before(self.window.oldest);
    }

    /// All chapters up to this one are in the volume index.
    pub(super) fn mark(&self) -> Chapter {
        match &self.closing {
            Some(_) if seeded!("index_mark_too_new") => Chapter(self.open_chapter.0 - 1),
            Some(closing) if closing.next.is_some() => Chapter(closing.chapter.0 - 1),
            _ => Chapter(self.open_chapter.0 - 1),
        }
    }

    /// Gives the memory of a chapter back that is in the volume index and on the disk.
    fn release(&mut self) {
        if let Some(closing) = self.closing.take_if(|closing| closing.is_done()) {
            // The keeper lets go of its share before it says that the chapter is durable.
            let is_back = self.open.give_back(closing.share);
            debug_assert!(is_back);
        }
    }

    /// A write has failed: answers everything.
    pub(super) fn fail(&mut self, out: &mut impl FnMut(ZoneAction)) {
        self.state = State::Failed;
        let waiting = self.for_room.take();
        self.parked.append(&mut self.ready, waiting);
        let waiting = self.for_memory.take();
        self.parked.append(&mut self.ready, waiting);
        self.run_ready(out);
    }
}

impl Closing {
    /// Reads what a search of the share would read first.
    pub(super) fn touch(&self, name: Name) -> u64 {
        self.share.touch(name)
    }

    fn is_done(&self) -> bool {
        self.is_durable && self.next.is_none()
    }
}
