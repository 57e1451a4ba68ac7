// SPDX-License-Identifier: GPL-2.0-only

//! The engine of remap mode: decides everything and touches nothing.
//!
//! A plain state machine: [`Event`]s and [`Request`]s go in, [`Action`]s come out. It does no I/O, takes no lock,
//! reads no clock and draws no random number. All memory is allocated at construction. The same files compile
//! into the kernel module and into a host library, where a simulator runs them on adversarial disks.
//!
//! | module | what it holds |
//! |---|---|
//! | `format` | the on-disk format, bytes to values and back |
//! | `lookup` | where each sector is served, read without a lock by every CPU |
//! | `slots` | which blocks of the spare are taken |
//! | `metadata` | commits, checkpoints, formatting and loading |
//! | `repair` | what is done with held requests, and what administrators order |
//! | `index` | the deduplication index |
//! | `dedup` | a deduplicated volume |
//! | `health` | how the set is, in one word; when main counts as failing |
//!
//! Context: the shell holds the engine under a mutex and calls it from one work item. [`Lookup`] is shared and may
//! be read in any context.

#![deny(unsafe_code)]

/// Whether the engine is to have the bug of this name. Only the simulator's search for seeded bugs is built so that
/// it can have any (`cfg(seeded_bugs)`, a feature of the host library); everywhere else this is `false`.
#[cfg(not(seeded_bugs))]
macro_rules! seeded {
    ($name:literal) => {
        false
    };
}
#[cfg(seeded_bugs)]
macro_rules! seeded {
    ($name:literal) => {
        kernel::seeded_bug::is_wanted($name)
    };
}

mod action;
mod block;
mod counters;
pub mod dedup;
mod event;
pub mod format;
mod health;
pub mod index;
mod lookup;
mod metadata;
mod notice;
mod notices;
mod refusal;
mod repair;
mod settings;
mod slots;
mod status;
mod token;
mod units;

pub use action::{Action, Activation, Io, Leg, Operation, Timer};
pub use block::{new_buffer, Block, Buffer};
pub use event::{Cause, ErrorClass, Event, Request, RequestId, RequestKind, Token};
pub use format::Checksum;
pub use health::Health;
pub use lookup::{Lookup, Verdict};
pub use notice::Notice;
pub use refusal::{CopyFault, Refusal};
pub use repair::order::{OrderError, Outcome};
pub use settings::{Settings, SettingsError};
pub use status::{State, Status};
pub use units::{Lbn, Slot, Tid, Uuid, BLOCK_BYTES, SECTORS_PER_BLOCK, SECTOR_BYTES};

use counters::Counters;
use format::layout::COPIES_MAXIMUM;
use health::MainErrors;
use kernel::{
    alloc::{Flags, KVec},
    sync::Arc, //
};
use metadata::checkpoint::Checkpoint;
use metadata::commit::{Commit, Marker, Phase as CommitPhase};
use metadata::lane::Lane;
use metadata::loader::Loader;
use metadata::{CopyState, Lineage, Set};
use notices::Notices;
use repair::job::Job;
use slots::Slots;
use token::{LaneKind, Owner};

/// The engine of one device.
pub struct Engine {
    settings: Settings,
    checksum: Checksum,
    state: State,
    lookup: Arc<Lookup>,
    slots: Slots,
    set: Option<Set>,
    copies: [CopyState; COPIES_MAXIMUM],
    lineage: Lineage,
    commit: Commit,
    checkpoint: Checkpoint,
    loader: Loader,
    jobs: KVec<Job>,
    waiting: KVec<Request>,
    /// Entries of the table that changes not committed yet will need.
    kept_entries: u64,
    notices: Notices,
    counters: Counters,
    /// Nothing of main could be read when it was last tried.
    main_is_gone: bool,
    /// Nothing of the spare could be read when it was last tried.
    spare_is_gone: bool,
    main_errors: MainErrors,
    /// The state that was last told of.
    told_health: Health,
    /// That no slot is left was told, and no slot has been taken or given back since.
    told_exhausted: bool,
    /// Commits to go by between attempts to take a copy in again, and the count at which the next is due.
    rejoin_wait: u64,
    rejoin_at: u64,
    /// Requests are handed back instead of served.
    noflush: bool,
    /// Suspends that were not answered yet.
    suspends: u32,
    /// The newest commit on the spare carries the clean marker.
    clean: bool,
    /// The last round failed: no clean marker is tried until another has succeeded.
    marker_failed: bool,
}

