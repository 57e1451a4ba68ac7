// SPDX-License-Identifier: GPL-2.0-only

//! The `spare` device-mapper target.

pub mod dm;
pub mod kern;
mod sys;
