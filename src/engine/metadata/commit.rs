// SPDX-License-Identifier: GPL-2.0-only

//! Commits: what several repairs have changed goes to every copy in one log block.
//!
//! A round flushes the spare, so that the slots' data is durable before a record points to it, then writes the
//! block with FUA to every copy, and succeeds once all of them have answered and at least one member has it.
//!
//! A round that no member has for certain leaves the lineage broken: its block may or may not be on the spare, so
//! its number must not be used again. The next round is then a checkpoint of a new epoch, which holds everything.

use super::checkpoint::Purpose;
use super::lane::{Lane, FLUSH};
use super::CopyState;
use crate::engine::block::Block;
use crate::engine::format::header::FLAG_CLEAN;
use crate::engine::format::layout::COPIES_MAXIMUM;
use crate::engine::format::table_block::{put_record, RECORDS_PER_BLOCK};
use crate::engine::format::{Header, Kind};
use crate::engine::notice::Notice;
use crate::engine::repair::job;
use crate::engine::units::Tid;
use crate::engine::{Engine, ErrorClass};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum Phase {
    Idle,
    /// A flush that was given up has to come back first.
    StaleFlush,
    Flush,
    Write,
    /// Waits for, or is, a checkpoint of a new epoch: the lineage is broken, or somebody asked for one.
    Blocking,
}

/// What else a round says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum Marker {
    None,
    /// Nothing is active.
    Clean,
}

pub(in super::super) struct Commit {
    pub(in super::super) lane: Lane,
    pub(in super::super) phase: Phase,
    pub(in super::super) marker: Marker,
    /// Copies that have the block.
    good: u8,
    /// The members when the block was written.
    members: u8,
    /// The round's records are written; what follows only names the members.
    told: bool,
}

impl Commit {
    pub(in super::super) fn new(lane: Lane) -> Self {
        Self {
            lane,
            phase: Phase::Idle,
            marker: Marker::None,
            good: 0,
            members: 0,
            told: false,
        }
    }
}

impl Engine {
    /// Moves the commit as far as it goes without an answer; true if anything changed.
    pub(in super::super) fn advance_commit(&mut self) -> bool {
        match self.commit.phase {
            Phase::Idle => self.begin_round(),
            Phase::StaleFlush if !self.commit.lane.flush_is_stale() => {
                self.commit.phase = Phase::Flush;
                self.commit.lane.flush();
                true
            }
            Phase::Write if self.commit.lane.pending == 0 => {
                self.end_write();
                true
            }
            Phase::Blocking if self.checkpoint.is_idle() => {
                self.start_checkpoint(Purpose::Round);
                true
            }
            _ => false,
        }
    }

    fn begin_round(&mut self) -> bool {
        let Some(set) = self.set else {
            return false;
        };
        if !self.is_in_service() || self.settings.read_only {
            return false;
        }
        let logged = self.lineage.next.saturating_sub(self.lineage.base);
        let wraps = seeded!("log_overwritten");
        let half_full = logged > set.layout.ring_blocks / 2 && !wraps;
        let jobs_wait = self
            .jobs
            .iter()
            .any(|job| job.phase == job::Phase::Commit && !job.in_round);
        // A checkpoint whose base is the clean marker would hide it. Until another block follows it can wait: the log
        // had room for the marker. Only what is to be committed may need the room that a checkpoint makes.
        let would_hide_marker = self.clean && !jobs_wait;
        if !self.lineage.broken
            && self.checkpoint.is_idle()
            && !would_hide_marker
            && (half_full || self.rejoin_is_due())
        {
            self.start_checkpoint(Purpose::Background);
            return true;
        }
        let sync_waits = self
            .jobs
            .iter()
            .any(|job| job.phase == job::Phase::Sync && !job.in_round);
        let marker = if jobs_wait || sync_waits {
            None
        } else {
            self.wanted_marker()
        };
        if !jobs_wait && !sync_waits && marker.is_none() {
            return false;
        }
        // A round may need a block more for each copy that falls out.
        let log_is_full = logged + COPIES_MAXIMUM as u64 > set.layout.ring_blocks && !wraps;
        if log_is_full && !self.lineage.broken && !sync_waits {
            return false;
        }
        self.commit.marker = marker.unwrap_or(Marker::None);
        if self.commit.marker != Marker::Clean {
            self.clean = false;
        }
        self.join_round();
        if self.lineage.broken || sync_waits {
            self.commit.phase = Phase::Blocking;
            return true;
        }
        self.commit.lane.begin();
        if !jobs_wait || seeded!("no_flush_before_commit") {
            self.write_log();
        } else if self.commit.lane.flush_is_stale() {
            self.commit.phase = Phase::StaleFlush;
        } else {
            self.commit.phase = Phase::Flush;
            self.commit.lane.flush();
        }
        true
    }

    /// Takes as many waiting jobs into the round as one block has room for.
    fn join_round(&mut self) {
        let mut room = RECORDS_PER_BLOCK;
        for job in self.jobs.iter_mut() {
            let waits = matches!(job.phase, job::Phase::Commit | job::Phase::Sync);
            if waits && job.changes.len() <= room {
                room -= job.changes.len();
                job.in_round = true;
            }
        }
    }

