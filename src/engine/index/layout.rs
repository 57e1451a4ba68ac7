// SPDX-License-Identifier: GPL-2.0-only

//! Where the parts of an index lie: a function of its geometry.
//!
//! In this order: a superblock, the chapter table, the saved open chapters, the images of segments, the chapters,
//! and the second superblock. Addresses count blocks of 4 KiB from the beginning of the index.

use super::geometry::Geometry;
use super::units::{Chapter, Image, Page, Segment};

/// Where the parts of one index lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    /// Blocks of the whole index.
    pub blocks: u64,
    /// The first block of the saved open chapters: their header.
    pub save: u64,
    /// Blocks of that area.
    pub save_blocks: u64,
    table: u64,
    images: u64,
    chapters: u64,
    slots: u64,
    header_blocks: u32,
    page_blocks: u32,
    filter_blocks: u32,
    image_blocks: u32,
    image_slots: u64,
    segments: u32,
}

impl Layout {
    /// The places that follow from a geometry.
    pub fn new(geometry: &Geometry) -> Self {
        let table = 1;
        let save = table + geometry.slots * u64::from(geometry.header_blocks);
        let images = save + geometry.save_blocks;
        let chapters = images + geometry.image_slots * u64::from(geometry.image_blocks);
        let chapter_blocks = u64::from(geometry.page_blocks) + u64::from(geometry.filter_blocks);
        Self {
            blocks: chapters + geometry.slots * chapter_blocks + 1,
            save,
            save_blocks: geometry.save_blocks,
            table,
            images,
            chapters,
            slots: geometry.slots,
            header_blocks: geometry.header_blocks,
            page_blocks: geometry.page_blocks,
            filter_blocks: geometry.filter_blocks,
            image_blocks: geometry.image_blocks,
            image_slots: geometry.image_slots,
            segments: geometry.index.segments(),
        }
    }

    /// Most record pages of a chapter.
    pub fn page_blocks(&self) -> u32 {
        self.page_blocks
    }

    /// Most blocks of an image.
    pub fn image_blocks(&self) -> u32 {
        self.image_blocks
    }

    /// The superblocks: the first and the last block.
    pub fn superblocks(&self) -> [u64; 2] {
        [0, self.blocks - 1]
    }

    /// The first block of the chapter table, and its blocks.
    pub fn table(&self) -> (u64, u64) {
        (self.table, self.slots * u64::from(self.header_blocks))
    }

    /// Part `part` of a chapter's header; none if it has no such part.
    pub fn header(&self, chapter: Chapter, part: u32) -> Option<u64> {
        let first = self.table + chapter.slot(self.slots) * u64::from(self.header_blocks);
        (part < self.header_blocks).then(|| first + u64::from(part))
    }

    /// A record page of a chapter; none if it has no such page.
    pub fn page(&self, chapter: Chapter, page: Page) -> Option<u64> {
        (page.0 < self.page_blocks).then(|| self.chapter(chapter) + u64::from(page.0))
    }

    /// Filter page `index` of a chapter; none if it has no such page.
    pub fn filter(&self, chapter: Chapter, index: u32) -> Option<u64> {
        (index < self.filter_blocks)
            .then(|| self.chapter(chapter) + u64::from(self.page_blocks) + u64::from(index))
    }

    /// Saved page `index`, counted from 0 behind the header; none if there is no such page.
    pub fn saved_page(&self, index: u64) -> Option<u64> {
        (index < self.save_blocks - 1).then(|| self.save + 1 + index)
    }

    /// The first block of an image.
    pub fn image(&self, image: Image) -> u64 {
        let slot = image.0.checked_rem(self.image_slots).unwrap_or(0);
        self.images + slot * u64::from(self.image_blocks)
    }

    /// The segment that an image holds.
    pub fn segment(&self, image: Image) -> Segment {
        // CAST: below the number of segments.
        Segment(image.0.checked_rem(u64::from(self.segments)).unwrap_or(0) as u32)
    }

    /// The newest image of a segment among those numbered below `images`; none if it has none yet.
    pub fn newest_image(&self, segment: Segment, images: u64) -> Option<Image> {
        let behind = images.checked_sub(u64::from(segment.0) + 1)?;
        let rounds = behind.checked_div(u64::from(self.segments))?;
        Some(Image(
            rounds * u64::from(self.segments) + u64::from(segment.0),
        ))
    }

    fn chapter(&self, chapter: Chapter) -> u64 {
        let blocks = u64::from(self.page_blocks) + u64::from(self.filter_blocks);
        self.chapters + chapter.slot(self.slots) * blocks
    }
}
