// SPDX-License-Identifier: GPL-2.0-only

//! Writes and recognises self-describing sectors.
//!
//! Each sector says where it belongs and which generation of data it is, so a reader can tell old data from new, a
//! torn sector from a whole one, and data of another place. The guest tests start this program many thousand times,
//! mostly on an emulated processor, hence it is no script.

mod commands;
mod device;
mod sector;

use clap::{Args, Parser, Subcommand};
use commands::{Extent, Fill};
use std::path::PathBuf;
use std::process::ExitCode;

/// Writes and recognises self-describing sectors of 512 bytes. All I/O is direct.
///
/// Exits with 1 if a request failed, with 2 if nothing could be done.
#[derive(Parser)]
#[command(name = "spare-pattern")]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write sectors of a generation; print each request that failed and the name of its error
    Write {
        #[command(flatten)]
        place: Place,
        /// The generation
        generation: u64,
        /// Each write ends when its data is durable
        #[arg(long)]
        sync: bool,
        /// Zeros in place of the generation
        #[arg(long)]
        zero: bool,
    },
    /// Print one line for each run of alike sectors: START+COUNT and what they hold
    ///
    /// `generation N`, `zeros`, `unreadable`, `torn`, `belongs to N generation M`, or `unknown`.
    Map {
        #[command(flatten)]
        place: Place,
    },
    /// Read sectors; print each request that failed and the name of its error
    Read {
        #[command(flatten)]
        place: Place,
    },
    /// Print a digest of a whole device
    Sum {
        /// The block device
        device: PathBuf,
    },
}

#[derive(Args)]
struct Place {
    /// The block device
    device: PathBuf,
    /// The first sector
    start: u64,
    /// How many sectors
    count: u64,
    /// The most sectors of a request
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=i64::from(device::CHUNK_MAXIMUM)))]
    chunk: u32,
}

impl Place {
    fn extent(&self) -> Extent {
        Extent {
            start: self.start,
            count: self.count,
        }
    }
}

fn run(command: Command) -> Result<bool, String> {
    match command {
        Command::Write {
            place,
            generation,
            sync,
            zero,
        } => {
            let fill = if zero {
                Fill::Zeros
            } else {
                Fill::Generation(generation)
            };
            commands::write(&place.device, place.extent(), fill, place.chunk, sync)
        }
        Command::Map { place } => commands::map(&place.device, place.extent(), place.chunk),
        Command::Read { place } => commands::read(&place.device, place.extent(), place.chunk),
        Command::Sum { device } => commands::sum(&device),
    }
}

fn main() -> ExitCode {
    match run(Line::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(sentence) => {
            eprintln!("spare-pattern: {sentence}");
            ExitCode::from(2)
        }
    }
}
