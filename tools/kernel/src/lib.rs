// SPDX-License-Identifier: GPL-2.0-only

//! Host stand-in for the part of the kernel crate that the engine uses.
//!
//! Names, signatures and meaning follow `rust/kernel` of Linux 7.2 and 7.3, so that the same engine files
//! compile into the module and into host programs. Allocations fail only when a test wants them to, and flags are
//! ignored.

pub mod alloc;
pub mod cpu;
#[cfg(feature = "seeded-bugs")]
pub mod seeded_bug;
pub mod sync;
