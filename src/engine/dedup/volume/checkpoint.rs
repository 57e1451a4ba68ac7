// SPDX-License-Identifier: GPL-2.0-only

//! Writing dirty pages back, and advancing the redo point.

use super::operation::Wait;
use super::Volume;
use crate::engine::block::{new_buffer, Buffer};
use crate::engine::dedup::action::{Action, Io, IoKind, Out};
use crate::engine::dedup::format::{checkpoint, page, Checkpoint, Layout, Place};
use crate::engine::dedup::status::State;
use crate::engine::dedup::token::Owner;
use crate::engine::dedup::units::{Batch, Leg, Lsn, PageNumber};
use crate::engine::event::ErrorClass;
use crate::engine::units::BLOCK_BYTES;
use kernel::alloc::{AllocError, Flags, KVec};

/// Parts of the ring, one of which is filled before a checkpoint begins; the others are there for what is written until it
/// ends. Random writes change every page of their range soon after a redo point, and each costs an image and a write to its
/// place then: the more of the ring is used before the next one, the rarer that is.
const SEGMENTS: u64 = 2;

/// How far a checkpoint has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Idle,
    /// Pages are written back.
    Pages,
    /// They are made durable.
    Flushing,
    /// The checkpoint is written to a leg.
    Writing(Leg),
}

/// What writes pages back and checkpoints.
pub(super) struct CheckpointWriter {
    /// One is to begin as soon as possible.
    pub(super) wanted: bool,
    phase: Phase,
    /// Pages are written back to make room, and no checkpoint follows: during replay.
    only_pages: bool,
    /// Pages that this batch or an earlier one has changed are to be written.
    limit: Batch,
    /// The next frame to be looked at.
    cursor: usize,
    /// Some page had to be passed over because its last change was not durable, with this batch as the newest durable.
    passed_over: Option<Batch>,
    pages_in_flight: usize,
    block_in_flight: bool,
    buffers: KVec<Buffer>,
    capacity: usize,
    /// The block that becomes a checkpoint; away while it is written.
    block: Option<Buffer>,
    next: Checkpoint,
    newest: Checkpoint,
}

impl CheckpointWriter {
    pub(super) fn new(buffers: u32, block: Buffer, flags: Flags) -> Result<Self, AllocError> {
        let capacity = usize::try_from(buffers).map_err(|_| AllocError)?;
        let mut list = KVec::with_capacity(capacity, flags)?;
        for _ in 0..capacity {
            list.push(new_buffer(flags)?, flags)?;
        }
        let none = Checkpoint {
            number: 0,
            redo: Lsn::FIRST,
            used_blocks: 0,
            mapped_blocks: 0,
            clean: false,
        };
        Ok(Self {
            wanted: false,
            phase: Phase::Idle,
            only_pages: false,
            limit: Batch(0),
            cursor: 0,
            passed_over: None,
            pages_in_flight: 0,
            block_in_flight: false,
            buffers: list,
            capacity,
            block: Some(block),
            next: none,
            newest: none,
        })
    }

    pub(super) fn memory_bytes(&self) -> u64 {
        ((self.capacity + 1) * BLOCK_BYTES) as u64
    }

    /// Whether none is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.phase == Phase::Idle
    }

    /// Whether no I/O is under way.
    pub(super) fn is_quiet(&self) -> bool {
        self.pages_in_flight == 0 && !self.block_in_flight
    }

    /// The number of the newest one.
    pub(super) fn newest(&self) -> u64 {
        self.newest.number
    }

    pub(super) fn newest_is_clean(&self) -> bool {
        self.newest.clean
    }

    /// Takes note of the one that was loaded.
    pub(super) fn loaded(&mut self, newest: Checkpoint) {
        self.newest = newest;
    }

    /// Begins to write pages back, without a checkpoint.
    pub(super) fn begin_pages(&mut self, limit: Batch) {
        if self.is_idle() {
            self.only_pages = true;
            self.start(limit);
        }
    }

    fn start(&mut self, limit: Batch) {
        self.phase = Phase::Pages;
        self.limit = limit;
        self.cursor = 0;
        self.passed_over = None;
    }
}

