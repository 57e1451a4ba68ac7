// SPDX-License-Identifier: GPL-2.0-only

//! Changes of map and counts: the same whether they are made or replayed.

use super::Volume;
use crate::engine::dedup::format::presence_page::Presence;
use crate::engine::dedup::format::{map_page, pool_page, Entry};
use crate::engine::dedup::units::Fingerprint;

/// An entry of a page in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Spot {
    pub(super) frame: usize,
    pub(super) index: usize,
}

/// What the block of the volume is after a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum After {
    /// This, which is no data block.
    Nothing(Entry),
    /// A data block that others are too.
    Shared(Entry, Spot),
    /// A data block that was free.
    Stored(Entry, Spot, Fingerprint),
}

impl After {
    fn entry(self) -> Entry {
        match self {
            Self::Nothing(entry) | Self::Shared(entry, _) | Self::Stored(entry, _, _) => entry,
        }
    }
}

impl Volume {
    /// The count of a data block.
    pub(super) fn count(&self, spot: Spot) -> u16 {
        self.page(spot.frame)
            .map_or(0, |page| pool_page::count(page, spot.index))
    }

    /// Whether one more reference to a block is possible.
    pub(super) fn can_share(&self, spot: Spot) -> bool {
        (1..pool_page::COUNT_MAXIMUM).contains(&self.count(spot))
    }

    /// Whether the counts allow a change.
    pub(super) fn is_consistent(&self, before: Option<Spot>, after: After) -> bool {
        let before_counts = before.is_none_or(|spot| self.count(spot) > 0);
        before_counts
            && match after {
                After::Nothing(_) => true,
                After::Shared(_, spot) => self.can_share(spot),
                After::Stored(_, spot, _) => self.count(spot) == 0,
            }
    }

    /// Blocks of a pool page that there are.
    pub(super) fn capacity(&self, frame: usize) -> u64 {
        self.cache
            .get(frame)
            .map_or(0, |place| self.target.layout.pool_page_blocks(place.page))
    }

    fn used_of(&self, frame: usize) -> u64 {
        self.cache.get(frame).map_or(0, |place| place.used_blocks)
    }

    /// Puts what replay needs before a change into the journal, which has room.
    pub(super) fn prepare_change(&mut self, map: Spot, before: Option<Spot>, after: After) {
        self.prepare(map.frame);
        if let Some(spot) = before {
            self.prepare(spot.frame);
            // It will not be full any more.
            if self.count(spot) == 1 && self.used_of(spot.frame) == self.capacity(spot.frame) {
                self.prepare_presence_of_frame(spot.frame);
            }
        }
        match after {
            After::Nothing(_) => {}
            After::Shared(_, spot) => self.prepare(spot.frame),
            After::Stored(_, spot, _) => {
                self.prepare(spot.frame);
                let fills = self.used_of(spot.frame) + 1 == self.capacity(spot.frame);
                if fills && !seeded!("dedup_presence_without_image") {
                    self.prepare_presence_of_frame(spot.frame);
                }
            }
        }
    }

    fn prepare_presence_of_frame(&mut self, frame: usize) {
        if let Some(page) = self.cache.get(frame).map(|place| place.page) {
            self.prepare_presence_of(page);
        }
    }

    /// Makes a change that is consistent: an entry of the map, and the counts of the blocks before and after.
    pub(super) fn change(&mut self, map: Spot, before: Option<Spot>, after: After) {
        match after {
            After::Nothing(_) => {}
            After::Shared(_, spot) => self.raise(spot),
            After::Stored(_, spot, fingerprint) => {
                let page = self.page_mut(spot.frame);
                if let Some(page) = page.filter(|_| !seeded!("dedup_old_fingerprint_stays")) {
                    pool_page::set_fingerprint(page, spot.index, fingerprint);
                }
                self.raise(spot);
            }
        }
        let mut mapped = self.pool.mapped_blocks;
        if !matches!(after, After::Nothing(_)) {
            mapped = mapped.saturating_add(1);
        }
        if let Some(spot) = before {
            mapped = mapped.saturating_sub(1);
            self.lower(spot);
        }
        self.pool.mapped_blocks = mapped;
        if let Some(page) = self.page_mut(map.frame) {
            map_page::set(page, map.index, after.entry());
        }
    }

    fn raise(&mut self, spot: Spot) {
        let count = self.count(spot);
        if let Some(page) = self.page_mut(spot.frame) {
            pool_page::set_count(page, spot.index, count.saturating_add(1));
        }
        if count > 0 {
            return;
        }
        let capacity = self.capacity(spot.frame);
        self.pool.used_blocks += 1;
        let Some(place) = self.cache.get_mut(spot.frame) else {
            return;
        };
        place.used_blocks += 1;
        if place.used_blocks == capacity {
            let page = place.page;
            self.set_presence(page, Presence::Full);
        }
    }

    fn lower(&mut self, spot: Spot) {
        let count = self.count(spot);
        if seeded!("dedup_count_not_lowered") && count > 1 {
            return;
        }
        if let Some(page) = self.page_mut(spot.frame) {
            pool_page::set_count(page, spot.index, count.saturating_sub(1));
        }
        if count != 1 {
            return;
        }
        let batch = self.journal.open_batch();
        let capacity = self.capacity(spot.frame);
        self.pool.used_blocks = self.pool.used_blocks.saturating_sub(1);
        let Some(place) = self.cache.get_mut(spot.frame) else {
            return;
        };
        let was_full = place.used_blocks == capacity;
        place.used_blocks = place.used_blocks.saturating_sub(1);
        if !seeded!("dedup_freed_not_held_back") {
            place.freed = batch;
        }
        if was_full && !seeded!("dedup_page_stays_full") {
            let page = place.page;
            self.set_presence(page, Presence::Present);
        }
    }
}
