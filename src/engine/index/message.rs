// SPDX-License-Identifier: GPL-2.0-only

//! What the zones and the keeper tell each other.
//!
//! The driver delivers messages in the order in which they were sent between the same two; otherwise in any order.

use super::extent::Extent;
use super::open_chapter::FrozenChapter;
use super::units::{Chapter, Image, Page, Window};
use kernel::sync::Arc;

/// From the keeper to a zone.
#[derive(Debug)]
pub enum ToZone {
    /// The index is known. Answered by [`ToKeeper::Started`].
    Start(Start),
    /// Records of a closed chapter, to be entered into the volume index; those of other zones' names are passed
    /// over. Answered by [`ToKeeper::Replayed`].
    Replay(Replay),
    /// Records of the open chapter that was saved. Answered by [`ToKeeper::Restored`].
    Restore {
        /// Which save.
        generation: u64,
        /// The number of the page in the saved area.
        page: u32,
        /// The page.
        memory: Extent,
    },
    /// The index is complete as far as the keeper is concerned: requests are served.
    Serve,
    /// Another zone has closed this chapter: close it too, however full.
    Close(Chapter),
    /// A hook has led to this old chapter: take its filters into the sparse cache.
    Sparse(Chapter),
    /// A chapter is durable, and the oldest ones may have expired.
    Durable(Window),
    /// A write has failed: nothing is served any more.
    Fail,
    /// Write the image of a segment into this memory. Answered by [`ToKeeper::Imaged`].
    Image {
        /// The number of the image, which tells the segment.
        image: Image,
        /// Large enough for the largest image.
        memory: Extent,
    },
    /// Come to rest; answered by [`ToKeeper::AtRest`]. Requests are not served from now on.
    Suspend,
    /// Fill this memory with records of the open chapter, from this one on. Answered by [`ToKeeper::Saved`].
    Save {
        /// Which save.
        generation: u64,
        /// The place of the first entry: 0, or what the last answer said.
        from: u32,
        /// The number of the page in the saved area.
        page: u32,
        /// Room for the page.
        memory: Extent,
    },
    /// Serve again. `replaced` says that the storage may be another one, with the same content.
    Resume {
        /// Nothing that was read before may be used.
        replaced: bool,
    },
}

/// Record pages of a closed chapter.
#[derive(Debug)]
pub struct Replay {
    /// The chapter.
    pub chapter: Chapter,
    /// The first page.
    pub page: Page,
    /// How many.
    pub pages: u32,
    /// The pages.
    pub memory: Extent,
    /// Comes back with the answer.
    pub ticket: u32,
}

/// What a zone has to know to begin.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// The volume.
    pub uuid: [u8; 16],
    /// The live chapters.
    pub window: Window,
    /// Images that count: those from the first to before the second.
    pub images: (Image, Image),
    /// Replayed records are kept beside the volume index until the segments that they belong to are read. If not, the
    /// volume index is empty and all chapters are replayed into it.
    pub lazily: bool,
}

/// From a zone to the keeper.
#[derive(Debug)]
pub enum ToKeeper {
    /// The answer to [`ToZone::Start`].
    Started,
    /// The answer to [`ToZone::Replay`].
    Replayed {
        /// The memory.
        memory: Extent,
        /// The ticket of the request.
        ticket: u32,
    },
    /// The answer to [`ToZone::Restore`].
    Restored {
        /// The memory.
        memory: Extent,
    },
    /// The zone has closed its share of this chapter.
    Closed {
        /// Which.
        chapter: Chapter,
        /// The zone's records.
        share: Arc<FrozenChapter>,
    },
    /// A hook has led to this old chapter, whose filters were not in the zone's sparse cache: the other zones take them
    /// too. A driver does not have the keeper tell them when the zone says so while a request is handed in: it delivers
    /// [`ToZone::Sparse`] itself, before it hands in any request that is to find names of that chapter.
    Sparse(Chapter),
    /// The answer to [`ToZone::Image`].
    Imaged {
        /// Which.
        image: Image,
        /// The image.
        memory: Extent,
        /// Blocks that it has.
        blocks: u32,
    },
    /// The answer to [`ToZone::Suspend`].
    AtRest,
    /// The answer to [`ToZone::Save`].
    Saved {
        /// The page.
        memory: Extent,
        /// Entries in it.
        entries: u32,
        /// Where to go on; none if there are no more behind them.
        next: Option<u32>,
    },
}
