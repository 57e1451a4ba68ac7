// SPDX-License-Identifier: GPL-2.0-only

//! Replay: the journal is read from the redo point on, several blocks ahead, and its records are applied in order.

use super::activate::Phase;
use super::change::{After, Spot};
use super::Volume;
use crate::engine::block::{Block, Buffer};
use crate::engine::dedup::action::Out;
use crate::engine::dedup::cache::FrameState;
use crate::engine::dedup::format::journal_block::{first_of_batch, JournalBlock};
use crate::engine::dedup::format::presence_page::Presence;
use crate::engine::dedup::format::{Entry, Invalid, Record};
use crate::engine::dedup::journal::Target;
use crate::engine::dedup::refusal::Refusal;
use crate::engine::dedup::settings::{JOURNAL_BUFFERS_MAXIMUM, JOURNAL_BUFFERS_MINIMUM, PINS};
use crate::engine::dedup::units::{Lbn, Leg, Lsn, PageNumber, Pbn};
use crate::engine::event::ErrorClass;
use kernel::alloc::{AllocError, Flags, KVec};

/// Blocks that are read ahead: as many as the journal has buffers at least.
const WINDOW: usize = JOURNAL_BUFFERS_MINIMUM as usize;

/// A block of the window.
enum Slot {
    Empty,
    Read(Buffer),
    Unreadable,
}

/// How far replay has come.
pub(super) struct Replay {
    window: KVec<Slot>,
    first: Lsn,
    next_read: Lsn,
    next: Lsn,
    end: Lsn,
    /// Records of the next block that are applied, and blocks of the one that follows.
    record: usize,
    blocks_of_record: u64,
    /// The first block that was not there. Behind it nothing may be that was written when it was durable.
    ended: Option<Lsn>,
    pins: [Option<usize>; PINS as usize],
}

/// What came of a part of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Done,
    /// A page is on its way, or frames are.
    Wait,
    /// It contradicts what was there before.
    Wrong,
}

impl Replay {
    pub(super) fn new(flags: Flags) -> Result<Self, AllocError> {
        let mut window = KVec::with_capacity(WINDOW, flags)?;
        for _ in 0..WINDOW {
            window.push(Slot::Empty, flags)?;
        }
        Ok(Self {
            window,
            first: Lsn::FIRST,
            next_read: Lsn::FIRST,
            next: Lsn::FIRST,
            end: Lsn::FIRST,
            record: 0,
            blocks_of_record: 0,
            ended: None,
            pins: [None; PINS as usize],
        })
    }

    pub(super) fn begin(&mut self, redo: Lsn, ring: u64) {
        self.first = redo;
        self.next_read = redo;
        self.next = redo;
        self.end = redo.after(ring);
    }

    /// The last block that was applied; the one before the redo point if there was none.
    pub(super) fn last(&self) -> Lsn {
        Lsn(self.ended.unwrap_or(self.next).0.saturating_sub(1))
    }

    /// Blocks that were applied.
    pub(super) fn blocks(&self) -> u64 {
        self.ended.unwrap_or(self.next).since(self.first)
    }

    /// Takes note of the end, and how far behind it is looked: as far as the next batch could begin.
    fn end_at(&mut self, lsn: Lsn) {
        self.ended = Some(lsn);
        self.next = lsn.after(1);
        let behind = lsn.after(1 + u64::from(JOURNAL_BUFFERS_MAXIMUM));
        self.end = self.end.min(behind);
    }

    fn index(lsn: Lsn) -> usize {
        // CAST: reduced to the window.
        (lsn.0 % WINDOW as u64) as usize
    }

    fn take(&mut self, lsn: Lsn) -> Slot {
        let slot = self.window.get_mut(Self::index(lsn));
        slot.map_or(Slot::Empty, |slot| core::mem::replace(slot, Slot::Empty))
    }

    fn put(&mut self, index: usize, slot: Slot) {
        if let Some(place) = self.window.get_mut(index) {
            *place = slot;
        }
    }
}

impl Volume {
    /// A block of the journal has been read, or not.
    pub(super) fn replay_read(
        &mut self,
        index: usize,
        result: Result<(), ErrorClass>,
        buffer: Option<Buffer>,
    ) {
        match (result, buffer) {
            (Ok(()), Some(buffer)) => self.loader.replay.put(index, Slot::Read(buffer)),
            (Err(ErrorClass::Media), buffer) => {
                self.journal.give_back(buffer);
                self.loader.replay.put(index, Slot::Unreadable);
            }
            (_, buffer) => {
                self.journal.give_back(buffer);
                self.refuse(Refusal::Io(Leg::Main));
            }
        }
    }

