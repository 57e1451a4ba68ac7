// SPDX-License-Identifier: GPL-2.0-only

//! The volume: requests in, I/O and answers out.
//!
//! | module | what it does |
//! |---|---|
//! | `operation`, `operations` | what is known of a request; the queue of those whose turn it is |
//! | `open_reads` | since when blocks are read that must not be reused |
//! | `write`, `fill`, `read` | the steps of requests |
//! | `apply` | the step in which a block of the volume becomes another one |
//! | `change` | what that does to map and counts; also for replay |
//! | `allocate` | taking free blocks |
//! | `check` | reads whose data is compared with its fingerprint |
//! | `readers` | reads that are no requests |
//! | `pages` | having pages in memory, and their images in the journal |
//! | `commit`, `checkpoint` | making things durable, and rest |
//! | `activate`, `format_legs`, `replay` | into service |

mod activate;
mod allocate;
mod apply;
mod change;
mod check;
mod checkpoint;
mod commit;
mod fill;
mod format_legs;
mod open_reads;
mod operation;
mod operations;
mod pages;
mod read;
mod readers;
mod replay;
mod write;

use super::action::{Action, Failure, Out};
use super::cache::Cache;
use super::event::{Event, Request, RequestKind};
use super::journal::{Journal, Target};
use super::pool::Pool;
use super::settings::{Settings, SettingsError};
use super::status::{Counters, State, Status};
use super::token::Owner;
use super::translations::Translations;
use super::units::PageNumber;
use crate::engine::block::{new_buffer, Buffer};
use crate::engine::event::{ErrorClass, Token};
use crate::engine::format::Checksum;
use activate::Loader;
use checkpoint::CheckpointWriter;
use kernel::{
    alloc::Flags,
    sync::Arc, //
};
use operation::{Stage, Wait};
use operations::Operations;
use readers::Readers;

/// A deduplicated volume.
pub struct Volume {
    settings: Settings,
    target: Target,
    state: State,
    /// A write of metadata has failed: nothing is written any more.
    read_only: bool,
    cache: Cache,
    journal: Journal,
    checkpoint: CheckpointWriter,
    pool: Pool,
    operations: Operations,
    /// None if all reads come to the volume.
    translations: Option<Arc<Translations>>,
    readers: Readers,
    loader: Loader,
    counters: Counters,
    /// Grows with each redo point: tells which pages have an image behind the newest.
    epoch: u64,
    /// The open batch is to be closed as soon as no other is on its way.
    commit_wanted: bool,
    /// Some frame can hold another page since somebody waited for one.
    frames_came_free: bool,
    /// Somebody waits for a frame, or for blocks that are held back.
    some_wait_for_frame: bool,
    some_wait_for_space: bool,
    /// A record found no room although there should have been.
    lost_record: bool,
    /// Suspends that were not answered.
    suspends: u32,
}

impl Volume {
    /// Makes a volume that serves nothing yet, and says in an empty table of translations where its blocks are, if there are
    /// reads that look there. Allocates everything that it will ever need; may sleep.
    ///
    /// # Errors
    ///
    /// Settings that cannot be used, or too little memory.
    pub fn new(
        settings: Settings,
        translations: Option<Arc<Translations>>,
        checksum: Checksum,
        flags: Flags,
    ) -> Result<Self, SettingsError> {
        let layout = settings.layout()?;
        let ring = settings.geometry.journal_blocks;
        let first = layout.first_pool_page().0;
        let chosen = settings
            .first_pool_page
            .min(layout.pool_pages.saturating_sub(1));
        Ok(Self {
            settings,
            target: Target {
                layout,
                uuid: [0; 16],
                checksum,
            },
            state: State::Inactive,
            read_only: false,
            cache: Cache::new(layout.presence_pages, settings.cache_pages, flags)?,
            journal: Journal::new(settings.journal_buffers, ring, flags)?,
            checkpoint: CheckpointWriter::new(settings.write_buffers, new_buffer(flags)?, flags)?,
            pool: Pool::new(PageNumber(first.saturating_add(chosen))),
            operations: Operations::new(settings.operations, flags)?,
            translations: translations.filter(|_| !settings.checks_reads),
            readers: Readers::default(),
            loader: Loader::new(flags)?,
            counters: Counters::default(),
            epoch: 1,
            commit_wanted: false,
            frames_came_free: false,
            some_wait_for_frame: false,
            some_wait_for_space: false,
            lost_record: false,
            suspends: 0,
        })
    }

