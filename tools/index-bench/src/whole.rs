// SPDX-License-Identifier: GPL-2.0-only

//! The whole index on a file: what a driver does, and what it costs.

pub mod alone;
#[cfg(target_arch = "x86_64")]
mod checksum;
pub mod file;
pub mod map;
pub mod names;
pub mod phases;
pub mod report;
pub mod threads;

#[cfg(not(target_arch = "x86_64"))]
use ::crc32c as checksum;
