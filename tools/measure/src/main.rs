// SPDX-License-Identifier: GPL-2.0-only

//! `measure`: figures of the engine on the host, and large sets for `make bench`.
//!
//! - `measure chapter` prints, as JSON, what an open chapter, the packing of its pages and a search in a page cost.
//! - `measure dedup` prints, as JSON, what the decisions of dedup mode's volume cost, and how much metadata it writes.
//! - `measure lookup` prints, as JSON, how long the lock-free lookup takes with 1, 1,000 and 1,000,000 remaps.
//! - `measure set REMAPS BLOCKS` writes to stdout a set over a main and a spare of BLOCKS blocks each, every second block
//!   of main remapped from block 0 on, as a list of (block number, little-endian, 8 bytes; content, 4096 bytes).

mod chapter;
mod cpu_time;
mod dedup;
mod lookup;
mod memory;
mod set;

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["chapter"] => chapter::print(),
        ["dedup"] => dedup::print(),
        ["lookup"] => lookup::print(),
        ["set", remaps, blocks] => write_set(remaps, blocks),
        _ => Err(
            "usage: measure chapter | measure dedup | measure lookup | measure set REMAPS BLOCKS"
                .to_owned(),
        ),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("measure: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn write_set(remaps: &str, blocks: &str) -> Result<(), String> {
    let number = |word: &str| {
        word.parse::<u64>()
            .map_err(|_| format!("`{word}` is no number: write decimal digits"))
    };
    let (remaps, blocks) = (number(remaps)? as u32, number(blocks)?);
    let every_second = (0..remaps).map(|index| u64::from(index) * 2);
    let spare = set::with_remaps(set::sizes(blocks, blocks), every_second)?;
    let write = || -> std::io::Result<()> {
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        for (number, content) in &spare.blocks {
            out.write_all(&number.to_le_bytes())?;
            out.write_all(content)?;
        }
        out.flush()
    };
    write().map_err(|error| format!("the set cannot be written: {error}"))
}