impl Volume {
    /// Begins a checkpoint whose redo point is the next block of the journal. The open batch is empty.
    pub(super) fn begin_checkpoint(&mut self) {
        let Some(block) = self.checkpoint.block.as_mut() else {
            return;
        };
        block.0.fill(0);
        for number in 0..self.target.layout.presence_pages {
            // CAST: 32 bits fit.
            if self
                .cache
                .get(number as usize)
                .is_some_and(|frame| frame.present)
            {
                checkpoint::set_root(block, PageNumber(number));
            }
        }
        self.checkpoint.next = Checkpoint {
            number: self.checkpoint.newest.number.saturating_add(1),
            redo: self.journal.next_lsn(),
            used_blocks: self.pool.used_blocks,
            mapped_blocks: self.pool.mapped_blocks,
            clean: self.state == State::Suspending && self.operations.is_empty(),
        };
        self.checkpoint.wanted = false;
        self.checkpoint.only_pages = false;
        let limit = Batch(self.journal.open_batch().0.saturating_sub(1));
        self.checkpoint.start(limit);
        if !seeded!("dedup_epoch_not_advanced") {
            self.epoch = self.epoch.wrapping_add(1);
        }
        if seeded!("dedup_purged_early") {
            self.journal.purge(self.journal.next_lsn());
        }
    }

    pub(super) fn advance_checkpoint(&mut self, out: Out<'_>) -> bool {
        if self.read_only {
            return false;
        }
        let ring = self.target.layout.geometry.journal_blocks;
        match self.checkpoint.phase {
            Phase::Idle if self.state == State::Activating => false,
            Phase::Idle => {
                self.checkpoint.wanted |= self.journal.taken() >= ring / SEGMENTS;
                let begins = self.checkpoint.wanted
                    && self.journal.is_open_empty()
                    && self.state != State::Inactive;
                if begins {
                    self.begin_checkpoint();
                }
                begins
            }
            Phase::Pages => self.write_pages(out),
            Phase::Flushing | Phase::Writing(_) => false,
        }
    }

    /// Sends dirty pages as far as there are buffers; returns whether a phase has ended.
    fn write_pages(&mut self, out: Out<'_>) -> bool {
        let durable = self.journal.durable();
        if self
            .checkpoint
            .passed_over
            .is_some_and(|before| before < durable)
            && self.checkpoint.cursor >= self.cache.len()
        {
            self.checkpoint.cursor = 0;
            self.checkpoint.passed_over = None;
        }
        while self.checkpoint.cursor < self.cache.len() {
            let index = self.checkpoint.cursor;
            let limit = self.checkpoint.limit;
            let is_meant = self.cache.get(index).is_some_and(|frame| {
                !frame.writing && frame.dirty_since.is_some_and(|since| since <= limit)
            });
            if is_meant && !self.write_back(index, out) {
                return false;
            }
            self.checkpoint.cursor += 1;
        }
        if self.checkpoint.passed_over.is_some() || self.checkpoint.pages_in_flight > 0 {
            return false;
        }
        if self.checkpoint.only_pages {
            self.checkpoint.phase = Phase::Idle;
        } else {
            if seeded!("dedup_no_flush_before_checkpoint") {
                self.write_checkpoint(Leg::Main, out);
                return true;
            }
            self.checkpoint.phase = Phase::Flushing;
            self.checkpoint.block_in_flight = true;
            out(Action::Io(Io {
                token: Owner::Checkpoint.token(),
                kind: IoKind::Flush { leg: Leg::Main },
                buffer: None,
            }));
        }
        true
    }

