// SPDX-License-Identifier: GPL-2.0-only

//! Bringing the volume into service: superblocks, checkpoints, replay, presence pages, and a checkpoint of its own.

use super::replay::Replay;
use super::Volume;
use crate::engine::block::Buffer;
use crate::engine::dedup::action::{Action, Activation, Io, IoKind, Out};
use crate::engine::dedup::cache::FrameState;
use crate::engine::dedup::format::layout::SUPERBLOCK;
use crate::engine::dedup::format::superblock::Features;
use crate::engine::dedup::format::{
    checkpoint, presence_page, Checkpoint, Invalid, Layout, Superblock,
};
use crate::engine::dedup::refusal::Refusal;
use crate::engine::dedup::status::State;
use crate::engine::dedup::token::Owner;
use crate::engine::dedup::units::{Leg, PageNumber};
use crate::engine::event::ErrorClass;
use kernel::alloc::{AllocError, Flags};

/// Presence pages that are read at once.
const PRESENCE_READS: usize = 16;

/// How far the activation has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    Idle,
    /// Both superblocks are read.
    Superblocks,
    /// Both superblocks are blank: this one of the blocks behind them is read.
    Looking(u64),
    /// This step of formatting is under way.
    Formatting(usize),
    /// The four checkpoints are read.
    Checkpoints,
    /// The spare gets the newest checkpoint, which a crash has kept from it.
    Copying,
    /// The spare gets its superblock, which a crash has prevented.
    Mending,
    /// Main makes durable what can be read of it.
    Settling,
    /// The journal is read.
    Replay,
    /// Presence pages are read.
    Presence,
    /// The first checkpoint is made.
    Checkpoint,
    /// What has begun comes to its end; then the volume is refused.
    Refusing,
}

/// What a superblock's place holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Found {
    Valid(Superblock),
    Blank,
    Bad(Invalid),
    Unreadable,
}

/// What is known during the activation.
pub(super) struct Loader {
    pub(super) phase: Phase,
    pub(super) in_flight: usize,
    found: [Option<Found>; 2],
    checkpoints: [Option<Checkpoint>; 4],
    /// The best checkpoint's block.
    best: Option<Buffer>,
    /// What the legs say, or what they are formatted to say.
    pub(super) superblock: Option<Superblock>,
    /// The spare is blank because a crash has interrupted formatting, or so it seems.
    spare_is_blank: bool,
    pub(super) formatted: bool,
    pub(super) refusal: Option<Refusal>,
    pub(super) was_clean: bool,
    pub(super) replay: Replay,
    /// The next presence page to be read.
    next_presence: usize,
    fresh: ([u8; 16], [u8; 16]),
}

impl Loader {
    pub(super) fn new(flags: Flags) -> Result<Self, AllocError> {
        Ok(Self {
            phase: Phase::Idle,
            in_flight: 0,
            found: [None; 2],
            checkpoints: [None; 4],
            best: None,
            superblock: None,
            spare_is_blank: false,
            formatted: false,
            refusal: None,
            was_clean: false,
            replay: Replay::new(flags)?,
            next_presence: 0,
            fresh: ([0; 16], [0; 16]),
        })
    }
}

impl Volume {
    pub(super) fn activate(&mut self, uuid: [u8; 16], secret: [u8; 16], out: Out<'_>) {
        if self.state != State::Inactive {
            return;
        }
        if let Some(refusal) = self.loader.refusal {
            return out(Action::Activated(Err(refusal)));
        }
        self.state = State::Activating;
        self.loader.fresh = (uuid, secret);
        self.loader.phase = Phase::Superblocks;
        for leg in Leg::BOTH {
            self.load(leg.index(), leg, SUPERBLOCK, out);
        }
    }

    /// Reads a block into a buffer of the journal.
    pub(super) fn load(&mut self, index: usize, leg: Leg, block: u64, out: Out<'_>) {
        self.loader.in_flight += 1;
        out(Action::Io(Io {
            token: Owner::Loader(index).token(),
            kind: IoKind::Read { leg, block },
            buffer: self.journal.take_buffer(),
        }));
    }

