// SPDX-License-Identifier: GPL-2.0-only

//! Answers to requests, compared with what was promised.

use super::{Asked, World};
use crate::dedup::content::Value;
use dm_spare_engine::dedup::{Failure, RequestKind};
use dm_spare_engine::ErrorClass;

impl World {
    /// A request is answered.
    pub(super) fn completed(&mut self, id: u32, result: Result<(), Failure>) {
        self.tally.answers += 1;
        self.note(|| format!("request {id} ends: {result:?}"));
        let Some(asked) = self.asked.remove(&id) else {
            return self.fault(format!("request {id} is answered twice"));
        };
        if asked.reads_left > 0 {
            self.fault(format!("request {id} is answered before its reads"));
        }
        if self.expects_damage && result == Err(Failure::Damaged) {
            self.tally.damaged += 1;
            return;
        }
        match (asked.kind, result) {
            (RequestKind::Read { lbn, blocks }, Ok(())) => {
                for at in 0..blocks {
                    let (lbn, value) = (lbn.0 + at, asked.data[at as usize]);
                    let right =
                        value.is_some_and(|value| self.model.may_read(lbn, value, asked.began));
                    if !right {
                        let promised = self.model.describe(lbn);
                        self.fault(format!("block {lbn} reads {value:?}: {promised}"));
                    }
                }
            }
            (RequestKind::Read { .. }, Err(failure)) => self.read_failed(id, &asked, failure),
            (RequestKind::Write { fua, .. } | RequestKind::Fill { fua, .. }, Ok(())) => {
                self.model.acknowledge(id, fua);
            }
            (RequestKind::Flush, Ok(())) => self.model.flushed(asked.began),
            (RequestKind::Write { .. }, Err(Failure::NoSpace)) => self.model.withdraw(id),
            (RequestKind::Write { .. }, Err(Failure::Data(_))) if self.bad_data_writes > 0 => {
                self.model.withdraw(id);
            }
            // What was changed in memory may or may not come back after a crash.
            (_, Err(Failure::ReadOnly)) if self.read_only => {}
            (_, Err(failure)) => self.fault(format!("request {id} fails: {failure:?}")),
        }
    }

    /// A read has failed: something of what it is about must be lost.
    fn read_failed(&mut self, id: u32, asked: &Asked, failure: Failure) {
        let RequestKind::Read { lbn, blocks } = asked.kind else {
            return;
        };
        let may_be = |value| {
            let mut blocks = lbn.0..lbn.0 + blocks;
            blocks.any(|lbn| self.model.may_read(lbn, value, asked.began))
        };
        let is_right = match failure {
            Failure::Mismatch => {
                self.tally.mismatches += 1;
                self.rotten.iter().any(|value| may_be(*value))
            }
            Failure::Data(ErrorClass::Media) => may_be(Value::Poisoned),
            // Reads that miss the cache fail when nothing can be written back any more.
            Failure::Damaged => self.read_only,
            _ => false,
        };
        if !is_right {
            self.fault(format!("request {id} fails: {failure:?}"));
        }
    }
}
