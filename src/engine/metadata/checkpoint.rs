// SPDX-License-Identifier: GPL-2.0-only

//! Checkpoints: snapshots of the whole table, written to the area that is not in use.
//!
//! A background checkpoint continues the epoch: commits go on meanwhile, and what they change may or may not be
//! in the snapshot, which does no harm since the log behind its base holds it too and records are whole states.
//! A blocking one begins a new epoch, with what the waiting round adds at its end; no commit runs meanwhile.
//!
//! All blocks but the last are written plainly; then the spare is flushed; then the last goes out with FUA and
//! makes the snapshot complete. The flush also makes the slots' data durable that a waiting round refers to.

use super::lane::{Lane, FLUSH};
use super::{CopyState, Set};
use crate::engine::block::{Block, Buffer};
use crate::engine::format::header::FLAG_LAST;
use crate::engine::format::layout::COPIES_MAXIMUM;
use crate::engine::format::table_block::{put_record, RECORDS_PER_BLOCK};
use crate::engine::format::{Header, Kind, Record};
use crate::engine::notice::Notice;
use crate::engine::{Engine, ErrorClass};

/// What a checkpoint is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum Purpose {
    /// The log is half full, or a copy that was out may be taken in again.
    Background,
    /// A round of a broken lineage, or one that an administrator asked for.
    Round,
    /// Formatting or loading.
    Activation,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Idle,
    Write,
    /// A flush that was given up has to come back first.
    StaleFlush,
    Flush,
    Last,
}

pub(in super::super) struct Checkpoint {
    pub(in super::super) lane: Lane,
    phase: Phase,
    purpose: Purpose,
    /// Copies that have every block so far.
    targets: u8,
    base: u64,
    epoch: u64,
    sequence: u64,
    area: u8,
    index: u64,
    cursor: Cursor,
    /// The block in the buffers is the last.
    last: bool,
}

/// How far the snapshot is.
#[derive(Clone, Copy)]
struct Cursor {
    position: usize,
    /// Records of the round that are in the snapshot.
    joined: usize,
}

impl Checkpoint {
    pub(in super::super) fn new(lane: Lane) -> Self {
        Self {
            lane,
            phase: Phase::Idle,
            purpose: Purpose::Background,
            targets: 0,
            base: 0,
            epoch: 0,
            sequence: 0,
            area: 0,
            index: 0,
            cursor: Cursor {
                position: 0,
                joined: 0,
            },
            last: false,
        }
    }

    pub(in super::super) fn is_idle(&self) -> bool {
        self.phase == Phase::Idle
    }
}

impl Engine {
    pub(in super::super) fn start_checkpoint(&mut self, purpose: Purpose) {
        let mut targets = 0;
        for copy in 0..self.copy_count() {
            // A copy whose last write has not come back could be overtaken by it.
            let free = self.checkpoint.lane.is_free(copy)
                && (self.commit.lane.is_free(copy) || self.copies[copy] == CopyState::Member);
            if free {
                targets |= 1 << copy;
                if purpose == Purpose::Background && self.copies[copy] == CopyState::Out {
                    self.copies[copy] = CopyState::Joining;
                }
            }
        }
        let (base, epoch) = match purpose {
            Purpose::Background => (self.lineage.last, self.lineage.epoch),
            Purpose::Round | Purpose::Activation => {
                let base = self.lineage.next;
                self.lineage.next += 1;
                (base, self.lineage.draw())
            }
        };
        let checkpoint = &mut self.checkpoint;
        checkpoint.purpose = purpose;
        checkpoint.targets = targets;
        checkpoint.base = base;
        checkpoint.epoch = epoch;
        checkpoint.sequence = self.lineage.draw();
        checkpoint.area = if seeded!("checkpoint_in_use_overwritten") {
            self.lineage.area
        } else {
            1 - self.lineage.area
        };
        checkpoint.index = 0;
        checkpoint.cursor = Cursor {
            position: 0,
            joined: 0,
        };
        self.next_part();
    }

