// SPDX-License-Identifier: GPL-2.0-only

//! Makes the record pages of a chapter from the frozen shares of its zones.
//!
//! Each zone's share is in order, and so are the zones: a page may hold the end of one share and the beginning of the
//! next. Records of equal prefixes go on the same page, because the bounds of the pages tell prefixes apart only.

use super::format::record_page::{self, RECORDS_PER_PAGE};
use super::open_chapter::{FrozenChapter, Slot};
use super::record::{Data, Name};
use super::units::Page;
use crate::engine::block::Block;
use core::slice::Iter;
use kernel::sync::Arc;

/// A place in the shares of a chapter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Cursor {
    zone: usize,
    slot: usize,
}

/// A page that was filled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packed {
    /// Its number.
    pub page: Page,
    /// The prefix of its first name.
    pub bound: u32,
    /// Its records.
    pub count: usize,
}

/// Fills one page after the other.
pub struct PagePacker {
    next: Cursor,
    page: u32,
    page_blocks: u32,
    records: u64,
    dropped: u64,
}

impl PagePacker {
    /// Begins a chapter of at most `page_blocks` pages.
    pub fn new(page_blocks: u32) -> Self {
        Self {
            next: Cursor { zone: 0, slot: 0 },
            page: 0,
            page_blocks,
            records: 0,
            dropped: 0,
        }
    }

    /// Fills a block with the next records; it still needs [`record_page::seal`]. None if there are no more. The shares
    /// must be the same in each call, and in the order of their keys.
    pub fn next_page(
        &mut self,
        shares: &[Arc<FrozenChapter>],
        block: &mut Block,
    ) -> Option<Packed> {
        let mut feed = Feed::new(shares, self.next);
        if self.page >= self.page_blocks {
            self.next = Cursor {
                zone: shares.len(),
                slot: 0,
            };
            self.dropped += feed.count() as u64;
            return None;
        }
        let mut group = Group::default();
        let mut filled = 0;
        let mut bound = 0;
        let records = core::iter::from_fn(|| {
            let (place, name, data) = feed.next_placed()?;
            if filled == 0 {
                bound = name.prefix();
            }
            group.add(filled, place, name.prefix());
            filled += 1;
            Some((name, data))
        });
        let mut count = record_page::fill(block, records.take(RECORDS_PER_PAGE));
        self.next = feed.cursor();
        if count == RECORDS_PER_PAGE && feed.next_prefix() == Some(group.prefix) {
            if group.start > 0 {
                // The whole group goes on the next page.
                record_page::truncate(block, group.start);
                count = group.start;
                self.next = group.place;
            } else {
                // More records of one prefix than a page has room for: the others are not indexed.
                self.drop_prefix(shares, group.prefix);
            }
        }
        if count == 0 {
            return None;
        }
        let page = Page(self.page);
        self.page += 1;
        self.records += count as u64;
        Some(Packed { page, bound, count })
    }

    /// Pages that were filled.
    pub fn pages(&self) -> u32 {
        self.page
    }

    /// Records that they hold.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Records that there was no room for.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    fn drop_prefix(&mut self, shares: &[Arc<FrozenChapter>], prefix: u32) {
        let mut feed = Feed::new(shares, self.next);
        while feed.next_prefix() == Some(prefix) {
            feed.next_placed();
            self.dropped += 1;
        }
        self.next = feed.cursor();
    }
}

/// The records at the end of a page whose prefixes are equal.
#[derive(Clone, Copy)]
struct Group {
    prefix: u32,
    start: usize,
    place: Cursor,
}

impl Default for Group {
    fn default() -> Self {
        Self {
            prefix: 0,
            start: 0,
            place: Cursor { zone: 0, slot: 0 },
        }
    }
}

impl Group {
    fn add(&mut self, index: usize, place: Cursor, prefix: u32) {
        if index == 0 || prefix != self.prefix {
            *self = Self {
                prefix,
                start: index,
                place,
            };
        }
    }
}

/// The records of all shares that are not deleted, in their order.
struct Feed<'a> {
    shares: &'a [Arc<FrozenChapter>],
    zone: usize,
    length: usize,
    slots: Iter<'a, Slot>,
}

impl<'a> Feed<'a> {
    fn new(shares: &'a [Arc<FrozenChapter>], from: Cursor) -> Self {
        let slots = slots(shares, from);
        Self {
            shares,
            zone: from.zone,
            length: from.slot + slots.len(),
            slots: slots.iter(),
        }
    }

    /// Where the next record, or an empty place before it, lies.
    fn cursor(&self) -> Cursor {
        Cursor {
            zone: self.zone,
            slot: self.length - self.slots.len(),
        }
    }

    /// The next record and its place.
    fn next_placed(&mut self) -> Option<(Cursor, Name, Data)> {
        loop {
            if let Some(slot) = self.slots.find(|slot| slot.is_live()) {
                let mut place = self.cursor();
                place.slot -= 1;
                return Some((place, slot.name(), Data::from_bits(slot.word)));
            }
            if self.zone >= self.shares.len() {
                return None;
            }
            let zone = self.zone + 1;
            *self = Self::new(self.shares, Cursor { zone, slot: 0 });
        }
    }

    /// The prefix of the next record.
    fn next_prefix(&self) -> Option<u32> {
        let mut ahead = Feed {
            slots: self.slots.clone(),
            ..*self
        };
        ahead.next_placed().map(|(_, name, _)| name.prefix())
    }

    /// Records that are left.
    fn count(&mut self) -> usize {
        core::iter::from_fn(|| self.next_placed()).count()
    }
}

fn slots(shares: &[Arc<FrozenChapter>], from: Cursor) -> &[Slot] {
    shares
        .get(from.zone)
        .map_or(&[], |share| share.slots_from(from.slot))
}
