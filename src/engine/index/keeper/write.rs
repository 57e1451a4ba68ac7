// SPDX-License-Identifier: GPL-2.0-only

//! Writing a chapter.

mod images;

use super::stream::LANE_BLOCKS;
use super::table::Known;
use super::{IoOwner, Keeper, Phase};
use crate::engine::event::ErrorClass;
use crate::engine::index::action::KeeperAction;
use crate::engine::index::format::filter_page::{self, FILTERS_PER_PAGE};
use crate::engine::index::format::{record_page, ChapterHeader, Place, RecordPage};
use crate::engine::index::io::IoKind;
use crate::engine::index::message::ToZone;
use crate::engine::index::open_chapter::FrozenChapter;
use crate::engine::index::page_packer::PagePacker;
use crate::engine::index::units::{Chapter, Image, Page, Window};
use kernel::sync::Arc;

/// How far a chapter has come.
pub(super) struct Write {
    chapter: Chapter,
    step: Step,
    packer: PagePacker,
    /// The next image to be asked for, those that are being made or written, and the first of the next chapter.
    next_image: Image,
    images_away: usize,
    end_image: Image,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// What was saved is being discarded.
    Discard,
    Pages,
    Filters,
    Images,
    Flush,
    Header,
}

impl Keeper {
    /// A zone has closed its share. The first one makes the others close theirs; the last one lets the chapter be
    /// written.
    pub(super) fn closed(
        &mut self,
        zone: u32,
        chapter: Chapter,
        share: Arc<FrozenChapter>,
        out: &mut impl FnMut(KeeperAction),
    ) {
        if matches!(self.phase, Phase::Failed) || chapter != self.open_chapter() {
            return;
        }
        let is_first = self.arrived.iter().all(Option::is_none);
        // CAST: 32 bits fit.
        if let Some(place) = self.arrived.get_mut(zone as usize) {
            *place = Some(share);
        }
        if is_first && !cfg!(seeded_bug = "index_close_not_announced") {
            for other in (0..self.zones.count()).filter(|other| *other != zone) {
                out(KeeperAction::Tell {
                    zone: other,
                    message: ToZone::Close(chapter),
                });
            }
        }
        if self.arrived.iter().all(Option::is_some) && matches!(self.phase, Phase::Idle) {
            self.begin_write(chapter, out);
        }
    }

    fn begin_write(&mut self, chapter: Chapter, out: &mut impl FnMut(KeeperAction)) {
        for place in self.arrived.iter_mut() {
            if let Some(share) = place.take() {
                // There is room for one of each zone.
                let _ = self.shares.push_within_capacity(share);
            }
        }
        self.bounds.forget(chapter);
        let next_image = self.next_image();
        let write = Write {
            chapter,
            step: Step::Pages,
            packer: PagePacker::new(self.geometry.page_blocks),
            next_image,
            images_away: 0,
            end_image: Image(next_image.0 + self.geometry.chapter_images),
        };
        if self.is_saved && !cfg!(seeded_bug = "index_save_not_discarded") {
            self.phase = Phase::Writing(Write {
                step: Step::Discard,
                ..write
            });
            self.write_save_header(None, out);
        } else {
            self.phase = Phase::Writing(write);
            self.write_more(out);
        }
    }

    /// What was saved no longer counts.
    pub(super) fn discarded(
        &mut self,
        result: Result<(), ErrorClass>,
        out: &mut impl FnMut(KeeperAction),
    ) {
        if result.is_err() {
            return self.fail(out);
        }
        self.is_saved = false;
        self.statistics.discards += 1;
        if let Phase::Writing(write) = &mut self.phase {
            write.step = Step::Pages;
            self.write_more(out);
        }
    }

    /// Fills and writes pages on all lanes that are free.
    pub(super) fn write_more(&mut self, out: &mut impl FnMut(KeeperAction)) {
        loop {
            let Phase::Writing(write) = &mut self.phase else {
                return;
            };
            if write.step != Step::Pages {
                return;
            }
            let Some(lane) = self.stream.free_lane() else {
                return;
            };
            let first = write.packer.pages();
            let filled = self.fill_lane(lane);
            if filled != 0 {
                self.write_pages(lane, Page(first), filled, out);
            }
            if filled < LANE_BLOCKS {
                break;
            }
        }
        if self.stream.is_idle() {
            self.write_filters(out);
        }
    }

    /// All pages are written: the filters come next, if there are any.
    fn write_filters(&mut self, out: &mut impl FnMut(KeeperAction)) {
        let uuid = self.uuid;
        let Phase::Writing(write) = &mut self.phase else {
            return;
        };
        write.step = Step::Filters;
        let chapter = write.chapter;
        let filters = write.packer.pages();
        let blocks = filters.div_ceil(FILTERS_PER_PAGE as u32);
        let first = self.layout.filter(chapter, 0).filter(|_| filters != 0);
        let (Some(first), Some(mut memory)) = (first, self.filter_memory.take()) else {
            return self.filters_written(Ok(()), out);
        };
        // CAST: 32 bits fit.
        for (part, block) in (0..blocks).zip(memory.blocks_mut()) {
            let count = filters as usize - part as usize * FILTERS_PER_PAGE;
            let address = first + u64::from(part);
            let place = Place { address, uuid };
            filter_page::seal(block, place, chapter, part, count, self.checksum);
        }
        let kind = IoKind::Write {
            block: first,
            blocks,
            fua: false,
        };
        self.start_io(IoOwner::Filters, kind, Some(memory), out);
    }