    /// Moves the checkpoint as far as it goes without an answer; true if anything changed.
    pub(in super::super) fn advance_checkpoint(&mut self) -> bool {
        if self.checkpoint.phase == Phase::Idle {
            return false;
        }
        if self.checkpoint.phase == Phase::StaleFlush {
            if self.checkpoint.lane.flush_is_stale() {
                return false;
            }
            self.checkpoint.phase = Phase::Flush;
            self.checkpoint.lane.flush();
            return true;
        }
        if self.checkpoint.lane.pending != 0 {
            return false;
        }
        if self.checkpoint.purpose == Purpose::Background {
            // Copies that missed a commit meanwhile are out.
            self.checkpoint.targets &=
                self.copies_in(CopyState::Member) | self.copies_in(CopyState::Joining);
            if self.lineage.broken {
                self.checkpoint.targets = 0;
            }
        }
        if self.checkpoint.targets == 0 {
            self.checkpoint_failed();
            return true;
        }
        match self.checkpoint.phase {
            Phase::Write => {
                self.checkpoint.index += 1;
                self.next_part();
            }
            Phase::Flush => self.write_last(),
            Phase::Last => self.checkpoint_complete(),
            Phase::Idle | Phase::StaleFlush => return false,
        }
        true
    }

    /// Fills the buffers with the next part and writes it, or flushes in front of the last.
    fn next_part(&mut self) {
        self.checkpoint.lane.begin();
        self.fill_part();
        if !self.checkpoint.last {
            self.checkpoint.phase = Phase::Write;
            self.write_part(false);
        } else if seeded!("no_flush_before_last_part") {
            self.write_last();
        } else if self.checkpoint.lane.flush_is_stale() {
            self.checkpoint.phase = Phase::StaleFlush;
        } else {
            self.checkpoint.phase = Phase::Flush;
            self.checkpoint.lane.flush();
        }
    }

    fn write_last(&mut self) {
        self.checkpoint.lane.begin();
        self.checkpoint.phase = Phase::Last;
        self.write_part(true);
    }

    fn write_part(&mut self, fua: bool) {
        let Some(set) = self.set else {
            return;
        };
        for copy in 0..self.copy_count() {
            let target = self.checkpoint.targets & (1 << copy) != 0;
            // CAST: less than five.
            let place =
                set.layout
                    .checkpoint(copy as u8, self.checkpoint.area, self.checkpoint.index);
            match place {
                Some(block) if target => self.checkpoint.lane.write(copy, block, fua),
                _ => self.checkpoint.targets &= !(1 << copy),
            }
        }
    }

    /// Puts the next records into the buffer of every target.
    fn fill_part(&mut self) {
        let Some(set) = self.set else {
            return;
        };
        for copy in 0..COPIES_MAXIMUM {
            if !self.checkpoint.lane.is_free(copy) {
                self.checkpoint.targets &= !(1 << copy);
            }
        }
        let targets = self.checkpoint.targets;
        let mut filled: Option<(Buffer, usize)> = None;
        let mut count = 0;
        for copy in (0..COPIES_MAXIMUM).filter(|copy| targets & (1 << copy) != 0) {
            let Some(mut buffer) = self.checkpoint.lane.buffers[copy].take() else {
                continue;
            };
            match filled.as_ref() {
                Some((first, _)) => buffer.0.copy_from_slice(&first.0),
                None => count = self.gather_records(&mut buffer),
            }
            let header = self.part_header(&set, copy, count);
            header.seal(&mut buffer, self.checksum);
            // The first buffer serves as the model of the others before it takes its place again.
            match filled.as_ref() {
                Some(_) => self.checkpoint.lane.buffers[copy] = Some(buffer),
                None => filled = Some((buffer, copy)),
            }
        }
        if let Some((buffer, copy)) = filled {
            self.checkpoint.lane.buffers[copy] = Some(buffer);
        }
    }

    /// Fills a block with the next records, and finds out whether they are the last; how many they are.
    fn gather_records(&mut self, block: &mut Block) -> usize {
        block.0.fill(0);
        let mut cursor = self.checkpoint.cursor;
        let mut count = 0;
        while count < RECORDS_PER_BLOCK {
            let Some(record) = self.next_record(&mut cursor) else {
                break;
            };
            if put_record(block, count, &record) {
                count += 1;
            }
        }
        self.checkpoint.cursor = cursor;
        self.checkpoint.last = self.next_record(&mut cursor).is_none();
        count
    }

    fn part_header(&self, set: &Set, copy: usize, count: usize) -> Header {
        let checkpoint = &self.checkpoint;
        // CAST: less than five.
        let copy = copy as u8;
        Header {
            kind: Kind::Checkpoint,
            address: set
                .layout
                .checkpoint(copy, checkpoint.area, checkpoint.index)
                .unwrap_or(0),
            tid: checkpoint.base,
            uuid: set.uuid,
            epoch: checkpoint.epoch,
            sequence: checkpoint.sequence,
            // CAST: an area has a few thousand blocks, a block 250 records.
            index: checkpoint.index as u32,
            count: count as u32,
            copy,
            copies: set.layout.copies,
            members: checkpoint.targets,
            flags: if checkpoint.last { FLAG_LAST } else { 0 },
        }
    }

