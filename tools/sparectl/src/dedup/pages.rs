// SPDX-License-Identifier: GPL-2.0-only

//! Pages in their places on main, read in runs.

use super::Fault;
use crate::storage::BlockSource;
use dm_spare_engine::dedup::format::{page, Layout};
use dm_spare_engine::dedup::PageNumber;
use dm_spare_engine::{Block, BLOCK_BYTES};
use std::ops::Range;

/// Most pages that are read at once: 1 MiB.
const RUN: u32 = 256;

/// Takes a page, its content, and whether it is what belongs there.
pub type Visit<'a> = &'a mut dyn FnMut(PageNumber, &Block, Result<(), Fault>);

/// Reads pages.
pub struct Pages<'a> {
    main: &'a mut dyn BlockSource,
    layout: Layout,
    uuid: [u8; 16],
    memory: Vec<Block>,
}

impl<'a> Pages<'a> {
    /// Pages of this volume.
    pub fn new(main: &'a mut dyn BlockSource, layout: Layout, uuid: [u8; 16]) -> Self {
        Self {
            main,
            layout,
            uuid,
            memory: vec![Block([0; BLOCK_BYTES]); RUN as usize],
        }
    }

    /// Where things lie.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Reads the pages of a range that are wanted, in order. Of a page whose header is right, but whose content cannot
    /// be, `visit` gets the content too; of others what was read means nothing.
    pub fn visit(
        &mut self,
        range: Range<u32>,
        wanted: &dyn Fn(PageNumber) -> bool,
        visit: Visit<'_>,
    ) {
        let mut next = range.start;
        while next < range.end {
            if !wanted(PageNumber(next)) {
                next = next.saturating_add(1);
                continue;
            }
            let limit = range.end.min(next.saturating_add(RUN));
            let end = (next..limit)
                .find(|page| !wanted(PageNumber(*page)))
                .unwrap_or(limit);
            self.visit_run(next..end, visit);
            next = end;
        }
    }

    fn visit_run(&mut self, run: Range<u32>, visit: Visit<'_>) {
        // CAST: 32 bits fit.
        let count = run.end.saturating_sub(run.start) as usize;
        let blocks = self.memory.get_mut(..count).unwrap_or(&mut []);
        let first = self.layout.page_address(PageNumber(run.start));
        let whole = self.main.read_blocks(first, blocks).is_ok();
        for (number, block) in run.zip(blocks) {
            let number = PageNumber(number);
            if !whole {
                let address = self.layout.page_address(number);
                if let Err(fault) = self.main.read_block(address, block) {
                    visit(number, block, Err(Fault::Unreadable(fault.text)));
                    continue;
                }
            }
            let opened = page::open(block, number, &self.layout, self.uuid, crc32c::crc32c);
            visit(number, block, opened.map_err(Fault::Invalid));
        }
    }
}
