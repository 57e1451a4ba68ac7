// SPDX-License-Identifier: GPL-2.0-only

//! What the engine is told at construction.

use super::format::layout;
use super::units::SECTORS_PER_BLOCK;
use core::fmt;
use kernel::alloc::AllocError;

/// Everything the engine is told at construction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Size of main in sectors.
    pub main_sectors: u64,
    /// Size of the spare in sectors.
    pub spare_sectors: u64,
    /// Logical block of main in sectors: 1 or 8.
    pub main_logical_block_sectors: u32,
    /// Logical block of the spare in sectors: 1 or 8.
    pub spare_logical_block_sectors: u32,
    /// Further reads of a whole block after a media error, before sector by sector: 0 to 100.
    pub read_retries: u32,
    /// Copies of the metadata: 2 to 4. None: two when formatting, and whatever an existing set has.
    pub metadata_copies: Option<u32>,
    /// The only set that may be loaded.
    pub expected_uuid: Option<[u8; 16]>,
    /// Bad blocks of main in a minute past which it is declared failing; 0: never.
    pub fail_after: u32,
    /// Write nothing, and recover nothing that would have to be written.
    pub read_only: bool,
    /// How long a metadata write may take, in milliseconds: 1 to 600,000.
    pub commit_timeout_milliseconds: u32,
    /// Requests waiting or active: 1 to 1024.
    pub max_requests: u32,
    /// Repairs at the same time, with a 4 KiB buffer each: 1 to 64.
    pub jobs: u32,
}

/// Why settings cannot be used; prints as one sentence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SettingsError {
    /// A number is out of its range.
    OutOfRange {
        /// What it counts.
        name: &'static str,
        /// The number.
        value: u64,
        /// Least allowed.
        low: u64,
        /// Most allowed.
        high: u64,
    },
    /// A logical block size other than 512 or 4096 bytes.
    LogicalBlock {
        /// Of which device.
        device: &'static str,
        /// In sectors.
        sectors: u32,
    },
    /// The size of main is no multiple of its logical block.
    Unaligned {
        /// In sectors.
        main_sectors: u64,
    },
    /// The spare has too few sectors.
    SpareTooSmall {
        /// In sectors.
        spare_sectors: u64,
        /// In sectors.
        minimum: u64,
    },
    /// Out of memory.
    NoMemory,
}

impl SettingsError {
    /// Whether memory was short, as opposed to a bad value.
    pub fn is_no_memory(&self) -> bool {
        matches!(self, SettingsError::NoMemory)
    }
}

impl From<AllocError> for SettingsError {
    fn from(_: AllocError) -> Self {
        SettingsError::NoMemory
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            SettingsError::OutOfRange { name, value, low, high } => {
                write!(out, "{name} is {value}, give a number from {low} to {high}")
            }
            SettingsError::LogicalBlock { device, sectors } => write!(
                out,
                "the logical block size of {device} is {} bytes, use a device with 512 or 4096",
                u64::from(sectors) * 512
            ),
            SettingsError::Unaligned { main_sectors } => write!(
                out,
                "main has {main_sectors} sectors, which is no multiple of its 4096-byte logical block; use a smaller length"
            ),
            SettingsError::SpareTooSmall { spare_sectors, minimum } => write!(
                out,
                "the spare has {spare_sectors} sectors, use one with at least {minimum}"
            ),
            SettingsError::NoMemory => write!(out, "not enough memory for the table of remaps, use a smaller spare"),
        }
    }
}

/// The largest main: 2^40 blocks.
const MAIN_SECTORS_MAXIMUM: u64 = 1 << 43;

impl Settings {
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        in_range(
            "the size of main in sectors",
            self.main_sectors,
            1,
            MAIN_SECTORS_MAXIMUM,
        )?;
        let copies = self.metadata_copies.unwrap_or(layout::COPIES_DEFAULT);
        let minimum =
            layout::minimum_spare_blocks(copies.clamp(2, 4)).saturating_mul(SECTORS_PER_BLOCK);
        if self.spare_sectors < minimum {
            return Err(SettingsError::SpareTooSmall {
                spare_sectors: self.spare_sectors,
                minimum,
            });
        }
        in_range(
            "the size of the spare in sectors",
            self.spare_sectors,
            minimum,
            layout::SPARE_BLOCKS_MAXIMUM * SECTORS_PER_BLOCK,
        )?;
        for (device, sectors) in [
            ("main", self.main_logical_block_sectors),
            ("the spare", self.spare_logical_block_sectors),
        ] {
            if sectors != 1 && sectors != 8 {
                return Err(SettingsError::LogicalBlock { device, sectors });
            }
        }
        if self.main_logical_block_sectors == 8 && self.main_sectors % SECTORS_PER_BLOCK != 0 {
            return Err(SettingsError::Unaligned {
                main_sectors: self.main_sectors,
            });
        }
        in_range(
            "the number of read retries",
            self.read_retries.into(),
            0,
            100,
        )?;
        in_range("the number of metadata copies", copies.into(), 2, 4)?;
        in_range(
            "the commit time-out in ms",
            self.commit_timeout_milliseconds.into(),
            1,
            600_000,
        )?;
        in_range("the number of requests", self.max_requests.into(), 1, 1024)?;
        in_range("the number of repairs at a time", self.jobs.into(), 1, 64)
    }
}

fn in_range(name: &'static str, value: u64, low: u64, high: u64) -> Result<(), SettingsError> {
    if (low..=high).contains(&value) {
        Ok(())
    } else {
        Err(SettingsError::OutOfRange {
            name,
            value,
            low,
            high,
        })
    }
}
