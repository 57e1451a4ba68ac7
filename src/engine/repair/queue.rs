// SPDX-License-Identifier: GPL-2.0-only

//! How requests wait, become jobs, and leave.

use super::job::{Answer, Phase};
use super::order::{OrderError, Outcome};
use crate::engine::action::Action;
use crate::engine::status::State;
use crate::engine::token::Owner;
use crate::engine::units::SECTORS_PER_BLOCK;
use crate::engine::{Cause, Engine, ErrorClass, Request, RequestKind, Verdict};

fn blocks(request: &Request) -> (u64, u64) {
    let last = request
        .sector
        .saturating_add(u64::from(request.sectors.saturating_sub(1)));
    (request.sector / SECTORS_PER_BLOCK, last / SECTORS_PER_BLOCK)
}

fn overlap(one: &Request, other: &Request) -> bool {
    if one.sectors == 0 || other.sectors == 0 {
        return false;
    }
    let ((first, last), (other_first, other_last)) = (blocks(one), blocks(other));
    first <= other_last && other_first <= last
}

impl Engine {
    /// Requests that are being worked on.
    pub(in super::super) fn active_jobs(&self) -> usize {
        self.jobs
            .iter()
            .filter(|job| job.phase != Phase::Free)
            .count()
    }

    /// Whether [`Engine::accept`] would succeed. Refused requests stay with the shell.
    pub fn has_room(&self) -> bool {
        // CAST: at most 1024.
        self.waiting.len() + self.active_jobs() < self.settings.max_requests as usize
    }

    /// Takes a held bio over.
    ///
    /// # Errors
    ///
    /// Hands the request back if there is no room; offer it again after the next request has left.
    pub fn accept(&mut self, request: Request) -> Result<(), Request> {
        if !self.has_room() || self.waiting.push_within_capacity(request).is_err() {
            return Err(request);
        }
        self.advance();
        Ok(())
    }

    /// Makes jobs of requests that nothing in front of them overlaps; true if anything changed.
    pub(in super::super) fn start_jobs(&mut self) -> bool {
        if !self.is_in_service() || self.noflush {
            return false;
        }
        for index in 0..self.waiting.len() {
            let Some(request) = self.waiting.get(index).copied() else {
                break;
            };
            let behind_another = self
                .waiting
                .iter()
                .take(index)
                .any(|earlier| overlap(earlier, &request));
            let behind_a_job = self
                .jobs
                .iter()
                .any(|job| job.phase != Phase::Free && overlap(&job.request, &request));
            if behind_another || behind_a_job {
                continue;
            }
            let Some(free) = self
                .jobs
                .iter()
                .position(|job| job.phase == Phase::Free && job.buffer.is_some())
            else {
                return false;
            };
            if self.waiting.remove(index).is_ok() {
                self.start_job(free, request);
                return true;
            }
        }
        false
    }

    fn start_job(&mut self, index: usize, request: Request) {
        let end = request.sector.saturating_add(request.sectors.into());
        let sync = request.kind == RequestKind::Sync;
        let outside = !sync && (request.sectors == 0 || end > self.settings.main_sectors);
        let unwanted = self.cannot_order(&request);
        let untouched = !outside && request.cause == Cause::Held && !self.needs_repair(&request);
        let (first, last) = blocks(&request);
        let Some(job) = self.jobs.get_mut(index) else {
            return;
        };
        job.generation = job.generation.wrapping_add(1);
        job.request = request;
        job.lbn = first;
        job.last = last;
        job.stopped = false;
        job.main_is_alive = false;
        job.spare_is_alive = false;
        job.probes = 0;
        job.changes.clear();
        job.outcome = Outcome::default();
        job.result = if outside {
            Err(ErrorClass::Media)
        } else {
            Ok(())
        };
        job.answer = if unwanted {
            Answer::Requeue
        } else if untouched {
            Answer::Resubmit
        } else {
            Answer::Complete
        };
        if outside || untouched || unwanted {
            job.phase = Phase::Finished;
            return;
        }
        if sync {
            job.phase = Phase::Sync;
            job.waits = false;
            return;
        }
        if !seeded!("no_busy_range") {
            self.lookup.set_busy(index, first, last);
        }
        if seeded!("no_quiesce") {
            job.phase = Phase::Block;
            job.waits = false;
            return;
        }
        job.phase = Phase::Quiesce;
        job.quiesce_wanted = true;
        job.waits = true;
    }

