// SPDX-License-Identifier: GPL-2.0-only

//! Deterministic simulation of the engine on adversarial disks.
//!
//! The engine under test is made of the kernel module's own files. Around it stand two disks with volatile caches,
//! bad sectors and crashes, a small copy of what the shell does with bios, and a model of what the user was
//! promised. Everything is driven by one random seed or by enumeration, so every failure can be run again.

pub mod control;
pub mod dedup;
pub mod disk;
pub mod exhaustive;
pub mod fuzz;
pub mod image;
pub mod index;
pub mod index_samples;
pub mod model;
pub mod operation;
pub mod random;
pub mod rng;
pub mod scenario;
pub mod sector;
pub mod seeds;
pub mod world;
