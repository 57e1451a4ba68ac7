// SPDX-License-Identifier: GPL-2.0-only

//! Runs of 4 KiB blocks of main, made of byte ranges that a bad-block list names.

use dm_spare_engine::BLOCK_BYTES;
use serde::Serialize;

/// Consecutive 4 KiB blocks of main.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Run {
    /// The first block.
    pub block: u64,
    /// How many; at least one.
    pub count: u64,
}

impl Run {
    /// The block behind the last one.
    pub fn end(self) -> u64 {
        self.block.saturating_add(self.count)
    }

    /// The blocks that a byte range touches; none if the range is empty or its end does not fit 64 bits.
    pub fn of_bytes(start: u64, length: u64) -> Option<Self> {
        let block_bytes = BLOCK_BYTES as u64;
        let last = start
            .checked_add(length)?
            .checked_sub(1)
            .filter(|last| *last >= start)?;
        let block = start / block_bytes;
        Some(Self {
            block,
            count: last / block_bytes - block + 1,
        })
    }

    /// Cut into pieces of at most `most` blocks.
    pub fn pieces(self, most: u64) -> impl Iterator<Item = Run> {
        let most = most.max(1);
        (0..self.count.div_ceil(most)).map(move |index| {
            let skipped = index.saturating_mul(most);
            Run {
                block: self.block.saturating_add(skipped),
                count: self.count.saturating_sub(skipped).min(most),
            }
        })
    }
}

/// Sorts runs and joins those that overlap or touch.
pub fn merge(mut runs: Vec<Run>) -> Vec<Run> {
    runs.sort_unstable();
    let mut merged: Vec<Run> = Vec::new();
    for run in runs {
        match merged.last_mut() {
            Some(last) if run.block <= last.end() => {
                last.count = run.end().max(last.end()).saturating_sub(last.block);
            }
            _ => merged.push(run),
        }
    }
    merged
}
