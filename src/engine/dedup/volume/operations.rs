// SPDX-License-Identifier: GPL-2.0-only

//! The requests that are worked on, and the queue of those whose turn it is.

use super::open_reads::OpenReads;
use super::operation::{Operation, Wait};
use crate::engine::dedup::event::Request;
use crate::engine::dedup::units::{Batch, Fingerprint, PageNumber};
use kernel::alloc::{AllocError, Flags, KVVec};

/// The requests.
pub(super) struct Operations {
    places: KVVec<Operation>,
    free: KVVec<u32>,
    /// A ring with room for all.
    queue: KVVec<u32>,
    first: usize,
    queued: usize,
    /// The first write of each chain of fingerprints under way.
    chains: KVVec<Option<u32>>,
    reads: OpenReads,
}

impl Operations {
    pub(super) fn new(count: u32, flags: Flags) -> Result<Self, AllocError> {
        // CAST: settings allow 65,536.
        let length = count as usize;
        let mut places = KVVec::with_capacity(length, flags)?;
        let mut free = KVVec::with_capacity(length, flags)?;
        for index in (0..count).rev() {
            places.push(Operation::FREE, flags)?;
            free.push(index, flags)?;
        }
        Ok(Self {
            places,
            free,
            queue: KVVec::from_elem(0, length, flags)?,
            first: 0,
            queued: 0,
            chains: KVVec::from_elem(None, length.next_power_of_two(), flags)?,
            reads: OpenReads::new(length, flags)?,
        })
    }

    pub(super) fn get(&self, index: u32) -> Option<&Operation> {
        // CAST: 32 bits fit.
        self.places.get(index as usize)
    }

    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut Operation> {
        // CAST: 32 bits fit.
        self.places.get_mut(index as usize)
    }

    /// Whether nothing is worked on.
    pub(super) fn is_empty(&self) -> bool {
        self.free.len() == self.places.len()
    }

    /// Takes a request in; none if there are too many.
    pub(super) fn begin(&mut self, request: Request) -> Option<u32> {
        let index = self.free.pop()?;
        let operation = self.get_mut(index)?;
        // It may be in the queue still since its place was used before.
        let is_queued = operation.is_queued;
        *operation = Operation {
            request: Some(request.id),
            kind: request.kind,
            is_queued,
            ..Operation::FREE
        };
        self.enqueue(index);
        Some(index)
    }

    /// Forgets a request.
    pub(super) fn end(&mut self, index: u32) {
        if let Some(operation) = self.get_mut(index) {
            // It may be in the queue still.
            let is_queued = operation.is_queued;
            *operation = Operation {
                is_queued,
                ..Operation::FREE
            };
            // There is room for all.
            let _ = self.free.push_within_capacity(index);
        }
    }

    /// Makes it the turn of a request.
    pub(super) fn enqueue(&mut self, index: u32) {
        let length = self.queue.len();
        let end = self.first + self.queued;
        let Some(operation) = self.get_mut(index) else {
            return;
        };
        operation.wait = Wait::Nothing;
        if operation.is_queued {
            return;
        }
        operation.is_queued = true;
        let end = if end < length { end } else { end - length };
        if let Some(place) = self.queue.get_mut(end) {
            *place = index;
            self.queued += 1;
        }
    }

    /// The next one whose turn it is.
    pub(super) fn next(&mut self) -> Option<u32> {
        if self.queued == 0 {
            return None;
        }
        let index = *self.queue.get(self.first)?;
        self.first = if self.first + 1 < self.queue.len() {
            self.first + 1
        } else {
            0
        };
        self.queued -= 1;
        self.get_mut(index)?.is_queued = false;
        Some(index)
    }

    /// Makes it the turn of all that wait for something.
    pub(super) fn wake(&mut self, is_meant: impl Fn(Wait) -> bool) {
        for index in 0..self.places.len() {
            let waits = self.places.get(index).is_some_and(|operation| {
                operation.request.is_some()
                    && !matches!(operation.wait, Wait::Nothing | Wait::Event)
                    && is_meant(operation.wait)
            });
            if waits {
                // CAST: settings allow 65,536.
                self.enqueue(index as u32);
            }
        }
    }

    /// Tells those that hold a page that it cannot be read; they do not hold it any more.
    pub(super) fn fail_page(&mut self, frame: usize, page: PageNumber) {
        for operation in self.places.iter_mut() {
            for pin in operation.pins.iter_mut().filter(|pin| **pin == Some(frame)) {
                *pin = None;
                operation.failed_page = Some(page);
            }
        }
    }