    /// The next record of the snapshot: the table, then what the waiting round adds.
    fn next_record(&self, cursor: &mut Cursor) -> Option<Record> {
        while cursor.position < self.lookup.positions() {
            let found = self.lookup.at(cursor.position);
            cursor.position += 1;
            if let Some((record, _)) = found {
                return Some(record);
            }
        }
        if self.checkpoint.purpose != Purpose::Round {
            return None;
        }
        let joined = self
            .jobs
            .iter()
            .filter(|job| job.in_round)
            .flat_map(|job| job.changes.iter());
        let change = joined
            .skip(cursor.joined)
            .map(|change| change.record)
            .next();
        cursor.joined += usize::from(change.is_some());
        change
    }

    pub(in super::super) fn checkpoint_copy_done(
        &mut self,
        copy: usize,
        result: Result<(), ErrorClass>,
    ) {
        if result.is_err() {
            self.checkpoint.targets &= !(1 << copy);
            self.copy_failed(copy);
        }
    }

    pub(in super::super) fn checkpoint_flush_done(&mut self, result: Result<(), ErrorClass>) {
        if result.is_err() {
            self.checkpoint_flush_failed();
        }
    }

    pub(in super::super) fn checkpoint_timed_out(&mut self) {
        let stale = self.checkpoint.phase == Phase::StaleFlush;
        if self.checkpoint.lane.pending == 0 && !stale {
            return;
        }
        let waited_for = self.checkpoint.lane.give_up();
        self.note_timeout(waited_for);
        if stale || waited_for & FLUSH != 0 {
            self.checkpoint_flush_failed();
        }
        for copy in 0..self.copy_count() {
            if waited_for & (1 << copy) != 0 {
                self.checkpoint.targets &= !(1 << copy);
                self.copy_failed(copy);
            }
        }
    }

    /// Without the flush the snapshot cannot be completed on any copy.
    fn checkpoint_flush_failed(&mut self) {
        self.checkpoint.targets = 0;
        self.checkpoint.phase = Phase::Flush;
        if self.checkpoint.purpose == Purpose::Background {
            self.lineage.broken = true;
        }
    }

    fn checkpoint_complete(&mut self) {
        self.checkpoint.phase = Phase::Idle;
        self.counters.checkpoints += 1;
        if self.checkpoint.targets.count_ones() as usize == self.copy_count() {
            self.rejoin_wait = 0;
        }
        self.lineage.base = self.checkpoint.base;
        self.lineage.area = self.checkpoint.area;
        for copy in 0..self.copy_count() {
            let has_it = self.checkpoint.targets & (1 << copy) != 0;
            let state = self.copies[copy];
            if has_it && state != CopyState::Member {
                self.copies[copy] = CopyState::Member;
                if self.checkpoint.purpose != Purpose::Activation {
                    // CAST: less than five.
                    self.notices.push(Notice::CopyRejoined { copy: copy as u8 });
                }
            } else if !has_it && state != CopyState::Out {
                self.copy_failed(copy);
            }
        }
        if self.checkpoint.purpose == Purpose::Background {
            return;
        }
        self.lineage.epoch = self.checkpoint.epoch;
        self.lineage.last = self.checkpoint.base;
        self.lineage.broken = false;
        match self.checkpoint.purpose {
            Purpose::Round => {
                self.lookup.mark_all_committed();
                self.finish_blocking_round();
            }
            Purpose::Activation => self.loader_checkpoint_done(true),
            Purpose::Background => {}
        }
    }

    fn checkpoint_failed(&mut self) {
        self.checkpoint.phase = Phase::Idle;
        match self.checkpoint.purpose {
            Purpose::Background => {
                for copy in 0..self.copy_count() {
                    if self.copies[copy] == CopyState::Joining {
                        self.copy_failed(copy);
                    }
                }
                if self.copies_in(CopyState::Member) == 0 {
                    self.lineage.broken = true;
                }
            }
            Purpose::Round => self.fail_round(),
            Purpose::Activation => self.loader_checkpoint_done(false),
        }
    }
}
