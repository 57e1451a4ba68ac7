// SPDX-License-Identifier: GPL-2.0-only

//! The steps of a write.

use super::allocate::Taken;
use super::apply::{Applied, Wish};
use super::operation::{Change, Pin, Stage, Wait};
use super::Volume;
use crate::engine::dedup::action::{Action, Failure, Out};
use crate::engine::dedup::event::{Content, OperationId, RequestKind};
use crate::engine::dedup::format::Entry;
use crate::engine::dedup::units::{Fingerprint, Lbn, Pbn};
use crate::engine::event::ErrorClass;

impl Volume {
    pub(super) fn step_write(&mut self, index: u32, lbn: Lbn, content: Content, out: Out<'_>) {
        let Some(stage) = self.operations.get(index).map(|one| one.stage) else {
            return;
        };
        let fingerprint = match content {
            Content::Zero => {
                let applied = self.apply(index, lbn, Wish::Fill(Entry::Zero), out);
                return self.applied(index, None, applied, out);
            }
            Content::Data(fingerprint) => fingerprint,
        };
        match stage {
            Stage::Begin => self.begin_write(index, fingerprint, out),
            Stage::Joining => self.step_joining(index),
            Stage::Checking(pbn) => self.step_checking(index, pbn, fingerprint, out),
            Stage::Taking => self.step_taking(index, out),
            Stage::Applying(change) => {
                let applied = self.apply(index, lbn, Wish::Data(change, fingerprint), out);
                self.applied(index, Some(change), applied, out);
            }
            // These go on with an event of their own.
            Stage::Asking | Stage::Comparing(_) | Stage::Writing(_) => {
                self.set_wait(index, Wait::Event)
            }
            Stage::Walking | Stage::Finishing => {}
        }
    }

    fn begin_write(&mut self, index: u32, fingerprint: Fingerprint, out: Out<'_>) {
        if self.read_only {
            return self.fail_write(index, Failure::ReadOnly, out);
        }
        let Some(leader) = self.operations.leader(fingerprint) else {
            self.operations.lead(index, fingerprint);
            self.set_stage(index, Stage::Asking);
            self.set_wait(index, Wait::Event);
            out(Action::Ask {
                operation: OperationId(index),
                fingerprint,
            });
            return;
        };
        let other = self.operations.get(leader).and_then(|one| one.request);
        self.operations.follow(index, leader);
        let Some(operation) = self.operations.get_mut(index) else {
            return;
        };
        operation.stage = Stage::Joining;
        operation.wait = Wait::Event;
        operation.is_equal = None;
        operation.shared = None;
        let (Some(request), Some(other)) = (operation.request, other) else {
            return;
        };
        if self.settings.trusts_fingerprints {
            operation.is_equal = Some(true);
            return;
        }
        out(Action::CompareWrites {
            operation: OperationId(index),
            request,
            other,
        });
    }

    /// A write that joins another: both its comparison and the other's block have to be known.
    fn step_joining(&mut self, index: u32) {
        let Some(operation) = self.operations.get_mut(index) else {
            return;
        };
        operation.wait = Wait::Event;
        let (is_equal, shared) = (operation.is_equal, operation.shared);
        match is_equal {
            None => {}
            Some(false) => {
                self.operations.unfollow(index);
                self.counters.collisions += 1;
                self.end_reading(index);
                self.set_stage(index, Stage::Taking);
                self.operations.enqueue(index);
            }
            Some(true) if operation.leader.is_some() => {}
            Some(true) => match shared {
                Some(pbn) => {
                    self.counters.joined += 1;
                    self.set_stage(index, Stage::Applying(Change::Share(pbn)));
                    self.operations.enqueue(index);
                }
                None => {
                    self.set_stage(index, Stage::Begin);
                    self.operations.enqueue(index);
                }
            },
        }
    }

    /// The block of the index's advice is looked at before its data is.
    fn step_checking(&mut self, index: u32, pbn: Pbn, fingerprint: Fingerprint, out: Out<'_>) {
        match self.shareable(index, pbn, fingerprint, out) {
            Err(Applied::Wait(wait)) => self.set_wait(index, wait),
            Err(_) => {
                self.counters.stale_advice += 1;
                self.store_instead(index);
            }
            Ok(_) => {
                self.begin_reading(index);
                let request = self.operations.get(index).and_then(|one| one.request);
                let Some(request) = request else { return };
                if self.settings.trusts_fingerprints {
                    self.set_stage(index, Stage::Applying(Change::Share(pbn)));
                    return self.operations.enqueue(index);
                }
                self.set_stage(index, Stage::Comparing(pbn));
                self.set_wait(index, Wait::Event);
                out(Action::Compare {
                    operation: OperationId(index),
                    request,
                    pbn,
                });
            }
        }
    }