    /// From now on a request uses blocks whose reuse it must not see, unless it does so already.
    pub(super) fn begin_reading(&mut self, index: u32, open: Batch) {
        let Some(operation) = self.get_mut(index) else {
            return;
        };
        if operation.reads_since.is_none() {
            operation.reads_since = Some(open);
            self.reads.begin(open);
        }
    }

    /// It does not do so any more; whether it did.
    pub(super) fn end_reading(&mut self, index: u32) -> bool {
        let begun = self.get_mut(index).and_then(|one| one.reads_since.take());
        if let Some(begun) = begun {
            self.reads.end(begun);
        }
        begun.is_some()
    }

    /// The oldest batch since which somebody reads blocks.
    pub(super) fn oldest_reader(&self) -> Option<Batch> {
        let oldest = self.reads.oldest();
        oldest.filter(|_| !seeded!("dedup_readers_ignored"))
    }

    fn chain(&self, fingerprint: Fingerprint) -> usize {
        let Fingerprint([a, b, c, d, ..]) = fingerprint;
        // CAST: 32 bits fit, and are reduced to the length, a power of two.
        u32::from_le_bytes([a, b, c, d]) as usize & self.chains.len().wrapping_sub(1)
    }

    /// The write under way that leads those of this fingerprint.
    pub(super) fn leader(&self, fingerprint: Fingerprint) -> Option<u32> {
        let mut next = self.chains.get(self.chain(fingerprint)).copied().flatten();
        while let Some(index) = next {
            let operation = self.get(index)?;
            if operation.fingerprint() == Some(fingerprint) {
                return Some(index);
            }
            next = operation.next_leader;
        }
        None
    }

    /// Makes a write the leader of its fingerprint.
    pub(super) fn lead(&mut self, index: u32, fingerprint: Fingerprint) {
        let chain = self.chain(fingerprint);
        let Some(first) = self.chains.get_mut(chain) else {
            return;
        };
        let next = first.replace(index);
        if let Some(operation) = self.get_mut(index) {
            operation.next_leader = next;
            operation.is_leader = true;
        }
    }

    /// Ends the lead of a write.
    pub(super) fn unlead(&mut self, index: u32) {
        let Some(operation) = self.get_mut(index) else {
            return;
        };
        let next = operation.next_leader.take();
        let was_leader = core::mem::replace(&mut operation.is_leader, false);
        let Some(fingerprint) = operation.fingerprint().filter(|_| was_leader) else {
            return;
        };
        let chain = self.chain(fingerprint);
        let Some(first) = self.chains.get_mut(chain) else {
            return;
        };
        if *first == Some(index) {
            *first = next;
            return;
        }
        let mut at = *first;
        while let Some(before) = at.and_then(|at| self.get_mut(at)) {
            if before.next_leader == Some(index) {
                before.next_leader = next;
                return;
            }
            at = before.next_leader;
        }
    }

    /// Has a write wait for the block of its leader.
    pub(super) fn follow(&mut self, index: u32, leader: u32) {
        let Some(place) = self.get_mut(leader) else {
            return;
        };
        let before = place.last_follower.replace(index);
        if let Some(operation) = self.get_mut(index) {
            operation.leader = Some(leader);
            operation.next_follower = before;
        }
    }

    /// Ends a write's wait for the block of its leader, which goes on.
    pub(super) fn unfollow(&mut self, index: u32) {
        let Some(operation) = self.get_mut(index) else {
            return;
        };
        let before = operation.next_follower.take();
        let Some(leader) = operation
            .leader
            .take()
            .filter(|_| !seeded!("dedup_follower_stays"))
        else {
            return;
        };
        let Some(place) = self.get_mut(leader) else {
            return;
        };
        if place.last_follower == Some(index) {
            place.last_follower = before;
            return;
        }
        let mut at = place.last_follower;
        while let Some(later) = at.and_then(|at| self.get_mut(at)) {
            if later.next_follower == Some(index) {
                later.next_follower = before;
                return;
            }
            at = later.next_follower;
        }
    }

    /// Takes a write out of those that wait for the block of this leader; it has none from then on.
    pub(super) fn next_follower(&mut self, leader: u32) -> Option<u32> {
        let index = self.get_mut(leader)?.last_follower?;
        let operation = self.get_mut(index)?;
        operation.leader = None;
        let before = operation.next_follower.take();
        self.get_mut(leader)?.last_follower = before;
        Some(index)
    }
}
