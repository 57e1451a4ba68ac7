// SPDX-License-Identifier: GPL-2.0-only

//! Where a file has data.

use dm_spare_engine::BLOCK_BYTES;
use rustix::fs::{seek, SeekFrom};
use std::fs::File;
use std::ops::Range;

/// The next blocks, from `from` on and before `end`, that may hold data; an empty range at the end if there are none. A
/// file system that knows nothing of holes says that all is data.
pub(super) fn next_piece(file: &File, from: u64, end: u64) -> Range<u64> {
    let bytes = BLOCK_BYTES as u64;
    let start = match seek(file, SeekFrom::Data(from.saturating_mul(bytes))) {
        Ok(data) => (data / bytes).max(from),
        Err(rustix::io::Errno::NXIO) => end,
        Err(_) => return from..end,
    };
    let start = start.min(end);
    let behind = match seek(file, SeekFrom::Hole(start.saturating_mul(bytes))) {
        Ok(hole) => hole.div_ceil(bytes),
        Err(_) => end,
    };
    // However a file changes meanwhile, each step is one forward.
    let behind = if start < end {
        behind.clamp(start.saturating_add(1), end)
    } else {
        end
    };
    start..behind
}
