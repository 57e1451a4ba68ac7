// SPDX-License-Identifier: GPL-2.0-only

//! The command line of `create`.

use super::Mode;
use crate::table_line::parse_uuid;
use crate::volume_size::parse_volume_size;
use clap::Args;
use dm_spare_engine::Uuid;
use std::path::PathBuf;

/// `create`.
#[derive(Args, Debug)]
pub struct Create {
    /// Name of the mapped device, below /dev/mapper.
    pub name: String,
    /// The main device.
    pub main: PathBuf,
    /// The spare.
    pub spare: PathBuf,
    /// The mode [default: that of what the devices hold, remap for blank ones].
    #[arg(long, value_enum)]
    pub mode: Option<Mode>,
    /// Refuse any other set or volume.
    #[arg(long, value_name = "UUID", value_parser = parse_uuid)]
    pub uuid: Option<Uuid>,
    /// Options of remap mode.
    #[command(flatten)]
    pub remap: CreateRemap,
    /// Options of dedup mode.
    #[command(flatten)]
    pub dedup: CreateDedup,
}

/// `create`, what only remap mode has.
#[derive(Args, Debug)]
pub struct CreateRemap {
    /// Remap mode: further attempts at a failing block before it is read sector by sector.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub read_retries: Option<u32>,
    /// Remap mode: bad blocks of main in a minute past which main is declared failing, and no more slots are used.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub fail_after: Option<u32>,
    /// Remap mode: refuse writes.
    #[arg(long)]
    pub read_only: bool,
    /// Remap mode: copies of the metadata, how many to make on a blank spare, or how many the set must have.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=4))]
    pub metadata_copies: Option<u32>,
    /// Remap mode: milliseconds after which a metadata write counts as failed.
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(100..=600_000))]
    pub commit_timeout: Option<u32>,
}

/// `create`, what only dedup mode has.
#[derive(Args, Debug)]
pub struct CreateDedup {
    /// Dedup mode: size of the volume with a unit, K, M, G or T, or s for sectors; at will more than main
    /// [default: that of the volume, or of main if it is formatted].
    #[arg(long, value_name = "SIZE", value_parser = parse_volume_size)]
    pub size: Option<u64>,
    /// Dedup mode: memory for pages of the map and the pool, in MiB.
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(8..=65_536))]
    pub cache_mb: Option<u32>,
    /// Dedup mode: milliseconds after which changes are committed for which nobody has asked.
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub commit_ms: Option<u32>,
    /// Dedup mode: free blocks below which an event is raised; 0 for never.
    #[arg(long, value_name = "BLOCKS", value_parser = clap::value_parser!(u64).range(0..=1 << 36))]
    pub low_water: Option<u64>,
    /// Dedup mode: compare each block that is read with its fingerprint.
    #[arg(long)]
    pub check_reads: bool,
    /// Dedup mode: length of the journal in MiB [default: that of the volume, or a 64th of main, 1 to 64].
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub journal_mb: Option<u32>,
    /// Dedup mode: memory of the index in MiB, 0 for none [default: that of the volume, or the largest up to 256 whose
    /// area takes at most a 16th of main].
    #[arg(long, value_name = "MIB")]
    pub index_memory: Option<u32>,
}

impl CreateRemap {
    /// The first option that is given, if any.
    pub fn first_given(&self) -> Option<&'static str> {
        first_given(&[
            ("--read-retries", self.read_retries.is_some()),
            ("--fail-after", self.fail_after.is_some()),
            ("--read-only", self.read_only),
            ("--metadata-copies", self.metadata_copies.is_some()),
            ("--commit-timeout", self.commit_timeout.is_some()),
        ])
    }
}

impl CreateDedup {
    /// The first option that is given, if any.
    pub fn first_given(&self) -> Option<&'static str> {
        first_given(&[
            ("--size", self.size.is_some()),
            ("--cache-mb", self.cache_mb.is_some()),
            ("--commit-ms", self.commit_ms.is_some()),
            ("--low-water", self.low_water.is_some()),
            ("--check-reads", self.check_reads),
            ("--journal-mb", self.journal_mb.is_some()),
            ("--index-memory", self.index_memory.is_some()),
        ])
    }
}

fn first_given(options: &[(&'static str, bool)]) -> Option<&'static str> {
    options
        .iter()
        .find(|(_, is_given)| *is_given)
        .map(|(option, _)| *option)
}
