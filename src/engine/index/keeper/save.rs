// SPDX-License-Identifier: GPL-2.0-only

//! Saving the open chapters when the index comes to rest, so that nothing is lost by stopping it.

use super::{Keeper, Phase};
use crate::engine::event::ErrorClass;
use crate::engine::index::action::KeeperAction;
use crate::engine::index::extent::Extent;
use crate::engine::index::format::save_header::Saved;
use crate::engine::index::format::SaveHeader;
use crate::engine::index::io::IoKind;
use crate::engine::index::message::ToZone;

/// How far saving has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Save {
    zone: u32,
    /// Where in the zone's chapter to go on.
    from: Option<u32>,
    page: u32,
    entries: u64,
    step: Step,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// What was saved before is being discarded: its pages are about to be overwritten.
    Discard,
    Pages,
    Flush,
    Header,
}

impl Keeper {
    /// Begins to save the open chapters.
    pub(super) fn begin_save(&mut self, out: &mut impl FnMut(KeeperAction)) {
        self.generation += 1;
        self.phase = Phase::Saving(Save {
            zone: 0,
            from: Some(0),
            page: 0,
            entries: 0,
            step: Step::Discard,
        });
        if self.is_saved && !cfg!(seeded_bug = "index_save_overwritten") {
            self.write_save_header(None, out);
        } else {
            self.save_more(out);
        }
    }

    /// Asks for the next page, or makes durable what was written.
    fn save_more(&mut self, out: &mut impl FnMut(KeeperAction)) {
        let Phase::Saving(save) = &mut self.phase else {
            return;
        };
        if save.from.is_none() {
            save.zone += 1;
            save.from = Some(0);
        }
        if save.zone >= self.zones.count() {
            save.step = Step::Flush;
            return self.flush(out);
        }
        save.step = Step::Pages;
        if self.layout.saved_page(u64::from(save.page)).is_none() {
            return self.end_save(false, out);
        }
        let Some(memory) = self.single_memory.take() else {
            return;
        };
        out(KeeperAction::Tell {
            zone: save.zone,
            message: ToZone::Save {
                generation: self.generation,
                from: save.from.unwrap_or(0),
                page: save.page,
                memory,
            },
        });
    }

    /// A zone has filled a page.
    pub(super) fn page_saved(
        &mut self,
        memory: Extent,
        entries: u32,
        next: Option<u32>,
        out: &mut impl FnMut(KeeperAction),
    ) {
        self.single_memory = Some(memory);
        let Phase::Saving(save) = &mut self.phase else {
            return;
        };
        save.from = next;
        if entries == 0 {
            return self.save_more(out);
        }
        let block = self.layout.saved_page(u64::from(save.page));
        save.page += 1;
        save.entries += u64::from(entries);
        let Some(block) = block else {
            return self.end_save(false, out);
        };
        let kind = IoKind::Write {
            block,
            blocks: 1,
            fua: false,
        };
        self.single(kind, out);
    }

    /// A page or the header was written.
    pub(super) fn save_written(
        &mut self,
        result: Result<(), ErrorClass>,
        out: &mut impl FnMut(KeeperAction),
    ) {
        let Phase::Saving(save) = &self.phase else {
            return;
        };
        match (result, save.step) {
            (Err(_), _) => self.end_save(false, out),
            (Ok(()), Step::Discard | Step::Pages) => self.save_more(out),
            (Ok(()), Step::Header) => {
                self.statistics.saves += 1;
                self.end_save(true, out);
            }
            (Ok(()), Step::Flush) => {}
        }
    }

    /// The pages are durable: the header makes them count.
    pub(super) fn save_flushed(
        &mut self,
        result: Result<(), ErrorClass>,
        out: &mut impl FnMut(KeeperAction),
    ) {
        let chapter = self.open_chapter();
        let Phase::Saving(save) = &mut self.phase else {
            return;
        };
        if result.is_err() {
            return self.end_save(false, out);
        }
        save.step = Step::Header;
        let saved = Saved {
            chapter,
            entries: save.entries,
            pages: save.page.into(),
        };
        self.write_save_header(Some(saved), out);
    }

    /// Writes the header of the saved chapters.
    pub(super) fn write_save_header(
        &mut self,
        saved: Option<Saved>,
        out: &mut impl FnMut(KeeperAction),
    ) {
        let block = self.layout.save;
        let place = self.place(block);
        let header = SaveHeader {
            generation: self.generation,
            saved,
        };
        let first = self
            .single_memory
            .as_mut()
            .and_then(|memory| memory.blocks_mut().first_mut());
        if let Some(first) = first {
            header.encode(place, first, self.checksum);
        }
        let kind = IoKind::Write {
            block,
            blocks: 1,
            fua: true,
        };
        self.single(kind, out);
    }

    fn end_save(&mut self, saved: bool, out: &mut impl FnMut(KeeperAction)) {
        // What is there may be half of it: it is discarded before the next chapter is written.
        self.is_saved = true;
        self.phase = Phase::Idle;
        self.rested(saved, out);
    }
}
