// SPDX-License-Identifier: GPL-2.0-only

//! Pages in memory, and what is known of them: reading, holding, and their first change after a redo point.

use super::operation::{Pin, Wait};
use super::Volume;
use crate::engine::block::{Block, Buffer};
use crate::engine::dedup::action::{Action, Io, IoKind, Out};
use crate::engine::dedup::cache::FrameState;
use crate::engine::dedup::format::presence_page::Presence;
use crate::engine::dedup::format::{page, pool_page, presence_page, PageKind, Record};
use crate::engine::dedup::token::Owner;
use crate::engine::dedup::units::{Leg, PageNumber};
use crate::engine::event::ErrorClass;

/// What came of the wish to have a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Got {
    /// It is in this frame.
    Frame(usize),
    /// It is not there yet.
    Wait(Wait),
    /// It cannot be read.
    Failed,
}

impl Volume {
    /// Holds a page in memory for a request, in place of what it held for the same purpose.
    pub(super) fn hold(&mut self, index: u32, pin: Pin, page: PageNumber, out: Out<'_>) -> Got {
        let held = self.pinned(index, pin);
        if let Some(frame) = held {
            if self
                .cache
                .get(frame)
                .is_some_and(|frame| frame.page == page)
            {
                return self.as_got(frame);
            }
            self.let_go(index, pin);
        }
        let Some(operation) = self.operations.get_mut(index) else {
            return Got::Failed;
        };
        if operation.failed_page == Some(page) {
            operation.failed_page = None;
            return Got::Failed;
        }
        let frame = match self.cache.find(page) {
            Some(frame) => frame,
            None => match self.fetch(page, out) {
                Some(frame) => frame,
                // Nothing is written back any more.
                None if self.read_only => return Got::Failed,
                None => {
                    self.checkpoint.wanted = true;
                    self.some_wait_for_frame = true;
                    return Got::Wait(Wait::Frame);
                }
            },
        };
        if let Some(place) = self.cache.get_mut(frame) {
            place.pins += 1;
        }
        self.set_pin(index, pin, Some(frame));
        self.as_got(frame)
    }

    fn as_got(&self, frame: usize) -> Got {
        match self.cache.get(frame).map(|frame| frame.state) {
            Some(FrameState::Resident) => Got::Frame(frame),
            Some(FrameState::Loading) => Got::Wait(Wait::Page(frame)),
            _ => Got::Failed,
        }
    }

    pub(super) fn pinned(&self, index: u32, pin: Pin) -> Option<usize> {
        let operation = self.operations.get(index)?;
        operation.pins.get(pin as usize).copied().flatten()
    }

    fn set_pin(&mut self, index: u32, pin: Pin, frame: Option<usize>) {
        let operation = self.operations.get_mut(index);
        if let Some(place) = operation.and_then(|one| one.pins.get_mut(pin as usize)) {
            *place = frame;
        }
    }

    /// Ends what [`hold`](Self::hold) has begun.
    pub(super) fn let_go(&mut self, index: u32, pin: Pin) {
        let Some(frame) = self.pinned(index, pin) else {
            return;
        };
        self.set_pin(index, pin, None);
        if let Some(frame) = self.cache.get_mut(frame) {
            frame.pins = frame.pins.saturating_sub(1);
            if frame.pins == 0 {
                self.frames_came_free = true;
            }
        }
    }

    /// Ends all holds of a request.
    pub(super) fn let_all_go(&mut self, index: u32) {
        for pin in [Pin::Map, Pin::Before, Pin::After] {
            self.let_go(index, pin);
        }
    }

    /// Gets a page that is not in memory into a frame, or on its way; none if there is no frame for it.
    fn fetch(&mut self, page: PageNumber, out: Out<'_>) -> Option<usize> {
        let frame = self.cache.claim(page)?;
        let durable = self.journal.durable();
        let is_absent = self.presence(page) == Presence::Absent;
        let place = self.cache.get_mut(frame)?;
        // What was freed in it is durable; who reads it may have begun before.
        if !seeded!("dedup_freed_forgotten_at_load") {
            place.freed = durable;
        }
        if is_absent {
            place.state = FrameState::Resident;
            if let Some(memory) = place.memory.as_mut() {
                memory.0.fill(0);
            }
        } else {
            place.present = true;
            self.read_page(frame, out);
        }
        Some(frame)
    }

    /// Reads the page of a frame from its place.
    pub(super) fn read_page(&mut self, frame: usize, out: Out<'_>) {
        if let Some(place) = self.cache.get_mut(frame) {
            place.state = FrameState::Loading;
            out(Action::Io(Io {
                token: Owner::Frame(frame).token(),
                kind: IoKind::Read {
                    leg: Leg::Main,
                    block: self.target.layout.page_address(place.page),
                },
                buffer: place.memory.take(),
            }));
        }
    }

