// SPDX-License-Identifier: GPL-2.0-only

//! The lists that badblocks(8) writes: one block number a line.

use crate::failure::Failure;
use crate::runs::{merge, Run};

/// The block size that badblocks takes when none is given.
pub const BLOCK_SIZE_DEFAULT: u32 = 1024;

/// Reads a block size in bytes: a power of two from 512 to 1,048,576.
///
/// # Errors
///
/// Another number, or none.
pub fn parse_block_size(text: &str) -> Result<u32, String> {
    text.parse::<u32>()
        .ok()
        .filter(|size| size.is_power_of_two() && (512..=1 << 20).contains(size))
        .ok_or_else(|| {
            format!("the block size `{text}` is not one that badblocks uses: give the number of its -b option, a power of two from 512 to 1048576")
        })
}

/// Reads a list whose numbers count blocks of `block_size` bytes; the runs of 4 KiB blocks that they touch, merged.
/// Empty lines are skipped.
///
/// # Errors
///
/// The first line that is no block number.
pub fn parse(text: &str, block_size: u32) -> Result<Vec<Run>, Failure> {
    let mut runs = Vec::new();
    for (number, line) in (1u64..).zip(text.lines()) {
        let word = line.trim();
        if word.is_empty() {
            continue;
        }
        let only_digits = word.bytes().all(|byte| byte.is_ascii_digit());
        let run = word
            .parse::<u64>()
            .ok()
            .filter(|_| only_digits)
            .and_then(|block| block.checked_mul(block_size.into()))
            .and_then(|start| Run::of_bytes(start, block_size.into()));
        let Some(run) = run else {
            return Err(Failure::new(format!(
                "line {number} of the list is `{word}`, which is no block number of a device: give a list as badblocks -o writes it"
            )));
        };
        runs.push(run);
    }
    Ok(merge(runs))
}