    /// The volume cannot be brought into service.
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        self.loader.refusal.get_or_insert(refusal);
        self.loader.phase = Phase::Refusing;
    }

    pub(super) fn loader_done(
        &mut self,
        index: usize,
        result: Result<(), ErrorClass>,
        buffer: Option<Buffer>,
        out: Out<'_>,
    ) {
        self.loader.in_flight = self.loader.in_flight.saturating_sub(1);
        match self.loader.phase {
            Phase::Superblocks => self.take_superblock(index, result, buffer),
            Phase::Looking(place) => self.looked_at(place, result, buffer, out),
            Phase::Formatting(step) => self.format_step_done(step, result, buffer, out),
            Phase::Checkpoints => self.take_checkpoint(index, result, buffer),
            Phase::Copying => {
                self.journal.give_back(buffer);
                match result {
                    Ok(()) => self.mend(out),
                    Err(_) => self.refuse(Refusal::Io(Leg::Spare)),
                }
            }
            Phase::Mending => {
                self.journal.give_back(buffer);
                match result {
                    Ok(()) => self.settle(out),
                    Err(_) => self.refuse(Refusal::Io(Leg::Spare)),
                }
            }
            Phase::Settling => match result {
                Ok(()) => self.loader.phase = Phase::Replay,
                Err(_) => self.refuse(Refusal::Io(Leg::Main)),
            },
            Phase::Replay => self.replay_read(index, result, buffer),
            _ => self.journal.give_back(buffer),
        }
    }

    fn take_superblock(
        &mut self,
        index: usize,
        result: Result<(), ErrorClass>,
        buffer: Option<Buffer>,
    ) {
        let leg = if index == 0 { Leg::Main } else { Leg::Spare };
        let found = match (result, &buffer) {
            (Ok(()), Some(block)) => match Superblock::decode(block, leg, self.target.checksum) {
                Ok(superblock) => Found::Valid(superblock),
                Err(Invalid::Blank) => Found::Blank,
                Err(why) => Found::Bad(why),
            },
            (Err(ErrorClass::Media), _) => Found::Unreadable,
            _ => {
                self.journal.give_back(buffer);
                return self.refuse(Refusal::Io(leg));
            }
        };
        self.journal.give_back(buffer);
        if let Some(place) = self.loader.found.get_mut(leg.index()) {
            *place = Some(found);
        }
    }

    /// What the superblocks mean for the volume.
    fn judge_superblocks(&mut self, out: Out<'_>) {
        let [Some(main), Some(spare)] = self.loader.found else {
            return;
        };
        let superblock = match (main, spare) {
            (Found::Blank, Found::Blank) => return self.look_at(0, out),
            (Found::Valid(main), Found::Valid(spare)) if main == spare => main,
            (Found::Valid(_), Found::Valid(_)) => return self.refuse(Refusal::Mixed),
            (Found::Valid(main), Found::Blank) => {
                self.loader.spare_is_blank = true;
                main
            }
            (Found::Blank, _) => return self.refuse(Refusal::Blank(Leg::Main)),
            // One that is damaged is no loss as long as the other is there.
            (Found::Valid(one), Found::Unreadable | Found::Bad(Invalid::Checksum))
            | (Found::Unreadable | Found::Bad(Invalid::Checksum), Found::Valid(one)) => one,
            (Found::Bad(why), _) => return self.refuse(Refusal::Superblock(Leg::Main, why)),
            (_, Found::Bad(why)) => return self.refuse(Refusal::Superblock(Leg::Spare, why)),
            _ => return self.refuse(Refusal::Unreadable),
        };
        let Features {
            read_only_compatible,
            incompatible,
            ..
        } = superblock.features;
        // None is defined, and the volume is going to be written.
        let unknown = read_only_compatible | incompatible;
        if unknown != 0 {
            return self.refuse(Refusal::Features(unknown));
        }
        if superblock.geometry != self.settings.geometry
            || superblock.spare_blocks != self.settings.spare_blocks
        {
            return self.refuse(Refusal::Geometry(
                superblock.geometry,
                superblock.spare_blocks,
            ));
        }
        self.use_superblock(superblock);
        self.read_checkpoints(out);
    }

    pub(super) fn use_superblock(&mut self, superblock: Superblock) {
        self.target.uuid = superblock.uuid;
        self.loader.superblock = Some(superblock);
    }

    pub(super) fn fresh_superblock(&self) -> Superblock {
        let (uuid, secret) = self.loader.fresh;
        Superblock {
            uuid,
            features: Features::default(),
            geometry: self.settings.geometry,
            spare_blocks: self.settings.spare_blocks,
            method: self.settings.method,
            secret,
        }
    }

    pub(super) fn read_checkpoints(&mut self, out: Out<'_>) {
        self.loader.phase = Phase::Checkpoints;
        for leg in Leg::BOTH {
            for number in 0..2 {
                let address = Layout::checkpoint_address(number);
                // CAST: 0 or 1.
                self.load(2 * leg.index() + number as usize, leg, address, out);
            }
        }
    }

    fn take_checkpoint(
        &mut self,
        index: usize,
        result: Result<(), ErrorClass>,
        buffer: Option<Buffer>,
    ) {
        let leg = if index < 2 { Leg::Main } else { Leg::Spare };
        if result.is_err_and(|class| class != ErrorClass::Media) {
            self.journal.give_back(buffer);
            return self.refuse(Refusal::Io(leg));
        }
        let (layout, uuid) = (self.target.layout, self.target.uuid);
        let address = Layout::checkpoint_address(index as u64 % 2);
        let found = buffer
            .as_deref()
            .filter(|_| result.is_ok())
            .and_then(|block| {
                Checkpoint::open(block, leg, address, &layout, uuid, self.target.checksum).ok()
            });
        let newest = self
            .loader
            .checkpoints
            .iter()
            .flatten()
            .map(|one| one.number);
        let is_best =
            found.is_some_and(|found| newest.max().is_none_or(|best| found.number > best));
        if let Some(place) = self.loader.checkpoints.get_mut(index) {
            *place = found;
        }
        if is_best {
            let before = core::mem::replace(&mut self.loader.best, buffer);
            self.journal.give_back(before);
        } else {
            self.journal.give_back(buffer);
        }
    }

    /// Which checkpoint counts.
    fn judge_checkpoints(&mut self, out: Out<'_>) {
        let all = self.loader.checkpoints;
        let newest = all.iter().flatten().max_by_key(|one| one.number).copied();
        // Whoever has a checkpoint has the block of the best one.
        let (Some(newest), Some(block)) = (newest, self.loader.best.take()) else {
            return self.refuse(Refusal::Checkpoint);
        };
        // The place of the next one still holds the one before: so the next was never completed.
        let is_certain = all
            .iter()
            .flatten()
            .any(|one| one.number.checked_add(1) == Some(newest.number));
        for number in 0..self.target.layout.presence_pages {
            // CAST: 32 bits fit.
            if let Some(frame) = self.cache.get_mut(number as usize) {
                frame.present = checkpoint::root(&block, PageNumber(number));
            }
        }
        if !is_certain && !seeded!("dedup_stale_checkpoint") {
            self.journal.give_back(Some(block));
            return self.refuse(Refusal::Checkpoint);
        }
        self.checkpoint.loaded(newest);
        self.pool.used_blocks = newest.used_blocks;
        self.pool.mapped_blocks = newest.mapped_blocks;
        self.loader.was_clean = newest.clean;
        let ring = self.target.layout.geometry.journal_blocks;
        self.loader.replay.begin(newest.redo, ring);
        if self.loader.spare_is_blank && newest.number > 1 {
            self.journal.give_back(Some(block));
            return self.refuse(Refusal::Blank(Leg::Spare));
        }
        let spare_has_it = all
            .iter()
            .skip(2)
            .flatten()
            .any(|one| one.number == newest.number);
        if spare_has_it {
            self.journal.give_back(Some(block));
            self.mend(out);
        } else {
            self.copy_checkpoint(newest, block, out);
        }
    }

    /// Writes the newest checkpoint to the spare. Else the next one would go beside the gap, and a crash that tears the one
    /// after that on main would leave no leg on which the place of that one holds the one before.
    fn copy_checkpoint(&mut self, newest: Checkpoint, mut block: Buffer, out: Out<'_>) {
        self.loader.phase = Phase::Copying;
        let (leg, uuid) = (Leg::Spare, self.target.uuid);
        newest.seal(leg, uuid, &mut block, self.target.checksum);
        self.loader.in_flight += 1;
        out(Action::Io(Io {
            token: Owner::Loader(0).token(),
            kind: IoKind::Write {
                leg,
                block: Layout::checkpoint_address(newest.number),
                fua: true,
            },
            buffer: Some(block),
        }));
    }

    /// Writes the superblock that the spare lacks, if it does.
    fn mend(&mut self, out: Out<'_>) {
        if self.loader.spare_is_blank {
            self.loader.phase = Phase::Mending;
            self.write_superblock(Leg::Spare, out);
        } else {
            self.settle(out);
        }
    }

    /// Flushes main before the journal is read. A machine that was reset leaves its drives with what they had in their
    /// caches: the end of the journal can be read, and may still be lost when the power fails, but the pages that
    /// replay writes must not outlive it.
    fn settle(&mut self, out: Out<'_>) {
        if seeded!("dedup_no_flush_before_replay") {
            self.loader.phase = Phase::Replay;
            return;
        }
        self.loader.phase = Phase::Settling;
        self.loader.in_flight += 1;
        out(Action::Io(Io {
            token: Owner::Loader(0).token(),
            kind: IoKind::Flush { leg: Leg::Main },
            buffer: None,
        }));
    }

    /// A page that is needed to go on cannot be read.
    pub(super) fn page_missing_at_activation(
        &mut self,
        page: Option<PageNumber>,
        result: Result<(), ErrorClass>,
    ) {
        let is_transient = result.is_err_and(|class| class != ErrorClass::Media);
        self.refuse(match page {
            Some(page) if !is_transient => Refusal::Page(page.0),
            _ => Refusal::Io(Leg::Main),
        });
    }

    pub(super) fn advance_activation(&mut self, out: Out<'_>) -> bool {
        if self.state != State::Activating {
            return false;
        }
        if self.read_only && self.loader.refusal.is_none() {
            self.refuse(Refusal::Io(Leg::Main));
        }
        let before = self.loader.phase;
        match before {
            Phase::Superblocks if self.loader.in_flight == 0 => self.judge_superblocks(out),
            Phase::Checkpoints if self.loader.in_flight == 0 => self.judge_checkpoints(out),
            Phase::Replay => return self.advance_replay(out),
            Phase::Presence => self.advance_presence(out),
            Phase::Refusing => return self.advance_refusal(out),
            _ => {}
        }
        self.loader.phase != before
    }

    /// Answers when nothing is under way any more.
    fn advance_refusal(&mut self, out: Out<'_>) -> bool {
        let loading = (0..self.cache.len()).any(|index| {
            let frame = self.cache.get(index);
            frame.is_some_and(|frame| frame.state == FrameState::Loading)
        });
        let is_quiet = self.loader.in_flight == 0 && self.checkpoint.is_quiet() && !loading;
        let Some(refusal) = self.loader.refusal.filter(|_| is_quiet) else {
            return false;
        };
        self.state = State::Inactive;
        out(Action::Activated(Err(refusal)));
        true
    }

    /// Reads the presence pages that the journal did not set.
    fn advance_presence(&mut self, out: Out<'_>) {
        // CAST: 32 bits fit.
        let count = self.target.layout.presence_pages as usize;
        let mut loading = (0..self.loader.next_presence)
            .rev()
            .take(2 * PRESENCE_READS)
            .filter(|index| {
                let frame = self.cache.get(*index);
                frame.is_some_and(|frame| frame.state == FrameState::Loading)
            })
            .count();
        while self.loader.next_presence < count && loading < PRESENCE_READS {
            let index = self.loader.next_presence;
            self.loader.next_presence += 1;
            let Some(frame) = self.cache.get_mut(index) else {
                return;
            };
            if frame.state == FrameState::Resident {
                continue;
            }
            if frame.present {
                loading += 1;
                self.read_page(index, out);
                continue;
            }
            frame.state = FrameState::Resident;
            if let Some(memory) = frame.memory.as_mut() {
                memory.0.fill(0);
            }
        }
        if self.loader.next_presence < count || loading > 0 {
            return;
        }
        self.count_full_pages();
        let last = self.loader.replay.last();
        let ring = self.target.layout.geometry.journal_blocks;
        let skip = if seeded!("dedup_no_gap_behind_replay") {
            1
        } else {
            ring + 1
        };
        self.journal.continue_at(last.after(skip), last);
        self.begin_checkpoint();
        self.loader.phase = Phase::Checkpoint;
    }

    fn count_full_pages(&mut self) {
        const UPPER: u64 = 0xaaaa_aaaa_aaaa_aaaa;
        let words = presence_page::PAGES / presence_page::PAGES_PER_WORD;
        let mut full = 0;
        for number in 0..self.target.layout.presence_pages {
            // CAST: 32 bits fit.
            let Some(page) = self.page(number as usize) else {
                continue;
            };
            // CAST: 506.
            for index in 0..words as usize {
                full += u64::from((presence_page::word(page, index) & UPPER).count_ones());
            }
        }
        self.pool.full_pages = full;
    }

    /// A checkpoint is complete; the first one ends the activation.
    pub(super) fn checkpoint_ended(&mut self, out: Out<'_>) {
        if self.state != State::Activating || self.loader.phase != Phase::Checkpoint {
            return;
        }
        self.loader.phase = Phase::Idle;
        self.state = State::Active;
        let (uuid, secret) = self
            .loader
            .superblock
            .map_or(([0; 16], [0; 16]), |one| (one.uuid, one.secret));
        let replayed = self.loader.replay.blocks();
        out(Action::Activated(Ok(Activation {
            formatted: self.loader.formatted,
            was_clean: self.loader.was_clean && replayed == 0,
            replayed,
            uuid,
            secret,
        })));
    }
}