    /// Takes note of something that happened, and says what is to be done.
    pub fn handle(&mut self, event: Event, out: Out<'_>) {
        match event {
            Event::Activate {
                uuid_if_formatting,
                secret_if_formatting,
            } => self.activate(uuid_if_formatting, secret_if_formatting, out),
            Event::Request(request) => self.take_in(request, out),
            Event::Done {
                token,
                result,
                buffer,
            } => self.done(token, result, buffer, out),
            Event::Advice { operation, pbn } => self.advised(operation.0, pbn),
            Event::Compared { operation, result } => self.compared(operation.0, result),
            Event::Written { operation, result } => self.written(operation.0, result, out),
            Event::DataRead { operation, result } => self.data_read(operation.0, result),
            Event::DataChecked { operation, result } => self.data_checked(operation.0, result),
            Event::ReadersGone => self.readers_gone(),
            Event::Commit => self.commit_wanted = true,
            Event::Suspend => {
                self.suspends = self.suspends.saturating_add(1);
                if self.state == State::Active {
                    self.state = State::Suspending;
                }
            }
            Event::Resume => {
                if matches!(self.state, State::Suspending | State::Suspended) {
                    self.state = State::Active;
                }
            }
        }
        self.advance(out);
    }

    /// Everything that is counted.
    pub fn status(&self) -> Status {
        let layout = &self.target.layout;
        Status {
            state: self.state,
            read_only: self.read_only,
            data_blocks: layout.data_blocks,
            used_blocks: self.pool.used_blocks,
            mapped_blocks: self.pool.mapped_blocks,
            journal_taken: self.journal.taken(),
            journal_blocks: layout.geometry.journal_blocks,
            batches: self.journal.batches(),
            checkpoint: self.checkpoint.newest(),
            counters: self.counters,
            memory_bytes: self.cache.memory_bytes()
                + self.journal.memory_bytes()
                + self
                    .translations
                    .as_deref()
                    .map_or(0, Translations::memory_bytes)
                + self.checkpoint.memory_bytes(),
        }
    }

    fn take_in(&mut self, request: Request, out: Out<'_>) {
        let blocks = self.target.layout.geometry.logical_blocks;
        let exists = match request.kind {
            RequestKind::Read { lbn, blocks: count }
            | RequestKind::Fill {
                lbn, blocks: count, ..
            } => count > 0 && lbn.0.checked_add(count).is_some_and(|end| end <= blocks),
            RequestKind::Write { lbn, .. } => lbn.0 < blocks,
            RequestKind::Flush => true,
        };
        let taken_in =
            exists && self.state == State::Active && self.operations.begin(request).is_some();
        if !taken_in {
            out(Action::Complete {
                request: request.id,
                result: Err(Failure::Invalid),
            });
        }
    }

    fn done(
        &mut self,
        token: Token,
        result: Result<(), ErrorClass>,
        buffer: Option<Buffer>,
        out: Out<'_>,
    ) {
        match Owner::of(token) {
            Some(Owner::Frame(frame)) => {
                let page = self.cache.get(frame).map(|place| place.page);
                let is_there = self.page_done(frame, result, buffer);
                if self.state == State::Activating && !is_there {
                    self.page_missing_at_activation(page, result);
                }
            }
            Some(Owner::WriteBack(frame)) => self.written_back(frame, result, buffer, out),
            Some(Owner::Journal | Owner::JournalFlush) => {
                self.journal.done(buffer);
                self.take_write_result(result, out);
            }
            Some(Owner::Checkpoint) => self.checkpoint_done(result, buffer, out),
            Some(Owner::Loader(index)) => self.loader_done(index, result, buffer, out),
            None => {}
        }
    }

