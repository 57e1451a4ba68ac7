// SPDX-License-Identifier: GPL-2.0-only

//! Measures the deduplication index on the host, beside other structures.

pub mod clock;
pub mod contender;
pub mod measure;
pub mod whole;
pub mod workload;