    pub(super) fn advance_replay(&mut self, out: Out<'_>) -> bool {
        loop {
            self.read_ahead(out);
            let lsn = self.loader.replay.next;
            if lsn >= self.loader.replay.end {
                return self.end_replay();
            }
            match (self.loader.replay.take(lsn), self.loader.replay.ended) {
                (Slot::Empty, _) => return false,
                (slot, Some(end)) => {
                    if let Slot::Read(block) = slot {
                        self.look_behind(end, lsn, &block);
                        self.journal.give_back(Some(block));
                    }
                    if self.loader.phase != Phase::Replay {
                        return true;
                    }
                    self.loader.replay.next = lsn.after(1);
                }
                (Slot::Unreadable, None) => {
                    let block = self.target.layout.journal_address(lsn);
                    self.refuse(Refusal::Journal(block));
                    return true;
                }
                (Slot::Read(block), None) => match self.replay_block(lsn, &block, out) {
                    Step::Done => {
                        self.journal.give_back(Some(block));
                    }
                    Step::Wait => {
                        let index = Replay::index(lsn);
                        self.loader.replay.put(index, Slot::Read(block));
                        return false;
                    }
                    Step::Wrong => {
                        self.journal.give_back(Some(block));
                        let block = self.target.layout.journal_address(lsn);
                        self.refuse(Refusal::Journal(block));
                        return true;
                    }
                },
            }
        }
    }

    fn read_ahead(&mut self, out: Out<'_>) {
        while self.loader.replay.next_read < self.loader.replay.end
            && self.loader.replay.next_read.since(self.loader.replay.next) < WINDOW as u64
        {
            let lsn = self.loader.replay.next_read;
            self.loader.replay.next_read = lsn.after(1);
            let address = self.target.layout.journal_address(lsn);
            self.load(Replay::index(lsn), Leg::Main, address, out);
        }
    }

    /// A block behind the end of the journal: if its batch began behind the end, the block there had been durable, and
    /// is damaged.
    fn look_behind(&mut self, end: Lsn, lsn: Lsn, block: &Block) {
        let Target {
            layout,
            uuid,
            checksum,
        } = self.target;
        let first = first_of_batch(block, lsn, &layout, uuid, checksum);
        if first.is_some_and(|first| first > end) && !seeded!("dedup_gap_ignored") {
            self.refuse(Refusal::Journal(layout.journal_address(end)));
        }
    }

    /// When nothing is read any more, the buffers go back and the presence pages follow.
    fn end_replay(&mut self) -> bool {
        if self.loader.in_flight > 0 || !self.checkpoint.is_idle() {
            return false;
        }
        for index in 0..WINDOW {
            if let Slot::Read(buffer) = self.loader.replay.take(Lsn(index as u64)) {
                self.journal.give_back(Some(buffer));
            }
        }
        self.loader.phase = Phase::Presence;
        true
    }

    /// Applies a block, or what is left of it.
    fn replay_block(&mut self, lsn: Lsn, block: &Block, out: Out<'_>) -> Step {
        let target = self.target;
        let opened = JournalBlock::open(block, lsn, &target.layout, target.uuid, target.checksum);
        let step = match opened {
            Err(Invalid::Field(_)) => return Step::Wrong,
            Err(_) => {
                self.loader.replay.end_at(lsn);
                return Step::Done;
            }
            Ok(JournalBlock::Image(page)) => self.replay_page(page, Some(block)),
            Ok(JournalBlock::Records(records)) => {
                let mut step = Step::Done;
                for record in records.skip(self.loader.replay.record) {
                    step = self.replay_record(&record, out);
                    if step != Step::Done {
                        break;
                    }
                    self.loader.replay.record += 1;
                    self.loader.replay.blocks_of_record = 0;
                }
                step
            }
        };
        if step == Step::Done {
            self.loader.replay.record = 0;
            self.loader.replay.next = lsn.after(1);
            self.journal.replayed(lsn);
        }
        step
    }

    fn replay_record(&mut self, record: &Record, out: Out<'_>) -> Step {
        match *record {
            Record::Birth { page } => self.replay_page(page, None),
            Record::Store {
                lbn,
                pbn,
                fingerprint,
            } => self.replay_change(lbn, Entry::Block(pbn), Some(pbn), out, |entry, spot| {
                spot.map_or(After::Nothing(entry), |spot| {
                    After::Stored(entry, spot, fingerprint)
                })
            }),
            Record::Share { lbn, pbn } => {
                self.replay_change(lbn, Entry::Block(pbn), Some(pbn), out, |entry, spot| {
                    spot.map_or(After::Nothing(entry), |spot| After::Shared(entry, spot))
                })
            }
            Record::Range { lbn, blocks, entry } => {
                while self.loader.replay.blocks_of_record < blocks {
                    let next = Lbn(lbn.0.saturating_add(self.loader.replay.blocks_of_record));
                    let step = self
                        .replay_change(next, entry, None, out, |entry, _| After::Nothing(entry));
                    if step != Step::Done {
                        return step;
                    }
                    self.loader.replay.blocks_of_record += 1;
                }
                Step::Done
            }
        }
    }