impl Engine {
    /// Makes an engine that serves nothing yet. Allocates everything it will ever need; may sleep.
    ///
    /// # Errors
    ///
    /// Settings that cannot be used, or too little memory.
    pub fn new(
        settings: Settings,
        checksum: Checksum,
        flags: Flags,
    ) -> Result<Self, SettingsError> {
        settings.check()?;
        let spare_blocks = settings.spare_sectors / SECTORS_PER_BLOCK;
        let main_blocks = settings.main_sectors.div_ceil(SECTORS_PER_BLOCK);
        let capacity = spare_blocks.min(format::layout::ENTRIES_MAXIMUM);
        let lookup = Lookup::new(main_blocks, capacity, settings.jobs, flags)?;
        // CAST: at most 64 and 1024.
        let mut jobs = KVec::with_capacity(settings.jobs as usize, flags)?;
        for _ in 0..settings.jobs {
            jobs.push(Job::new(flags)?, flags)?;
        }
        Ok(Self {
            settings,
            checksum,
            state: State::Inactive,
            lookup: Arc::new(lookup, flags)?,
            slots: Slots::new(spare_blocks, flags)?,
            set: None,
            copies: [CopyState::Out; COPIES_MAXIMUM],
            lineage: Lineage::new(),
            commit: Commit::new(Lane::new(LaneKind::Commit, flags)?),
            checkpoint: Checkpoint::new(Lane::new(LaneKind::Checkpoint, flags)?),
            loader: Loader::new(flags)?,
            jobs,
            waiting: KVec::with_capacity(settings.max_requests as usize, flags)?,
            kept_entries: 0,
            notices: Notices::new(),
            counters: Counters::default(),
            main_is_gone: false,
            spare_is_gone: false,
            main_errors: MainErrors::new(),
            told_health: Health::Ok,
            told_exhausted: false,
            rejoin_wait: 0,
            rejoin_at: 0,
            noflush: false,
            suspends: 0,
            clean: false,
            marker_failed: false,
        })
    }

    /// Where each sector is served, to be read from any context.
    pub fn lookup(&self) -> Arc<Lookup> {
        self.lookup.clone()
    }

    /// The most [`Action::Io`] that are ever with the shell at once, those of steps given up included.
    pub fn io_bound(&self) -> usize {
        // One for each job; for each lane a buffer for each copy, and a flush; one of the loader.
        self.jobs.len() + 2 * (COPIES_MAXIMUM + 1) + 1
    }

    /// Takes note of something that happened.
    pub fn handle(&mut self, event: Event) {
        match event {
            Event::Activate {
                uuid_if_formatting,
                nonce,
            } => self.activate(uuid_if_formatting, nonce),
            Event::Done {
                token,
                result,
                buffer,
            } => self.done(token, result, buffer),
            Event::Quiesced { ticket } => {
                if let Some((Owner::Job(index), generation)) = Owner::of(Token(ticket)) {
                    self.job_quiesced(index, generation);
                }
            }
            Event::Timer { ticket } => {
                if self.main_errors.expired(ticket) {
                    return;
                }
                if ticket & (1 << 16) == 0 {
                    if self.commit.lane.is_current(ticket) {
                        self.commit_timed_out();
                    }
                } else if self.checkpoint.lane.is_current(ticket) {
                    self.checkpoint_timed_out();
                }
            }
            Event::Suspend { noflush } => {
                self.suspends = self.suspends.saturating_add(1);
                self.noflush = noflush;
                self.marker_failed = false;
                self.rejoin_at = self.counters.commits;
                if self.is_in_service() {
                    self.state = State::Suspending;
                }
            }
            Event::Resume => self.resume(),
        }
        self.advance();
    }

    /// The next thing to do; none until something happens.
    pub fn poll(&mut self) -> Option<Action> {
        let milliseconds = self.settings.commit_timeout_milliseconds;
        let action = self
            .notices
            .pop()
            .map(Action::Notice)
            .or_else(|| self.loader.poll())
            .or_else(|| self.commit.lane.poll(milliseconds))
            .or_else(|| self.checkpoint.lane.poll(milliseconds))
            .or_else(|| self.main_errors.poll())
            .or_else(|| self.poll_jobs())
            .or_else(|| self.poll_suspended());
        if action.is_some() {
            self.advance();
        }
        action
    }

    /// Everything that is counted.
    pub fn snapshot(&self) -> Status {
        let counters = &self.counters;
        Status {
            state: self.state,
            health: self.health(),
            main_is_gone: self.main_is_gone,
            spare_is_gone: self.spare_is_gone,
            remapped: counters.remapped,
            poisoned: counters.poisoned,
            slots_used: self.slots.used(),
            slots_total: self.slots.total(),
            slots_bad: self.slots.bad(),
            tid: self.lineage.last,
            commits: counters.commits,
            checkpoints: counters.checkpoints,
            commit_failures: counters.commit_failures,
            copies: self.set.map_or(0, |set| set.layout.copies),
            copies_healthy: self.copies_in(CopyState::Member),
            uuid: self.set.map_or([0; 16], |set| set.uuid),
            // CAST: at most 1024.
            waiting: self.waiting.len() as u32,
            active: self.active_jobs() as u32,
            main_read_errors: counters.main_read_errors,
            main_write_errors: counters.main_write_errors,
            slot_errors: counters.slot_errors,
            other_errors: counters.other_errors,
            read_retries: counters.read_retries,
            salvaged_sectors: counters.salvaged_sectors,
            lost_sectors: counters.lost_sectors,
            healed_blocks: counters.healed_blocks,
            not_remapped: counters.not_remapped,
            main_gone: counters.main_gone,
            spare_gone: counters.spare_gone,
            copy_failures: counters.copy_failures,
            commit_timeouts: counters.commit_timeouts,
            uncommitted: self.lineage.broken,
            formatted: self.loader.was_formatted(),
            was_clean: self.loader.found_clean(),
            memory_bytes: self.lookup.memory()
                + self.slots.memory()
                + (self.jobs.len() + 2 * COPIES_MAXIMUM + 1) as u64 * BLOCK_BYTES as u64,
        }
    }

