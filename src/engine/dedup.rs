// SPDX-License-Identifier: GPL-2.0-only

//! The engine of dedup mode: a volume that stores each distinct block once.
//!
//! Documentation/dedup.md says what it does and why. Like the rest of the engine it decides and touches nothing.
//!
//! | module | what it holds |
//! |---|---|
//! | `units` | what a number counts |
//! | `format` | what lies on the legs, bytes to values and back |

pub mod format;
pub mod units;

pub use units::{Batch, Fingerprint, Lbn, Leg, Lsn, PageNumber, Pbn};
