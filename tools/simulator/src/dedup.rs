// SPDX-License-Identifier: GPL-2.0-only

//! The engine of dedup mode.

pub mod samples;