    /// Whether requests are served.
    fn is_in_service(&self) -> bool {
        matches!(
            self.state,
            State::Active | State::Suspending | State::Suspended
        )
    }

    fn main_blocks(&self) -> u64 {
        self.settings.main_sectors.div_ceil(SECTORS_PER_BLOCK)
    }

    /// One bit for each sector of a block that exists on main.
    fn valid_sectors(&self, lbn: Lbn) -> u8 {
        let left = self
            .settings
            .main_sectors
            .saturating_sub(lbn.first_sector());
        units::sector_mask(0, u32::try_from(left).unwrap_or(u32::MAX))
    }

    fn spare_blocks(&self) -> u64 {
        self.settings.spare_sectors / SECTORS_PER_BLOCK
    }

    fn done(&mut self, token: Token, result: Result<(), ErrorClass>, buffer: Option<Buffer>) {
        match Owner::of(token) {
            Some((Owner::Job(index), generation)) => {
                self.job_done(index, generation, result, buffer)
            }
            Some((Owner::Lane(LaneKind::Commit, copy), generation)) => {
                if let Some(result) = self.commit.lane.copy_done(copy, generation, result, buffer) {
                    self.commit_copy_done(copy, result);
                }
            }
            Some((Owner::Lane(LaneKind::Checkpoint, copy), generation)) => {
                if let Some(result) = self
                    .checkpoint
                    .lane
                    .copy_done(copy, generation, result, buffer)
                {
                    self.checkpoint_copy_done(copy, result);
                }
            }
            Some((Owner::LaneFlush(LaneKind::Commit), generation)) => {
                if let Some(result) = self.commit.lane.flush_done(generation, result) {
                    self.commit_flush_done(result);
                }
            }
            Some((Owner::LaneFlush(LaneKind::Checkpoint), generation)) => {
                if let Some(result) = self.checkpoint.lane.flush_done(generation, result) {
                    self.checkpoint_flush_done(result);
                }
            }
            Some((Owner::Loader, generation)) => self.loader_done(generation, result, buffer),
            None => {}
        }
    }

    fn resume(&mut self) {
        self.noflush = false;
        self.keep_handed_back();
        if self.is_in_service() {
            self.state = State::Active;
        }
    }

    /// Goes as far as possible without an answer from outside.
    fn advance(&mut self) {
        loop {
            let mut progress = self.start_jobs();
            for index in 0..self.jobs.len() {
                progress |= self.advance_job(index);
            }
            progress |= self.advance_loader();
            progress |= self.advance_commit();
            progress |= self.advance_checkpoint();
            if !progress {
                break;
            }
        }
        if self.checkpoint.is_idle() {
            self.lookup.sweep();
        }
        self.note_health();
    }

    /// Whether nothing is active or waiting, the metadata included.
    fn is_at_rest(&self) -> bool {
        self.waiting.is_empty()
            && self.active_jobs() == 0
            && self.commit.phase == CommitPhase::Idle
            && self.checkpoint.is_idle()
    }

    /// What a round without a change should say, if one is due.
    fn wanted_marker(&self) -> Option<Marker> {
        match self.state {
            State::Active if self.clean => Some(Marker::None),
            _ if self.settings.read_only => None,
            State::Suspending | State::Suspended => {
                let due = !self.noflush && !self.clean && !self.marker_failed && self.suspends != 0;
                (due && self.waiting.is_empty() && self.active_jobs() == 0).then_some(Marker::Clean)
            }
            _ => None,
        }
    }

    fn poll_suspended(&mut self) -> Option<Action> {
        // A suspend that was undone is answered at once; it has brought nothing to rest.
        let undone = self.state == State::Active;
        if self.suspends == 0 || self.state == State::Loading || !(undone || self.is_at_rest()) {
            return None;
        }
        self.suspends -= 1;
        if self.state == State::Suspending {
            self.state = State::Suspended;
        }
        Some(Action::Suspended {
            clean: (self.clean || self.settings.read_only)
                && !self.noflush
                && self.state == State::Suspended,
        })
    }
}