    /// Sets a page from its image, or makes it empty.
    fn replay_page(&mut self, page: PageNumber, image: Option<&Block>) -> Step {
        let frame = match self.cache.find(page) {
            Some(frame) => frame,
            None => match self.cache.claim(page) {
                Some(frame) => frame,
                None => return self.make_room(),
            },
        };
        let Some(place) = self.cache.get_mut(frame) else {
            return Step::Wrong;
        };
        place.state = FrameState::Resident;
        place.present = true;
        place.used_blocks = 0;
        if let Some(memory) = self.page_mut(frame) {
            match image {
                Some(image) => memory.0.copy_from_slice(&image.0),
                None => memory.0.fill(0),
            }
        }
        self.count_used(frame);
        if image.is_none() {
            if let Some((presence, _)) = self.target.layout.presence_place(page) {
                if !self.is_resident(presence) {
                    return Step::Wrong;
                }
                self.set_presence(page, Presence::Present);
            }
        }
        Step::Done
    }

    fn is_resident(&self, page: PageNumber) -> bool {
        // CAST: 32 bits fit. Presence pages have the first frames.
        let frame = self.cache.get(page.0 as usize);
        frame.is_some_and(|frame| frame.state == FrameState::Resident)
    }

    /// All pages of the cache are dirty: they are written back. Replay makes them again after a crash.
    fn make_room(&mut self) -> Step {
        let batch = self.journal.open_batch();
        self.checkpoint.begin_pages(batch);
        Step::Wait
    }

    /// Repeats what a record has done to a block of the volume.
    fn replay_change(
        &mut self,
        lbn: Lbn,
        entry: Entry,
        pbn: Option<Pbn>,
        out: Out<'_>,
        after: impl Fn(Entry, Option<Spot>) -> After,
    ) -> Step {
        let layout = self.target.layout;
        let Some((page, index)) = layout.map_place(lbn) else {
            return Step::Wrong;
        };
        let map = match self.replay_hold(0, page, out) {
            Ok(frame) => Spot { frame, index },
            Err(step) => return step,
        };
        let old = self.entry(map.frame, index);
        let mut spots = [None; 2];
        for (number, (place, pbn)) in spots.iter_mut().zip([old.block(), pbn]).enumerate() {
            let Some(pbn) = pbn else { continue };
            let Some((page, index)) = layout.pool_place(pbn) else {
                return Step::Wrong;
            };
            match self.replay_hold(1 + number, page, out) {
                Ok(frame) => *place = Some(Spot { frame, index }),
                Err(step) => return step,
            }
        }
        let [before, block] = spots;
        let after = after(entry, block);
        // Nothing is recorded that changes nothing, and no count may leave its range.
        if old == entry || !self.is_consistent(before, after) {
            return Step::Wrong;
        }
        self.change(map, before, after);
        for slot in 0..PINS as usize {
            self.replay_let_go(slot);
        }
        Step::Done
    }

    fn replay_hold(&mut self, slot: usize, page: PageNumber, out: Out<'_>) -> Result<usize, Step> {
        let pinned = self.loader.replay.pins.get(slot).copied().flatten();
        let held = pinned.filter(|frame| {
            let frame = self.cache.get(*frame);
            frame.is_some_and(|frame| frame.page == page)
        });
        let frame = match held {
            Some(frame) => frame,
            None => {
                self.replay_let_go(slot);
                let frame = match self.cache.find(page) {
                    Some(frame) => frame,
                    None => {
                        let Some(frame) = self.cache.claim(page) else {
                            return Err(self.make_room());
                        };
                        if let Some(place) = self.cache.get_mut(frame) {
                            place.present = true;
                        }
                        self.read_page(frame, out);
                        frame
                    }
                };
                if let Some(place) = self.cache.get_mut(frame) {
                    place.pins += 1;
                }
                if let Some(pin) = self.loader.replay.pins.get_mut(slot) {
                    *pin = Some(frame);
                }
                frame
            }
        };
        match self.cache.get(frame).map(|place| place.state) {
            Some(FrameState::Resident) => Ok(frame),
            _ => Err(Step::Wait),
        }
    }

    fn replay_let_go(&mut self, slot: usize) {
        let pin = self.loader.replay.pins.get_mut(slot);
        let frame = pin.and_then(|pin| pin.take());
        if let Some(frame) = frame.and_then(|frame| self.cache.get_mut(frame)) {
            frame.pins = frame.pins.saturating_sub(1);
        }
    }
}
