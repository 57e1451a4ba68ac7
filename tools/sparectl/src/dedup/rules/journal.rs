// SPDX-License-Identifier: GPL-2.0-only

//! The journal behind the redo point, as it lies there.

use crate::dedup::journal_survey::follow;
use crate::dedup::survey::Survey;
use crate::rules::Finding;
use crate::storage::BlockSource;
use dm_spare_engine::dedup::format::journal_block::first_of_batch;
use dm_spare_engine::dedup::format::Layout;
use dm_spare_engine::dedup::{Leg, Lsn};
use dm_spare_engine::Block;

/// Where the journal ends, and whether its batches are whole.
pub(super) struct Journal {
    /// The LSN behind the last block: that of no page is as high.
    pub(super) end: Lsn,
    wrong: Option<(Lsn, Option<Lsn>)>,
}

impl Journal {
    /// Reads the journal from the newest checkpoint on; none if there is no checkpoint.
    pub(super) fn read(survey: &Survey, main: &mut dyn BlockSource) -> Option<Self> {
        let (superblock, layout) = survey.volume?;
        let redo = survey.newest()?.redo;
        let mut journal = Self {
            end: redo,
            wrong: None,
        };
        let mut batch = None;
        follow(main, &layout, superblock.uuid, redo, &mut |block, _| {
            let lsn = journal.end;
            let first = first(block, lsn, &layout, superblock.uuid);
            // A block begins a batch, or goes on with that of the block before.
            if first != Some(lsn) && (batch.is_none() || first != batch) {
                journal.wrong.get_or_insert((lsn, first));
            }
            batch = first;
            journal.end = lsn.after(1);
        });
        Some(journal)
    }

    /// Notes the first block that does not go on where the one before ends.
    pub(super) fn judge(&self, layout: &Layout, findings: &mut Vec<Finding>) {
        let Some((lsn, first)) = self.wrong else {
            return;
        };
        let says = match first {
            Some(first) => format!("that its batch begins with block {}", first.0),
            None => "that its batch begins before all blocks".to_owned(),
        };
        let text = format!(
            "block {} of the journal says {says}, and no batch of which it can be begins there",
            lsn.0
        );
        findings
            .push(Finding::error("journal-batch", text).on(Leg::Main, layout.journal_address(lsn)));
    }
}

fn first(block: &Block, lsn: Lsn, layout: &Layout, uuid: [u8; 16]) -> Option<Lsn> {
    first_of_batch(block, lsn, layout, uuid, crc32c::crc32c)
}
