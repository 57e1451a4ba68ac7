// SPDX-License-Identifier: GPL-2.0-only

//! The engine of dedup mode between two adversarial disks, an index that lies, and a model of what was promised.

pub mod album;
pub mod checker;
pub mod content;
pub mod exhaustive;
pub mod model;
pub mod plan;
pub mod rot;
pub mod samples;
pub mod scenario;
pub mod world;
