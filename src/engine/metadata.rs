// SPDX-License-Identifier: GPL-2.0-only

//! Keeping the table on the spare: commits, checkpoints, formatting and loading.

pub(super) mod checkpoint;
pub(super) mod commit;
pub(super) mod lane;
pub(super) mod loader;
pub(super) mod loading;

use super::format::layout::COPIES_MAXIMUM;
use super::format::Layout;
use super::notice::Notice;
use super::Engine;

/// The set in service.
#[derive(Clone, Copy)]
pub(super) struct Set {
    pub(super) uuid: [u8; 16],
    pub(super) layout: Layout,
}

/// What a copy of the metadata is good for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CopyState {
    /// Not used: it failed, or there is no such copy.
    Out,
    /// Being completed by a checkpoint; gets every commit, but none counts on it.
    Joining,
    /// Holds everything.
    Member,
}

/// The chain of commits that the metadata on the spare is in.
///
/// # Invariants
///
/// While not `broken`, every record acknowledged is in the checkpoint at `base` of `epoch` or in a log block of
/// `epoch` with a transaction from `base + 1` to `last`, on every member; and no block on the spare has a
/// transaction beyond `next` or equal to it.
pub(super) struct Lineage {
    pub(super) epoch: u64,
    pub(super) base: u64,
    pub(super) last: u64,
    pub(super) next: u64,
    /// The checkpoint area in use.
    pub(super) area: u8,
    /// A commit reached no copy for certain: only a checkpoint with a new epoch can go on.
    pub(super) broken: bool,
    nonce: u64,
    drawn: u64,
}

impl Lineage {
    pub(super) fn new() -> Self {
        Self {
            epoch: 0,
            base: 0,
            last: 0,
            next: 1,
            area: 0,
            broken: false,
            nonce: 0,
            drawn: 0,
        }
    }

    /// Starts a lineage of draws that no other activation shares.
    pub(super) fn seed(&mut self, nonce: u64) {
        self.nonce = nonce;
        self.drawn = 0;
    }

    /// A number that was never drawn before, for an epoch or a checkpoint's sequence.
    pub(super) fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.nonce
            .wrapping_add(self.drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

/// Most commits between two attempts to take a copy in again.
const REJOIN_WAIT_MAXIMUM: u64 = 1024;

impl Engine {
    /// Whether a checkpoint should be written for the sake of a copy that is out.
    pub(super) fn rejoin_is_due(&self) -> bool {
        self.counters.commits >= self.rejoin_at
            && (0..self.copy_count()).any(|copy| {
                self.copies.get(copy) == Some(&CopyState::Out)
                    && self.commit.lane.is_free(copy)
                    && self.checkpoint.lane.is_free(copy)
            })
    }

    /// One bit for each copy in a state.
    pub(super) fn copies_in(&self, state: CopyState) -> u8 {
        let mut mask = 0;
        for (copy, found) in self.copies.iter().enumerate() {
            if *found == state {
                mask |= 1 << copy;
            }
        }
        mask
    }

    /// Copies of the set in service.
    pub(super) fn copy_count(&self) -> usize {
        self.set
            .map_or(0, |set| usize::from(set.layout.copies))
            .min(COPIES_MAXIMUM)
    }

    /// Leaves a copy out from now on.
    pub(super) fn copy_failed(&mut self, copy: usize) {
        let Some(state) = self.copies.get_mut(copy) else {
            return;
        };
        if *state != CopyState::Out {
            *state = CopyState::Out;
            self.counters.copy_failures += 1;
            // A first attempt to take it in again after the next commit, then more and more rarely.
            self.rejoin_wait = self
                .rejoin_wait
                .saturating_mul(2)
                .clamp(1, REJOIN_WAIT_MAXIMUM);
            self.rejoin_at = self.counters.commits.saturating_add(self.rejoin_wait);
            // CAST: less than four.
            self.notices.push(Notice::CopyFailed { copy: copy as u8 });
        }
    }
}
