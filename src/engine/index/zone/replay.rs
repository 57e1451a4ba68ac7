// SPDX-License-Identifier: GPL-2.0-only

//! Coming into service: the newest chapters, or all of them, are replayed, and a saved open chapter comes back.

use super::{State, Zone};
use crate::engine::index::extent::Extent;
use crate::engine::index::format::saved_page::ENTRIES_PER_PAGE;
use crate::engine::index::format::{saved_page, Place, RecordPage, SavedPage};
use crate::engine::index::message::{Replay, Start, ToKeeper};
use crate::engine::index::units::{Chapter, Page, Segment};

impl Zone {
    /// Learns which index it is.
    pub(super) fn start(&mut self, start: &Start) {
        self.uuid = start.uuid;
        self.window = start.window;
        self.images = start.images;
        self.open_chapter = start.window.newest.next();
        self.names.set_window(start.window);
        self.is_lazy = start.lazily;
        if !start.lazily {
            for segment in self.segments.clone() {
                self.begin_empty(Segment(segment));
            }
        }
    }

    /// Takes note of records of a closed chapter. Those of other zones' names are passed over; a damaged page costs
    /// the records on it.
    pub(super) fn replay(&mut self, replay: Replay) -> ToKeeper {
        let Replay {
            chapter,
            page,
            pages,
            memory,
            ticket,
        } = replay;
        if !self.is_lazy && self.replaying != chapter {
            self.replaying = chapter;
            let share = self.geometry.zone_records(self.zones.count());
            // Without memory for more entries records are left out.
            let _ = self.names.prepare(share, self.flags);
        }
        // CAST: 32 bits fit.
        for (number, block) in (page.0..).zip(memory.blocks()).take(pages as usize) {
            let page = Page(number);
            let Some(address) = self.layout.page(chapter, page) else {
                break;
            };
            let uuid = self.uuid;
            let place = Place { address, uuid };
            let opened = RecordPage::open(&block.0, &place, chapter, page, self.checksum);
            let Ok(records) = opened else {
                self.statistics.invalid_pages += 1;
                continue;
            };
            for (name, _) in records.records() {
                if self.zones.zone(name) != self.number {
                    continue;
                }
                if !self.is_lazy {
                    let stored = self.names.insert(name, chapter);
                    self.statistics.discarded += u64::from(!stored);
                } else if self.tail.add(name, chapter, self.flags).is_err() {
                    self.statistics.tail_dropped += 1;
                }
            }
        }
        ToKeeper::Replayed { memory, ticket }
    }

    /// Takes the entries of a saved page that belong here back into the open chapter.
    pub(super) fn restore(&mut self, generation: u64, page: u32, memory: &Extent) {
        let (Some(block), Some(address)) = (
            memory.blocks().first(),
            self.layout.saved_page(u64::from(page)),
        ) else {
            return;
        };
        let uuid = self.uuid;
        let place = Place { address, uuid };
        let opened = SavedPage::open(&block.0, &place, generation, page, self.checksum);
        let Ok(saved) = opened else {
            self.statistics.invalid_pages += 1;
            return;
        };
        for entry in saved.entries() {
            if self.zones.zone(entry.name) != self.number {
                continue;
            }
            // One place stays free, so that the chapter is closed by a request.
            if self.open.remaining() <= 1 {
                self.statistics.restore_dropped += 1;
                continue;
            }
            if self.open.store(entry).is_err() {
                self.statistics.restore_dropped += 1;
                continue;
            }
            // Its segment may come only after the chapter was closed.
            let added = self.tail.add(entry.name, self.open_chapter, self.flags);
            self.statistics.tail_dropped += u64::from(added.is_err());
        }
    }

    /// Begins to serve.
    pub(super) fn serve(&mut self) {
        if self.tail.finish(self.flags).is_err() {
            self.statistics.tail_dropped += 1;
        }
        if self.names.is_complete() {
            self.tail.clear();
        }
        self.state = State::Serving;
    }

    /// Fills a page with entries of the open chapter.
    pub(super) fn save(
        &mut self,
        generation: u64,
        from: u32,
        page: u32,
        mut memory: Extent,
    ) -> ToKeeper {
        let mut written = 0;
        let mut next = from;
        if let (Some(block), Some(address)) = (
            memory.blocks_mut().first_mut(),
            self.layout.saved_page(u64::from(page)),
        ) {
            let uuid = self.uuid;
            let place = Place { address, uuid };
            // CAST: 32 bits fit; a share has fewer than 2^32 places.
            let entries = self
                .open
                .entries_from(from as usize)
                .map(|(behind, entry)| {
                    next = behind as u32;
                    entry
                });
            written = saved_page::encode(block, entries, place, generation, page, self.checksum);
        }
        ToKeeper::Saved {
            memory,
            // CAST: the entries of one page.
            entries: written as u32,
            next: (written == ENTRIES_PER_PAGE).then_some(next),
        }
    }

    /// Which chapter the zone is filling.
    pub fn open_chapter(&self) -> Chapter {
        self.open_chapter
    }
}
