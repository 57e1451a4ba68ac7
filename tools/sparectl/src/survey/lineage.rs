// SPDX-License-Identifier: GPL-2.0-only

//! Which checkpoint is the newest that is complete, and how far its log reaches.

use super::CopySurvey;
use dm_spare_engine::format::header::{FLAG_CLEAN, FLAG_LAST};
use dm_spare_engine::format::Layout;

/// What lies beyond the end of a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tail {
    /// Nothing newer.
    Nothing,
    /// A valid log block with this greater transaction: something between is missing.
    Later(u64),
}

/// A complete checkpoint and the log behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lineage {
    /// The area of the checkpoint, 0 or 1.
    pub area: u8,
    /// Its sequence.
    pub sequence: u64,
    /// Its epoch, and that of the log.
    pub epoch: u64,
    /// The transaction behind which the log continues.
    pub base: u64,
    /// Blocks of the checkpoint.
    pub parts: u64,
    /// The newest transaction.
    pub last: u64,
    /// One bit for each copy that was in use when the newest block was written.
    pub members: u8,
    /// The newest log block says that the set was suspended cleanly.
    pub clean: bool,
    /// What lies beyond.
    pub tail: Tail,
}

impl Lineage {
    /// The newest state that the copies in `mask` (one bit each) give together.
    pub(super) fn newest(copies: &[CopySurvey], layout: &Layout, mask: u8) -> Option<Self> {
        let chosen: Vec<&CopySurvey> = copies
            .iter()
            .filter(|copy| mask & (1 << copy.number) != 0)
            .collect();
        let mut heads = heads(&chosen);
        while let Some(head) = heads.pop() {
            let Some(lineage) = follow(&chosen, layout, &head) else {
                continue;
            };
            // Another checkpoint with the same base may be the one that the later block continues.
            let alternative = heads.last().is_some_and(|next| next.base == head.base);
            if lineage.tail == Tail::Nothing || !alternative {
                return Some(lineage);
            }
        }
        None
    }

    /// Whether a copy was in use when the newest block was written.
    pub fn is_member(&self, copy: u8) -> bool {
        self.members & (1 << copy) != 0
    }
}

/// The first block of a checkpoint.
struct Head {
    area: u8,
    sequence: u64,
    epoch: u64,
    base: u64,
    members: u8,
}

/// The checkpoints of which some copy has the first block, the newest at the end.
fn heads(copies: &[&CopySurvey]) -> Vec<Head> {
    let mut heads: Vec<Head> = Vec::new();
    for copy in copies {
        for area in 0..2 {
            let Some(Ok(part)) = copy.checkpoint_place(area, 0) else {
                continue;
            };
            let header = part.header;
            let known = heads.iter().any(|head| head.sequence == header.sequence);
            if header.index == 0 && !known {
                heads.push(Head {
                    area,
                    sequence: header.sequence,
                    epoch: header.epoch,
                    base: header.tid,
                    members: header.members,
                });
            }
        }
    }
    heads.sort_by_key(|head| head.base);
    heads
}

/// Follows a checkpoint and its log to the end; none if the checkpoint is not complete.
fn follow(copies: &[&CopySurvey], layout: &Layout, head: &Head) -> Option<Lineage> {
    let parts = count_parts(copies, layout, head)?;
    let mut lineage = Lineage {
        area: head.area,
        sequence: head.sequence,
        epoch: head.epoch,
        base: head.base,
        parts,
        last: head.base,
        members: head.members,
        clean: false,
        tail: Tail::Nothing,
    };
    for tid in head.base.saturating_add(1)..=head.base.saturating_add(layout.ring_blocks) {
        let Some(part) = copies
            .iter()
            .find_map(|copy| copy.log_part(head.epoch, tid))
        else {
            break;
        };
        lineage.last = tid;
        lineage.members = part.header.members;
        lineage.clean = part.header.flags & FLAG_CLEAN != 0;
    }
    let greatest = copies
        .iter()
        .flat_map(|copy| &copy.ring)
        .filter_map(|place| place.as_ref().ok())
        .map(|part| part.header.tid)
        .max()
        .filter(|tid| *tid > lineage.last);
    lineage.tail = greatest.map_or(Tail::Nothing, Tail::Later);
    Some(lineage)
}

fn count_parts(copies: &[&CopySurvey], layout: &Layout, head: &Head) -> Option<u64> {
    for index in 0..layout.area_blocks {
        let part = copies
            .iter()
            .find_map(|copy| copy.checkpoint_part(head.area, index, head.sequence))?;
        if part.header.flags & FLAG_LAST != 0 {
            return Some(index.saturating_add(1));
        }
    }
    None
}
