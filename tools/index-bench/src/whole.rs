// SPDX-License-Identifier: GPL-2.0-only

//! The whole index on a file: what a driver does, and what it costs.

pub mod alone;
pub mod file;
pub mod names;
pub mod phases;
pub mod report;
pub mod threads;