    /// Sends a dirty page, or passes over it; false if there is no buffer.
    fn write_back(&mut self, index: usize, out: Out<'_>) -> bool {
        let durable = self.journal.durable();
        let lsn = self.journal.durable_lsn();
        let target = self.target;
        let Some(frame) = self.cache.get_mut(index) else {
            return true;
        };
        if frame.changed > durable && !seeded!("dedup_page_before_journal") {
            self.checkpoint.passed_over.get_or_insert(durable);
            self.commit_wanted = true;
            return true;
        }
        let Some(kind) = target.layout.page_kind(frame.page) else {
            return true;
        };
        let Some(mut buffer) = self.checkpoint.buffers.pop() else {
            return false;
        };
        if let Some(memory) = frame.memory.as_deref() {
            buffer.0.copy_from_slice(&memory.0);
        }
        let address = target.layout.page_address(frame.page);
        let place = Place {
            address,
            uuid: target.uuid,
        };
        page::seal(&mut buffer, frame.page, kind, lsn, place, target.checksum);
        frame.writing = true;
        frame.dirty_since = None;
        self.checkpoint.pages_in_flight += 1;
        out(Action::Io(Io {
            token: Owner::WriteBack(index).token(),
            kind: IoKind::Write {
                leg: Leg::Main,
                block: address,
                fua: false,
            },
            buffer: Some(buffer),
        }));
        true
    }

    /// A page has been written to its place, or not.
    pub(super) fn written_back(
        &mut self,
        index: usize,
        result: Result<(), ErrorClass>,
        buffer: Option<Buffer>,
        out: Out<'_>,
    ) {
        self.checkpoint.pages_in_flight = self.checkpoint.pages_in_flight.saturating_sub(1);
        if let Some(buffer) = buffer {
            // There is room for all that exist.
            let _ = self.checkpoint.buffers.push_within_capacity(buffer);
        }
        if let Some(frame) = self.cache.get_mut(index) {
            frame.writing = false;
            if seeded!("dedup_change_while_writing_lost") {
                frame.dirty_since = None;
            }
            if result.is_err() {
                // Only memory has the page now: it must not be evicted.
                frame.dirty_since.get_or_insert(self.checkpoint.limit);
            }
        }
        self.frames_came_free = true;
        self.take_write_result(result, out);
    }

    /// A flush or a block of the checkpoint has ended.
    pub(super) fn checkpoint_done(
        &mut self,
        result: Result<(), ErrorClass>,
        buffer: Option<Buffer>,
        out: Out<'_>,
    ) {
        self.checkpoint.block_in_flight = false;
        if buffer.is_some() {
            self.checkpoint.block = buffer;
        }
        if result.is_err() || self.read_only {
            return self.take_write_result(result, out);
        }
        match self.checkpoint.phase {
            Phase::Flushing => self.write_checkpoint(Leg::Main, out),
            Phase::Writing(Leg::Main) => self.write_checkpoint(Leg::Spare, out),
            Phase::Writing(Leg::Spare) => {
                self.checkpoint.newest = self.checkpoint.next;
                self.checkpoint.phase = Phase::Idle;
                self.journal.purge(self.checkpoint.newest.redo);
                self.operations.wake(|wait| wait == Wait::Room);
                self.checkpoint_ended(out);
            }
            Phase::Idle | Phase::Pages => {}
        }
    }

    fn write_checkpoint(&mut self, leg: Leg, out: Out<'_>) {
        let Some(mut block) = self.checkpoint.block.take() else {
            return;
        };
        let next = self.checkpoint.next;
        next.seal(leg, self.target.uuid, &mut block, self.target.checksum);
        self.checkpoint.phase = Phase::Writing(leg);
        self.checkpoint.block_in_flight = true;
        out(Action::Io(Io {
            token: Owner::Checkpoint.token(),
            kind: IoKind::Write {
                leg,
                block: Layout::checkpoint_address(next.number),
                fua: !seeded!("dedup_checkpoint_without_fua"),
            },
            buffer: Some(block),
        }));
    }
}
