// SPDX-License-Identifier: GPL-2.0-only

//! Reads of record pages: requests wait for them, and go on when they are here.

use super::ahead::Known;
use super::{IoOwner, Wait, Zone};
use crate::engine::event::ErrorClass;
use crate::engine::index::action::ZoneAction;
use crate::engine::index::extent::Extent;
use crate::engine::index::format::{Place, RecordPage};
use crate::engine::index::io::{Io, IoKind};
use crate::engine::index::page_cache::PageKey;
use crate::engine::index::parked::{Attempt, List};

impl Zone {
    /// Begins to read a page that is not here.
    pub(super) fn read_page(&mut self, key: PageKey, out: &mut impl FnMut(ZoneAction)) -> Wait {
        let Some(block) = self.layout.page(key.chapter, key.page) else {
            return Wait::Memory;
        };
        let Some((index, memory)) = self.cache.begin(key) else {
            return Wait::Memory;
        };
        self.statistics.pages_read += 1;
        out(ZoneAction::Io(Io {
            token: IoOwner::Page(index).token(),
            kind: IoKind::Read { block, blocks: 1 },
            memory: Some(memory),
        }));
        Wait::Page(index)
    }

    /// Takes a page that was read. What waited for it goes on; if it cannot be used, as if the name were not on it.
    pub(super) fn page_done(
        &mut self,
        index: usize,
        result: Result<(), ErrorClass>,
        memory: Extent,
        out: &mut impl FnMut(ZoneAction),
    ) {
        let Some(key) = self.cache.key(index) else {
            return;
        };
        let good = match result {
            Err(_) => {
                self.statistics.page_read_errors += 1;
                false
            }
            Ok(()) if !seeded!("index_page_unchecked") && !self.is_page(key, &memory) => {
                self.statistics.invalid_pages += 1;
                false
            }
            Ok(()) => true,
        };
        self.cache.finish(index, memory, good);
        let known = if good {
            Known::Page(index, key)
        } else {
            Known::Nothing
        };
        let mut waiting = self.cache.waiting(index).map_or(List::EMPTY, List::take);
        // Each goes on at once, so that the page is still here.
        while let Some(mut attempt) = self.parked.take(&mut waiting) {
            if !good && seeded!("index_waiter_forgotten") {
                continue;
            }
            if !good {
                attempt.rule_out(key.chapter);
            }
            self.run(attempt, known, out);
        }
        let waiting = self.for_memory.take();
        self.parked.append(&mut self.ready, waiting);
    }

    /// Parks a request until what it waits for has come. There is a place for each that was taken.
    pub(super) fn park(&mut self, wait: Wait, mut attempt: Attempt) {
        attempt.version = self.names.version();
        let list = match wait {
            Wait::Page(index) => self.cache.waiting(index),
            Wait::Memory => None,
            Wait::Filters(index) => self.sparse.waiting(index),
            Wait::Segment(segment) => Some(self.loads.waiting(segment)),
            Wait::Room => Some(&mut self.for_room),
        };
        let list = list.unwrap_or(&mut self.for_memory);
        let parked = self.parked.park(list, attempt);
        debug_assert!(parked.is_ok());
    }

    /// Whether memory holds this page.
    fn is_page(&self, key: PageKey, memory: &Extent) -> bool {
        let (Some(block), Some(address)) = (
            memory.blocks().first(),
            self.layout.page(key.chapter, key.page),
        ) else {
            return false;
        };
        let uuid = self.uuid;
        let place = Place { address, uuid };
        RecordPage::open(&block.0, &place, key.chapter, key.page, self.checksum).is_ok()
    }
}
