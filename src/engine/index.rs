// SPDX-License-Identifier: GPL-2.0-only

//! The deduplication index: where a block with the same fingerprint was written before.
//!
//! What it answers is advice, bounded by a window of the newest chapters. Like the rest of the engine it decides and
//! touches nothing.
//!
//! | module | what it holds |
//! |---|---|
//! | `record`, `request` | a name and what is known about it; what can be asked |
//! | `units` | chapters, pages, segments: what a number counts |
//! | `geometry` | how large every part is |
//! | `layout` | where the parts lie on the disk |
//! | `format` | blocks on the disk, bytes to values and back |
//! | `zone`, `zones` | all that is done for the names of one range; which zone a name belongs to |
//! | `open_chapter` | the chapter that a zone is filling, and the one being written |
//! | `volume_index`, `names` | which chapters may hold a name |
//! | `bounds` | which page of a chapter a name would be on |
//! | `page_cache`, `sparse_cache`, `parked` | record pages and filters in memory; requests that wait |
//! | `keeper` | all that is done on the disk but for single reads: chapters, images, loading |
//! | `page_packer` | from closed chapters of zones to record pages |
//! | `event`, `action`, `message`, `io`, `extent` | what goes in and out, as values |

pub mod action;
pub mod bounds;
pub mod event;
pub mod extent;
pub mod format;
pub mod geometry;
pub mod io;
pub mod keeper;
pub mod layout;
pub mod message;
mod names;
pub mod open_chapter;
mod page_cache;
pub mod page_packer;
mod parked;
pub mod record;
pub mod request;
mod search;
mod sparse_cache;
pub mod statistics;
pub mod units;
pub mod volume_index;
pub mod zone;
pub mod zones;

pub use action::{KeeperAction, OpenError, Opened, ZoneAction};
pub use bounds::Bounds;
pub use event::{KeeperEvent, OpenMode, ZoneEvent};
pub use extent::Extent;
pub use geometry::{Geometry, MemorySize, Parameters};
pub use io::{Io, IoKind};
pub use keeper::{Keeper, KeeperSettings};
pub use layout::Layout;
pub use message::{Replay, Start, ToKeeper, ToZone};
pub use open_chapter::{Entry, FrozenChapter, KeyRange, OpenChapter, Refused};
pub use page_packer::{Packed, PagePacker};
pub use record::{Data, Name, NAME_BYTES, RECORD_BYTES};
pub use request::{Answer, Place, Request, RequestId, RequestKind, Unavailable};
pub use statistics::Statistics;
pub use units::{Chapter, ChapterCode, Image, Page, Pbn, Segment, Window};
pub use zone::{Zone, ZoneSettings};
pub use zones::Zones;