    /// A page has been read, or not. Returns whether it is there.
    pub(super) fn page_done(
        &mut self,
        frame: usize,
        result: Result<(), ErrorClass>,
        buffer: Option<Buffer>,
    ) -> bool {
        let target = self.target;
        let Some(place) = self.cache.get_mut(frame) else {
            return false;
        };
        let number = place.page;
        let is_right = result.is_ok()
            && buffer.as_ref().is_some_and(|buffer| {
                page::open(buffer, number, &target.layout, target.uuid, target.checksum).is_ok()
            });
        place.memory = buffer;
        if is_right {
            place.state = FrameState::Resident;
            self.count_used(frame);
        } else {
            self.counters.damaged_pages += 1;
            place.pins = 0;
            self.operations.fail_page(frame, number);
            self.cache.release(frame);
        }
        self.operations.wake(|wait| wait == Wait::Page(frame));
        is_right
    }

    /// Counts the blocks of a pool page that are referred to.
    pub(super) fn count_used(&mut self, frame: usize) {
        let layout = self.target.layout;
        if let Some(place) = self.cache.get_mut(frame) {
            if layout.page_kind(place.page) == Some(PageKind::Pool) {
                place.used_blocks = place.memory.as_deref().map_or(0, pool_page::used);
            }
        }
    }

    /// The content of a page that is there.
    pub(super) fn page(&self, frame: usize) -> Option<&Block> {
        self.cache.get(frame)?.memory.as_deref()
    }

    /// The content of a page that is there, to be changed: by the open batch.
    pub(super) fn page_mut(&mut self, frame: usize) -> Option<&mut Block> {
        let batch = self.journal.open_batch();
        let place = self.cache.get_mut(frame)?;
        place.changed = batch;
        place.dirty_since.get_or_insert(batch);
        place.memory.as_deref_mut()
    }

    /// What is known of a map or pool page.
    pub(super) fn presence(&self, page: PageNumber) -> Presence {
        let place = self.target.layout.presence_place(page);
        let known = place.and_then(|(presence, index)| {
            // CAST: 32 bits fit.
            let block = self.page(presence.0 as usize)?;
            Some(presence_page::get(block, index))
        });
        known.unwrap_or(Presence::Absent)
    }

    /// Sets what is known of a map or pool page, whose presence page was prepared.
    pub(super) fn set_presence(&mut self, page: PageNumber, presence: Presence) {
        let before = self.presence(page);
        let Some((number, index)) = self.target.layout.presence_place(page) else {
            return;
        };
        if before == Presence::Full {
            self.pool.full_pages = self.pool.full_pages.saturating_sub(1);
        }
        if presence == Presence::Full {
            self.pool.full_pages += 1;
        }
        // CAST: 32 bits fit.
        if let Some(block) = self.page_mut(number.0 as usize) {
            presence_page::set(block, index, presence);
        }
    }

    /// Puts what replay needs before the first change of a page after the redo point into the journal, which has room.
    pub(super) fn prepare(&mut self, frame: usize) {
        let Some(place) = self.cache.get(frame) else {
            return;
        };
        let (page, present) = (place.page, place.present);
        if present && place.epoch == self.epoch {
            return;
        }
        if present {
            self.append_image(frame);
        } else {
            self.prepare_presence_of(page);
            if !seeded!("dedup_birth_forgotten") {
                self.append(&Record::Birth { page });
            }
            if let Some(place) = self.cache.get_mut(frame) {
                place.present = true;
                place.epoch = self.epoch;
            }
            self.set_presence(page, Presence::Present);
        }
    }

    /// As [`prepare`](Self::prepare), of the presence page of a page.
    pub(super) fn prepare_presence_of(&mut self, page: PageNumber) {
        let Some((number, _)) = self.target.layout.presence_place(page) else {
            return;
        };
        // CAST: 32 bits fit.
        let frame = number.0 as usize;
        let Some(place) = self.cache.get(frame) else {
            return;
        };
        if !place.present {
            self.append(&Record::Birth { page: number });
            if let Some(place) = self.cache.get_mut(frame) {
                place.present = true;
                place.epoch = self.epoch;
            }
        } else if place.epoch != self.epoch {
            self.append_image(frame);
        }
    }

    fn append_image(&mut self, frame: usize) {
        let Some(place) = self.cache.get_mut(frame) else {
            return;
        };
        place.epoch = self.epoch;
        if seeded!("dedup_no_images") {
            return;
        }
        let appended = place
            .memory
            .as_deref()
            .is_some_and(|memory| self.journal.append_image(place.page, memory));
        self.lost_record |= !appended;
    }

    /// Appends a record to the open batch, which has room.
    pub(super) fn append(&mut self, record: &Record) {
        self.lost_record |= !self.journal.append(record);
    }
}
