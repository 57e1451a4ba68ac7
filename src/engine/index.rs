// SPDX-License-Identifier: GPL-2.0-only

//! The deduplication index: where a block with the same fingerprint was written before.
//!
//! What it answers is advice, bounded by a window of the newest chapters. Like the rest of the engine it decides and
//! touches nothing.
//!
//! | module | what it holds |
//! |---|---|
//! | `record` | a name and what is known about it |
//! | `units` | chapters, pages, segments: what a number counts |
//! | `volume_index` | which chapters may hold a name |

pub mod record;
pub mod units;
pub mod volume_index;

pub use record::{Data, Name, NAME_BYTES, RECORD_BYTES};
pub use units::{Chapter, Image, Page, Pbn, Segment, Window};