    /// A write of metadata has ended.
    fn take_write_result(&mut self, result: Result<(), ErrorClass>, out: Out<'_>) {
        if result.is_err() {
            self.become_read_only(out);
        }
    }

    fn become_read_only(&mut self, out: Out<'_>) {
        if !self.read_only {
            self.read_only = true;
            // During activation the refusal says it.
            if self.state != State::Activating {
                out(Action::BecameReadOnly);
            }
            self.operations.wake(|_| true);
        }
    }

    /// Goes as far as possible without an answer from outside.
    fn advance(&mut self, out: Out<'_>) {
        loop {
            while let Some(index) = self.operations.next() {
                self.step(index, out);
            }
            if core::mem::take(&mut self.lost_record) {
                self.become_read_only(out);
            }
            let mut progress = self.advance_activation(out);
            // Each may want something of those that follow.
            progress |= self.advance_suspend(out);
            progress |= self.advance_checkpoint(out);
            progress |= self.advance_commit(out);
            progress |= self.advance_readers(out);
            if core::mem::take(&mut self.frames_came_free)
                && core::mem::take(&mut self.some_wait_for_frame)
            {
                self.operations.wake(|wait| wait == Wait::Frame);
                progress = true;
            }
            if !progress {
                return;
            }
        }
    }

    /// It is the turn of a request.
    fn step(&mut self, index: u32, out: Out<'_>) {
        let Some(operation) = self.operations.get(index) else {
            return;
        };
        if operation.request.is_none() {
            return;
        }
        if operation.stage == Stage::Finishing {
            return self.step_finish(index, out);
        }
        match operation.kind {
            RequestKind::Read { lbn, blocks } => self.step_read(index, lbn, blocks, out),
            RequestKind::Write { lbn, content, .. } => self.step_write(index, lbn, content, out),
            RequestKind::Fill {
                lbn, blocks, fill, ..
            } => self.step_fill(index, lbn, blocks, fill, out),
            RequestKind::Flush => self.finish_durably(index, out),
        }
    }

    fn set_stage(&mut self, index: u32, stage: Stage) {
        if let Some(operation) = self.operations.get_mut(index) {
            operation.stage = stage;
        }
    }

    fn set_wait(&mut self, index: u32, wait: Wait) {
        if let Some(operation) = self.operations.get_mut(index) {
            operation.wait = wait;
        }
    }

    /// From now on no block that is freed is reused before this request lets go of it.
    fn begin_reading(&mut self, index: u32) {
        self.operations
            .begin_reading(index, self.journal.open_batch());
    }

    fn end_reading(&mut self, index: u32) {
        if self.operations.end_reading(index) {
            self.space_may_be_free();
        }
    }

    /// Whoever waits for blocks that are held back may look again.
    fn space_may_be_free(&mut self) {
        if core::mem::take(&mut self.some_wait_for_space) {
            self.operations.wake(|wait| wait == Wait::Space);
        }
    }

    /// Completes a request when everything that is done by now is durable.
    fn finish_durably(&mut self, index: u32, out: Out<'_>) {
        self.let_all_go(index);
        self.end_reading(index);
        match self.journal.newest() {
            Some(batch) if !self.read_only && !seeded!("dedup_acknowledged_early") => {
                self.commit_wanted = true;
                self.set_stage(index, Stage::Finishing);
                self.set_wait(index, Wait::Batch(batch));
            }
            Some(_) if self.read_only => self.complete(index, Err(Failure::ReadOnly), out),
            _ => self.complete(index, Ok(()), out),
        }
    }

    /// The batch of a request is durable, or never will be.
    fn step_finish(&mut self, index: u32, out: Out<'_>) {
        let result = if self.read_only {
            Err(Failure::ReadOnly)
        } else {
            Ok(())
        };
        self.complete(index, result, out);
    }

    /// Answers a request and forgets it.
    fn complete(&mut self, index: u32, result: Result<(), Failure>, out: Out<'_>) {
        self.let_all_go(index);
        self.end_reading(index);
        let request = self.operations.get(index).and_then(|one| one.request);
        self.operations.end(index);
        if let Some(request) = request {
            out(Action::Complete { request, result });
        }
    }
}
