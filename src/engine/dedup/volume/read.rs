// SPDX-License-Identifier: GPL-2.0-only

//! Reads: runs of neighbours go down as one, unless each block is to be checked.

use super::change::Spot;
use super::check::Halt;
use super::operation::{Pin, Stage, Wait};
use super::pages::Got;
use super::Volume;
use crate::engine::dedup::action::{Action, Failure, Out};
use crate::engine::dedup::event::OperationId;
use crate::engine::dedup::format::presence_page::Presence;
use crate::engine::dedup::format::{map_page, Entry};
use crate::engine::dedup::units::{Lbn, Pbn};
use crate::engine::event::ErrorClass;

/// Neighbours that are read in the same way.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) at: u64,
    pub(super) blocks: u64,
    /// The first data block; none for zeros.
    pub(super) pbn: Option<Pbn>,
}

impl Run {
    /// Whether a block that is read so continues the run.
    fn continues(&self, pbn: Option<Pbn>) -> bool {
        match (self.pbn, pbn) {
            (None, None) => true,
            (Some(first), Some(next)) => first.0.checked_add(self.blocks) == Some(next.0),
            _ => false,
        }
    }
}

impl Volume {
    pub(super) fn step_read(&mut self, index: u32, first: Lbn, blocks: u64, out: Out<'_>) {
        self.begin_reading(index);
        self.set_stage(index, Stage::Walking);
        let Some(operation) = self.operations.get(index) else {
            return;
        };
        let mut at = operation.at;
        let mut failure = operation.failure;
        while at < blocks && failure.is_none() {
            let lbn = Lbn(first.0.saturating_add(at));
            let Some((page, map_index)) = self.target.layout.map_place(lbn) else {
                failure = Some(Failure::Invalid);
                break;
            };
            let in_page = map_page::ENTRIES.saturating_sub(map_index as u64);
            let count = in_page.min(blocks - at);
            if self.presence(page) == Presence::Absent {
                self.send_run(
                    index,
                    Run {
                        at,
                        blocks: count,
                        pbn: None,
                    },
                    out,
                );
                at += count;
                continue;
            }
            match self.hold(index, Pin::Map, page, out) {
                Got::Frame(frame) if self.checks_reads() => {
                    let map = Spot {
                        frame,
                        index: map_index,
                    };
                    let (sent, result) = self.check_entries(index, map, at, count, out);
                    at += sent;
                    match result {
                        Ok(()) => {}
                        Err(Halt::Wait(wait)) => {
                            self.set_progress(index, at);
                            return self.set_wait(index, wait);
                        }
                        Err(Halt::Failed(why)) => failure = Some(why),
                    }
                }
                Got::Frame(frame) => {
                    self.translate_page(frame, map_index, lbn, count);
                    failure = self.read_entries(index, frame, map_index, at, count, out);
                    at += count;
                }
                Got::Wait(wait) => {
                    self.set_progress(index, at);
                    return self.set_wait(index, wait);
                }
                Got::Failed => failure = Some(Failure::Damaged),
            }
        }
        self.set_progress(index, blocks);
        self.let_all_go(index);
        let Some(operation) = self.operations.get_mut(index) else {
            return;
        };
        operation.failure = failure;
        if operation.in_flight > 0 {
            operation.wait = Wait::Event;
            return;
        }
        let result = failure.map_or(Ok(()), Err);
        self.complete(index, result, out);
    }

    /// Sends what is needed for `count` entries of one page; why the read fails, if it does.
    fn read_entries(
        &mut self,
        index: u32,
        frame: usize,
        map_index: usize,
        at: u64,
        count: u64,
        out: Out<'_>,
    ) -> Option<Failure> {
        let mut run: Option<Run> = None;
        for step in 0..count {
            // CAST: below 809.
            let pbn = match self.entry(frame, map_index + step as usize) {
                Entry::Unmapped | Entry::Zero => None,
                Entry::Block(pbn) => Some(pbn),
                Entry::Poisoned => {
                    if let Some(run) = run {
                        self.send_run(index, run, out);
                    }
                    return Some(Failure::Data(ErrorClass::Media));
                }
            };
            match run.as_mut().filter(|run| run.continues(pbn)) {
                Some(run) => run.blocks += 1,
                None => {
                    if let Some(run) = run {
                        self.send_run(index, run, out);
                    }
                    run = Some(Run {
                        at: at + step,
                        blocks: 1,
                        pbn,
                    });
                }
            }
        }
        if let Some(run) = run {
            self.send_run(index, run, out);
        }
        None
    }

    /// Whoever reads these blocks next need not ask.
    fn translate_page(&self, frame: usize, map_index: usize, first: Lbn, count: u64) {
        for step in 0..count {
            // CAST: below 809.
            let entry = self.entry(frame, map_index + step as usize);
            self.translate(Lbn(first.0.saturating_add(step)), entry);
        }
    }

    pub(super) fn send_run(&mut self, index: u32, run: Run, out: Out<'_>) {
        let Some(operation) = self.operations.get_mut(index) else {
            return;
        };
        let Some(request) = operation.request else {
            return;
        };
        let Run { at, blocks, pbn } = run;
        out(match pbn {
            None => Action::ReadZeros {
                request,
                at,
                blocks,
            },
            Some(pbn) => {
                operation.in_flight = operation.in_flight.saturating_add(1);
                Action::ReadData {
                    operation: OperationId(index),
                    request,
                    at,
                    pbn,
                    blocks,
                }
            }
        });
    }

    /// Data of a read has come, or not.
    pub(super) fn data_read(&mut self, index: u32, result: Result<(), ErrorClass>) {
        self.part_read(index, result.map_err(Failure::Data));
    }

    /// A part of a read has come to its end.
    pub(super) fn part_read(&mut self, index: u32, result: Result<(), Failure>) {
        let Some(operation) = self.operations.get_mut(index) else {
            return;
        };
        if operation.stage != Stage::Walking || operation.in_flight == 0 {
            return;
        }
        operation.in_flight -= 1;
        if let Err(failure) = result {
            operation.failure.get_or_insert(failure);
        }
        // It is looked at when all has been sent and nothing is under way; until then it may wait for a page.
        if operation.in_flight == 0 && operation.wait == Wait::Event {
            self.operations.enqueue(index);
        }
    }
}
