// SPDX-License-Identifier: GPL-2.0-only

//! Discards, writes of zeros and marks of loss, each of a range.

use super::apply::{Applied, Wish};
use super::operation::Stage;
use super::Volume;
use crate::engine::dedup::action::{Failure, Out};
use crate::engine::dedup::event::{Fill, RequestKind};
use crate::engine::dedup::format::presence_page::Presence;
use crate::engine::dedup::format::{map_page, Entry};
use crate::engine::dedup::units::{Lbn, PageNumber};

impl Volume {
    pub(super) fn step_fill(
        &mut self,
        index: u32,
        first: Lbn,
        blocks: u64,
        fill: Fill,
        out: Out<'_>,
    ) {
        let entry = match fill {
            Fill::Unmapped => Entry::Unmapped,
            Fill::Zero => Entry::Zero,
            Fill::Poisoned => Entry::Poisoned,
        };
        self.set_stage(index, Stage::Walking);
        let mut at = self.operations.get(index).map_or(blocks, |one| one.at);
        while at < blocks {
            let lbn = Lbn(first.0.saturating_add(at));
            if entry != Entry::Poisoned {
                let next = self.next_present_block(lbn);
                if next.0 > lbn.0 {
                    at = next.0.saturating_sub(first.0);
                    continue;
                }
            }
            match self.apply(index, lbn, Wish::Fill(entry), out) {
                Applied::Done => at += 1,
                Applied::Wait(wait) => {
                    self.set_progress(index, at);
                    return self.set_wait(index, wait);
                }
                Applied::Failed(failure) => return self.complete(index, Err(failure), out),
                Applied::Gone => return self.complete(index, Err(Failure::Damaged), out),
            }
        }
        let is_fua = self
            .operations
            .get(index)
            .is_some_and(|operation| matches!(operation.kind, RequestKind::Fill { fua: true, .. }));
        if is_fua {
            self.finish_durably(index, out);
        } else {
            self.complete(index, Ok(()), out);
        }
    }

    pub(super) fn set_progress(&mut self, index: u32, at: u64) {
        if let Some(operation) = self.operations.get_mut(index) {
            operation.at = at;
        }
    }

    /// The first block from this one on whose map page is present; the end of the volume if there is none.
    fn next_present_block(&self, lbn: Lbn) -> Lbn {
        let layout = &self.target.layout;
        let Some((page, _)) = layout.map_place(lbn) else {
            return Lbn(layout.geometry.logical_blocks);
        };
        if self.presence(page) != Presence::Absent {
            return lbn;
        }
        let end = layout.first_pool_page().0;
        let next: Option<PageNumber> = self.find_page(page.0, end, |word| word);
        match next {
            Some(page) => layout.first_lbn(page),
            None => Lbn(layout.geometry.logical_blocks),
        }
    }

    /// What a block of the volume is, of a map page that is there.
    pub(super) fn entry(&self, frame: usize, index: usize) -> Entry {
        self.page(frame)
            .map_or(Entry::Poisoned, |page| map_page::get(page, index))
    }
}