    /// The filters are written: the images come next.
    pub(super) fn filters_written(
        &mut self,
        result: Result<(), ErrorClass>,
        out: &mut impl FnMut(KeeperAction),
    ) {
        if result.is_err() {
            return self.fail(out);
        }
        if let Phase::Writing(write) = &mut self.phase {
            write.step = Step::Images;
            self.make_images(out);
        }
    }

    /// Fills the memory of a lane with the next pages; how many there were.
    fn fill_lane(&mut self, lane: usize) -> u32 {
        let uuid = self.uuid;
        let Phase::Writing(write) = &mut self.phase else {
            return 0;
        };
        let Some(memory) = self.stream.memory(lane) else {
            return 0;
        };
        let mut filled = 0;
        for block in memory.blocks_mut() {
            let Some(packed) = write.packer.next_page(&self.shares, block) else {
                break;
            };
            let Some(address) = self.layout.page(write.chapter, packed.page) else {
                break;
            };
            let filters = self.filter_memory.as_mut();
            if let Some(filters) =
                filters.filter(|_| self.layout.filter(write.chapter, 0).is_some())
            {
                let (part, place) = filter_page::place_of(packed.page);
                // CAST: 32 bits fit.
                if let Some(target) = filters.blocks_mut().get_mut(part as usize) {
                    let records = RecordPage::filled(block, packed.count);
                    let names = records.records().map(|(name, _)| name);
                    filter_page::fill(target, place, names);
                }
            }
            record_page::seal(
                block,
                Place { address, uuid },
                write.chapter,
                packed.page,
                packed.count,
                self.checksum,
            );
            self.bounds
                .add(write.chapter, core::iter::once(packed.bound));
            filled += 1;
        }
        filled
    }

    fn write_pages(
        &mut self,
        lane: usize,
        first: Page,
        blocks: u32,
        out: &mut impl FnMut(KeeperAction),
    ) {
        let Phase::Writing(write) = &self.phase else {
            return;
        };
        let Some(block) = self.layout.page(write.chapter, first) else {
            return;
        };
        let memory = self.stream.begin_write(lane);
        let kind = IoKind::Write {
            block,
            blocks,
            fua: false,
        };
        self.start_io(IoOwner::Lane(lane), kind, memory, out);
    }

    /// Pages and images are written: makes them durable.
    fn flush_chapter(&mut self, out: &mut impl FnMut(KeeperAction)) {
        if let Phase::Writing(write) = &mut self.phase {
            write.step = Step::Flush;
        }
        if cfg!(seeded_bug = "index_chapter_without_flush") {
            return self.chapter_flushed(Ok(()), out);
        }
        self.flush(out);
    }

    /// Pages and images are durable: writes the header.
    pub(super) fn chapter_flushed(
        &mut self,
        result: Result<(), ErrorClass>,
        out: &mut impl FnMut(KeeperAction),
    ) {
        let place = self.place(0);
        let Phase::Writing(write) = &mut self.phase else {
            return;
        };
        if result.is_err() {
            return self.fail(out);
        }
        write.step = Step::Header;
        let chapter = write.chapter;
        let ahead = u64::from(cfg!(seeded_bug = "index_images_counted_early"));
        let header = ChapterHeader {
            chapter,
            oldest: self.geometry.oldest(chapter),
            images: write.end_image.0 + ahead,
            records: write.packer.records(),
            pages: write.packer.pages(),
        };
        let Some(block) = self.layout.header(chapter, 0) else {
            return self.fail(out);
        };
        let Some(mut memory) = self.header_memory.take() else {
            return;
        };
        for (part, target) in (0..).zip(memory.blocks_mut()) {
            let address = block + u64::from(part);
            let bounds = self.bounds.of(chapter);
            let place = Place { address, ..place };
            header.encode(part, bounds, place, target, self.checksum);
        }
        let kind = IoKind::Write {
            block,
            blocks: self.geometry.header_blocks,
            fua: !cfg!(seeded_bug = "index_header_without_fua"),
        };
        self.start_io(IoOwner::Header, kind, Some(memory), out);
    }

    /// The chapter exists.
    pub(super) fn header_written(
        &mut self,
        result: Result<(), ErrorClass>,
        out: &mut impl FnMut(KeeperAction),
    ) {
        if result.is_err() {
            return self.fail(out);
        }
        let Phase::Writing(write) = &self.phase else {
            return;
        };
        let chapter = write.chapter;
        self.images.1 = write.end_image;
        self.table.set(Known {
            chapter,
            pages: write.packer.pages(),
            images: write.end_image.0,
        });
        self.statistics.chapters_written += 1;
        self.statistics.records_written += write.packer.records();
        self.statistics.records_dropped += write.packer.dropped();
        self.window = Window {
            oldest: self.geometry.oldest(chapter).max(self.window.oldest),
            newest: chapter,
        };
        self.phase = Phase::Idle;
        // The zones reuse the memory as soon as they hear of it.
        self.shares.clear();
        let window = self.window;
        self.tell_all(|| ToZone::Durable(window), out);
    }
}
