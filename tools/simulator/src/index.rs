// SPDX-License-Identifier: GPL-2.0-only

//! Simulation of the deduplication index: a keeper and several zones on an adversarial disk.
//!
//! Messages and completions arrive in any order that keeps those between the same two in order. Everything follows
//! from a seed.

pub mod crashes;
pub mod disk;
pub mod model;
pub mod names;
pub mod plan;
pub mod user;
pub mod whole;
pub mod world;
