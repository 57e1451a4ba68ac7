// SPDX-License-Identifier: GPL-2.0-only

//! The step in which a block of the volume becomes another one: never waits in the middle.

use super::change::{After, Spot};
use super::operation::{Change, Pin, Wait};
use super::pages::Got;
use super::Volume;
use crate::engine::dedup::action::{Failure, Out};
use crate::engine::dedup::format::{map_page, pool_page, Entry, Record};
use crate::engine::dedup::journal::Room;
use crate::engine::dedup::units::{Fingerprint, Lbn, Pbn};

/// What came of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Applied {
    /// It is done.
    Done,
    /// Nothing is changed yet.
    Wait(Wait),
    /// It cannot be done.
    Failed(Failure),
    /// The block that was to be shared cannot be any more.
    Gone,
}

/// What a block of the volume is to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wish {
    /// As of a write of data with this fingerprint.
    Data(Change, Fingerprint),
    /// As of a range, or a write of zeros.
    Fill(Entry),
}

impl Volume {
    /// Makes a block of the volume another one.
    pub(super) fn apply(&mut self, index: u32, lbn: Lbn, wish: Wish, out: Out<'_>) -> Applied {
        if self.read_only {
            return Applied::Failed(Failure::ReadOnly);
        }
        let Some((page, map_index)) = self.target.layout.map_place(lbn) else {
            return Applied::Failed(Failure::Invalid);
        };
        let map = match self.hold(index, Pin::Map, page, out) {
            Got::Frame(frame) => Spot {
                frame,
                index: map_index,
            },
            Got::Wait(wait) => return Applied::Wait(wait),
            Got::Failed => return Applied::Failed(Failure::Damaged),
        };
        let entry = self
            .page(map.frame)
            .map_or(Entry::Poisoned, |page| map_page::get(page, map_index));
        let wished = match wish {
            Wish::Fill(entry) => entry,
            Wish::Data(Change::Share(pbn) | Change::Store(pbn), _) => Entry::Block(pbn),
        };
        // Who writes zeros does not care whether the block was ever written.
        if entry == wished || (wished == Entry::Zero && entry == Entry::Unmapped) {
            return Applied::Done;
        }
        let after = match wish {
            Wish::Data(Change::Share(pbn), fingerprint) => {
                match self.shareable(index, pbn, fingerprint, out) {
                    Ok(spot) => After::Shared(wished, spot),
                    Err(applied) => return applied,
                }
            }
            Wish::Data(Change::Store(pbn), fingerprint) => match self.taken_spot(index, pbn) {
                Some(spot) => After::Stored(wished, spot, fingerprint),
                None => return Applied::Failed(Failure::Damaged),
            },
            Wish::Fill(_) => After::Nothing(wished),
        };
        let before = match entry.block() {
            None => {
                self.let_go(index, Pin::Before);
                None
            }
            Some(pbn) => match self.hold_block(index, Pin::Before, pbn, out) {
                Ok(spot) => Some(spot),
                Err(applied) => return applied,
            },
        };
        if !self.is_consistent(before, after) {
            return Applied::Failed(Failure::Damaged);
        }
        match self.journal.room() {
            Room::Enough => {}
            Room::NoBuffers => {
                self.commit_wanted = true;
                return Applied::Wait(Wait::Room);
            }
            Room::RingFull => {
                self.checkpoint.wanted = true;
                return Applied::Wait(Wait::Room);
            }
        }
        self.prepare_change(map, before, after);
        self.change(map, before, after);
        self.translate(lbn, wished);
        self.append(&match after {
            After::Nothing(entry) => Record::Range {
                lbn,
                blocks: 1,
                entry,
            },
            After::Shared(entry, _) => Record::Share {
                lbn,
                pbn: entry.block().unwrap_or(Pbn::FIRST),
            },
            After::Stored(entry, _, fingerprint) => Record::Store {
                lbn,
                pbn: entry.block().unwrap_or(Pbn::FIRST),
                fingerprint,
            },
        });
        if let After::Stored(_, spot, _) = after {
            if let Some(place) = self.cache.get_mut(spot.frame) {
                place.set_taken(spot.index, false);
                self.pool.taken_blocks = self.pool.taken_blocks.saturating_sub(1);
            }
        }
        Applied::Done
    }

    /// Holds the pool page of a block.
    pub(super) fn hold_block(
        &mut self,
        index: u32,
        pin: Pin,
        pbn: Pbn,
        out: Out<'_>,
    ) -> Result<Spot, Applied> {
        let Some((page, at)) = self.target.layout.pool_place(pbn) else {
            return Err(Applied::Failed(Failure::Damaged));
        };
        match self.hold(index, pin, page, out) {
            Got::Frame(frame) => Ok(Spot { frame, index: at }),
            Got::Wait(wait) => Err(Applied::Wait(wait)),
            Got::Failed => Err(Applied::Failed(Failure::Damaged)),
        }
    }

    /// Where the count of a block is that may get one more reference as one with this fingerprint.
    pub(super) fn shareable(
        &mut self,
        index: u32,
        pbn: Pbn,
        fingerprint: Fingerprint,
        out: Out<'_>,
    ) -> Result<Spot, Applied> {
        let spot = match self.hold_block(index, Pin::After, pbn, out) {
            Ok(spot) => spot,
            Err(Applied::Wait(wait)) => return Err(Applied::Wait(wait)),
            Err(_) => return Err(Applied::Gone),
        };
        let is_same = seeded!("dedup_fingerprint_unchecked")
            || self
                .page(spot.frame)
                .is_some_and(|page| pool_page::fingerprint(page, spot.index) == fingerprint);
        if is_same && self.can_share(spot) {
            Ok(spot)
        } else {
            Err(Applied::Gone)
        }
    }

    /// Where the count of a block is that was taken for a write, whose page is held since.
    fn taken_spot(&self, index: u32, pbn: Pbn) -> Option<Spot> {
        let (_, at) = self.target.layout.pool_place(pbn)?;
        let frame = self.pinned(index, Pin::After)?;
        Some(Spot { frame, index: at })
    }
}