    /// Whether a request that was only held still meets something that it cannot pass.
    fn needs_repair(&self, request: &Request) -> bool {
        if request.kind.is_order() {
            return true;
        }
        if request.kind == RequestKind::Read {
            return false;
        }
        let (mut sector, mut left) = (request.sector, request.sectors);
        while left != 0 {
            let covered = match self.lookup.locate(sector, left, true) {
                Verdict::Hold => return true,
                Verdict::Main { sectors }
                | Verdict::Slot { sectors, .. }
                | Verdict::Poisoned { sectors } => sectors.clamp(1, left),
            };
            sector += u64::from(covered);
            left -= covered;
        }
        false
    }

    /// The grace period of a job has ended.
    pub(in super::super) fn job_quiesced(&mut self, index: usize, generation: u16) {
        if let Some(job) = self.jobs.get_mut(index) {
            if job.phase == Phase::Quiesce && job.generation == generation {
                job.phase = Phase::Block;
                job.waits = false;
            }
        }
    }

    /// Ends a job: its blocks are free before its answer can be polled.
    pub(super) fn finish(&mut self, index: usize) {
        self.lookup.clear_busy(index);
        if let Some(job) = self.jobs.get_mut(index) {
            job.phase = Phase::Finished;
            job.waits = false;
        }
    }

    /// How a request leaves the engine.
    fn leave(
        request: &Request,
        answer: Answer,
        result: Result<(), ErrorClass>,
        outcome: Outcome,
    ) -> Action {
        let id = request.id;
        if request.kind.is_order() {
            let result = match (answer, result) {
                (Answer::Complete, Ok(())) => Ok(()),
                (Answer::Complete, Err(class)) => Err(OrderError::Failed(class)),
                (Answer::Resubmit | Answer::Requeue, _) => Err(OrderError::Suspended),
            };
            return Action::Answered {
                request: id,
                outcome,
                result,
            };
        }
        match answer {
            Answer::Complete => Action::Complete {
                request: id,
                result,
            },
            Answer::Resubmit => Action::Resubmit { request: id },
            Answer::Requeue => Action::Requeue { request: id },
        }
    }

    /// Requests that were to be handed back, and were not yet, are mapped again instead.
    pub(in super::super) fn keep_handed_back(&mut self) {
        for job in self.jobs.iter_mut() {
            if job.phase == Phase::Finished
                && job.answer == Answer::Requeue
                && !job.request.kind.is_order()
            {
                job.answer = Answer::Resubmit;
            }
        }
    }

    /// The next action of a job, or of the requests that a noflush suspend hands back.
    pub(in super::super) fn poll_jobs(&mut self) -> Option<Action> {
        for (index, job) in self.jobs.iter_mut().enumerate() {
            if core::mem::take(&mut job.quiesce_wanted) {
                let ticket = Owner::Job(index).token(job.generation).0;
                return Some(Action::Quiesce { ticket });
            }
            if let Some(operation) = job.outbox.take() {
                return Some(Action::Io(crate::engine::Io {
                    token: Owner::Job(index).token(job.generation),
                    operation,
                    buffer: job.buffer.take(),
                }));
            }
            if job.phase == Phase::Finished {
                job.phase = Phase::Free;
                let (answer, result, outcome) = (job.answer, job.result, job.outcome);
                return Some(Self::leave(&job.request, answer, result, outcome));
            }
        }
        if self.noflush && !self.waiting.is_empty() {
            let request = self.waiting.remove(0).ok()?;
            return Some(Self::leave(
                &request,
                Answer::Requeue,
                Ok(()),
                Outcome::default(),
            ));
        }
        if !self.is_in_service() && self.state != State::Loading && self.suspends != 0 {
            // Nothing will ever serve them.
            let request = self.waiting.remove(0).ok()?;
            let result = Err(ErrorClass::Metadata);
            return Some(Self::leave(
                &request,
                Answer::Complete,
                result,
                Outcome::default(),
            ));
        }
        None
    }
}
