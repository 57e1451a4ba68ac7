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
//! | `geometry` | how large every part is |
//! | `layout` | where the parts lie on the disk |
//! | `format` | blocks on the disk, bytes to values and back |
//! | `open_chapter` | the chapter that a zone is filling, and the one being written |
//! | `page_packer` | from closed chapters of zones to record pages |
//! | `bounds` | which page of a chapter a name would be on |
//! | `volume_index` | which chapters may hold a name |

pub mod bounds;
pub mod format;
pub mod geometry;
pub mod layout;
pub mod open_chapter;
pub mod page_packer;
pub mod record;
mod search;
pub mod units;
pub mod volume_index;

pub use bounds::Bounds;
pub use geometry::{Geometry, MemorySize, Parameters};
pub use layout::Layout;
pub use open_chapter::{Entry, FrozenChapter, KeyRange, OpenChapter, Refused};
pub use page_packer::{Packed, PagePacker};
pub use record::{Data, Name, NAME_BYTES, RECORD_BYTES};
pub use units::{Chapter, ChapterCode, Image, Page, Pbn, Segment, Window};