    fn step_taking(&mut self, index: u32, out: Out<'_>) {
        if self.read_only {
            return self.fail_write(index, Failure::ReadOnly, out);
        }
        match self.take_block(index, out) {
            Taken::Wait(wait) => self.set_wait(index, wait),
            Taken::NoSpace => {
                self.counters.without_space += 1;
                self.fail_write(index, Failure::NoSpace, out);
            }
            Taken::Block(pbn) => {
                self.set_stage(index, Stage::Writing(pbn));
                self.set_wait(index, Wait::Event);
                let request = self.operations.get(index).and_then(|one| one.request);
                if let Some(request) = request {
                    out(Action::WriteData {
                        operation: OperationId(index),
                        request,
                        pbn,
                    });
                }
            }
        }
    }

    /// No block can be shared: the data gets one of its own.
    fn store_instead(&mut self, index: u32) {
        self.end_reading(index);
        self.let_go(index, Pin::After);
        self.set_stage(index, Stage::Taking);
        self.operations.enqueue(index);
    }

    /// The index has answered.
    pub(super) fn advised(&mut self, index: u32, pbn: Option<Pbn>) {
        let layout = &self.target.layout;
        let Some(operation) = self.operations.get_mut(index) else {
            return;
        };
        if operation.stage != Stage::Asking {
            return;
        }
        let pool_block = pbn.filter(|pbn| layout.pool_place(*pbn).is_some());
        operation.stage = match pool_block {
            Some(pbn) => Stage::Checking(pbn),
            None => Stage::Taking,
        };
        self.operations.enqueue(index);
    }

    /// The shell has compared.
    pub(super) fn compared(&mut self, index: u32, result: Result<bool, ErrorClass>) {
        let Some(operation) = self.operations.get_mut(index) else {
            return;
        };
        match operation.stage {
            Stage::Joining => {
                operation.is_equal = Some(result == Ok(true));
                self.operations.enqueue(index);
            }
            Stage::Comparing(pbn) if result == Ok(true) || seeded!("dedup_comparison_ignored") => {
                operation.stage = Stage::Applying(Change::Share(pbn));
                self.operations.enqueue(index);
            }
            Stage::Comparing(_) => {
                if result.is_ok() {
                    self.counters.collisions += 1;
                }
                self.store_instead(index);
            }
            _ => {}
        }
    }

    /// The data of a write has been written, or not.
    pub(super) fn written(&mut self, index: u32, result: Result<(), ErrorClass>, out: Out<'_>) {
        let Some(operation) = self.operations.get_mut(index) else {
            return;
        };
        let Stage::Writing(pbn) = operation.stage else {
            return;
        };
        // From here on the block is given back if the write fails.
        operation.stage = Stage::Applying(Change::Store(pbn));
        match result {
            Ok(()) => self.operations.enqueue(index),
            Err(class) => self.fail_write(index, Failure::Data(class), out),
        }
    }

    /// Map and counts were changed, or not.
    fn applied(&mut self, index: u32, change: Option<Change>, applied: Applied, out: Out<'_>) {
        match applied {
            Applied::Wait(wait) => self.set_wait(index, wait),
            Applied::Failed(failure) => self.fail_write(index, failure, out),
            Applied::Gone => self.store_instead(index),
            Applied::Done => {
                match change {
                    Some(Change::Store(pbn)) => self.stored(index, pbn, out),
                    Some(Change::Share(pbn)) => {
                        self.counters.shared += 1;
                        self.release_followers(index, Some(pbn));
                    }
                    None => {}
                }
                let operation = self.operations.get(index);
                let is_fua = operation
                    .is_some_and(|one| matches!(one.kind, RequestKind::Write { fua: true, .. }));
                if is_fua {
                    self.finish_durably(index, out);
                } else {
                    self.complete(index, Ok(()), out);
                }
            }
        }
    }

    fn stored(&mut self, index: u32, pbn: Pbn, out: Out<'_>) {
        self.counters.stored += 1;
        let operation = self.operations.get(index);
        if let Some(fingerprint) = operation.and_then(|one| one.fingerprint()) {
            out(Action::Learn { fingerprint, pbn });
        }
        self.release_followers(index, Some(pbn));
    }

    /// A write fails: what it has taken is given back, and those that joined it begin anew.
    fn fail_write(&mut self, index: u32, failure: Failure, out: Out<'_>) {
        let stage = self.operations.get(index).map(|one| one.stage);
        let frame = self.pinned(index, Pin::After);
        if let (Some(Stage::Applying(Change::Store(pbn))), Some(frame)) = (stage, frame) {
            self.give_block_back(frame, pbn);
        }
        self.release_followers(index, None);
        self.complete(index, Err(failure), out);
    }

    /// Tells those that joined a write where its data is; none if it has failed.
    fn release_followers(&mut self, leader: u32, pbn: Option<Pbn>) {
        if !self.operations.get(leader).is_some_and(|one| one.is_leader) {
            return;
        }
        self.operations.unlead(leader);
        while let Some(index) = self.operations.next_follower(leader) {
            if pbn.is_some() && !seeded!("dedup_follower_not_protected") {
                // The block must stay what it is until it is shared.
                self.begin_reading(index);
            }
            if let Some(operation) = self.operations.get_mut(index) {
                operation.shared = pbn;
                if !seeded!("dedup_follower_forgotten") {
                    self.operations.enqueue(index);
                }
            }
        }
    }
}