    fn write_log(&mut self) {
        let Some(set) = self.set else {
            return;
        };
        self.commit.phase = Phase::Write;
        self.commit.good = 0;
        let members = self.copies_in(CopyState::Member);
        self.commit.members = members;
        let told = self.commit.told;
        let targets = members | self.copies_in(CopyState::Joining);
        let tid = self.lineage.next;
        self.lineage.next += 1;
        for copy in 0..self.copy_count() {
            if targets & (1 << copy) == 0 {
                continue;
            }
            let jobs = &self.jobs;
            let Some(buffer) = self
                .commit
                .lane
                .buffers
                .get_mut(copy)
                .and_then(Option::as_mut)
            else {
                // An earlier write of this copy has not come back.
                self.copy_failed(copy);
                continue;
            };
            let block: &mut Block = buffer;
            block.0.fill(0);
            let mut count = 0;
            for change in jobs
                .iter()
                .filter(|job| job.in_round && !told)
                .flat_map(|job| job.changes.iter())
            {
                if seeded!("return_not_recorded") && change.record.is_returned() {
                    continue;
                }
                if put_record(block, count, &change.record) {
                    count += 1;
                }
            }
            // CAST: there are less than five copies.
            let copy_number = copy as u8;
            let address = set.layout.log(copy_number, tid);
            let header = Header {
                kind: Kind::Log,
                address,
                tid,
                uuid: set.uuid,
                epoch: self.lineage.epoch,
                sequence: 0,
                index: 0,
                // CAST: at most RECORDS_PER_BLOCK.
                count: count as u32,
                copy: copy_number,
                copies: set.layout.copies,
                members,
                flags: if self.commit.marker == Marker::Clean {
                    FLAG_CLEAN
                } else {
                    0
                },
            };
            header.seal(block, self.checksum);
            let fua = !seeded!("commit_without_fua");
            self.commit.lane.write(copy, address, fua);
        }
        if seeded!("acknowledge_before_commit") {
            self.finish_round(true);
            self.commit.phase = Phase::Write;
        }
    }

    pub(in super::super) fn commit_copy_done(
        &mut self,
        copy: usize,
        result: Result<(), ErrorClass>,
    ) {
        match result {
            Ok(()) => self.commit.good |= 1 << copy,
            Err(_) => self.copy_failed(copy),
        }
        if seeded!("acknowledge_after_first_copy")
            && self.commit.good != 0
            && self.commit.phase == Phase::Write
        {
            self.finish_round(true);
            self.commit.phase = Phase::Write;
        }
    }

    pub(in super::super) fn commit_flush_done(&mut self, result: Result<(), ErrorClass>) {
        match result {
            Ok(()) => {
                self.commit.lane.begin();
                self.write_log();
            }
            Err(_) => self.fail_round(),
        }
    }

    pub(in super::super) fn commit_timed_out(&mut self) {
        if !matches!(
            self.commit.phase,
            Phase::StaleFlush | Phase::Flush | Phase::Write
        ) {
            return;
        }
        let stale = self.commit.phase == Phase::StaleFlush;
        let waited_for = self.commit.lane.give_up();
        self.note_timeout(waited_for);
        if stale || waited_for & FLUSH != 0 {
            self.fail_round();
            return;
        }
        for copy in 0..self.copy_count() {
            if waited_for & (1 << copy) != 0 {
                self.copy_failed(copy);
            }
        }
    }

    pub(in super::super) fn note_timeout(&mut self, waited_for: u8) {
        self.counters.commit_timeouts += 1;
        self.notices.push(Notice::CommitTimedOut {
            copies: waited_for & !FLUSH,
            milliseconds: self.settings.commit_timeout_milliseconds,
        });
    }

    fn end_write(&mut self) {
        if self.commit.good & self.copies_in(CopyState::Member) == 0 {
            self.fail_round();
            return;
        }
        self.lineage.last = self.lineage.next.saturating_sub(1);
        if self.copies_in(CopyState::Member) & self.commit.members != self.commit.members {
            self.tell_members();
            return;
        }
        self.counters.commits += 1;
        if self.commit.marker == Marker::Clean {
            self.clean = true;
        }
        self.finish_round(true);
    }

    /// Ends a round that was a checkpoint.
    pub(in super::super) fn finish_blocking_round(&mut self) {
        let all = self.copy_count() as u32;
        if self.copies_in(CopyState::Member).count_ones() == all {
            self.finish_round(true);
        } else {
            self.tell_members();
        }
    }

    /// Writes one more block of the round, without records, that says which copies are left. Without it the newest
    /// block might be on one copy only, and its loss would look as if it had never been.
    fn tell_members(&mut self) {
        self.commit.told = true;
        self.commit.lane.begin();
        self.write_log();
    }

    /// Ends a round that no member has for certain.
    pub(in super::super) fn fail_round(&mut self) {
        self.lineage.broken = !seeded!("failed_commit_forgotten");
        self.counters.commit_failures += 1;
        self.marker_failed = true;
        self.notices.push(Notice::CommitFailed {
            tid: Tid(self.lineage.next),
        });
        self.finish_round(false);
    }

    /// Tells every job in the round how it went.
    pub(in super::super) fn finish_round(&mut self, committed: bool) {
        self.commit.phase = Phase::Idle;
        self.commit.told = false;
        if committed {
            self.marker_failed = false;
            self.spare_is_gone = false;
        }
        for index in 0..self.jobs.len() {
            let joined = self
                .jobs
                .get_mut(index)
                .is_some_and(|job| core::mem::take(&mut job.in_round));
            if joined {
                self.job_committed(index, committed);
            }
        }
    }
}
