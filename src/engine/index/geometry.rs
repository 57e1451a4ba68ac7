// SPDX-License-Identifier: GPL-2.0-only

//! How large every part of an index is: a function of a few parameters, which follow from the size that the user
//! names.

mod size;

pub use size::MemorySize;

use super::format::{
    chapter_part::BOUNDS_PER_PART, filter_page::FILTERS_PER_PAGE,
    image_block::PAYLOAD_BYTES as IMAGE_PAYLOAD_BYTES, record_page::RECORDS_PER_PAGE,
    saved_page::ENTRIES_PER_PAGE,
};
use super::open_chapter;
use super::units::{Chapter, Window};
use super::volume_index::{Shape, BUCKET_BITS_MAXIMUM};
use super::zones::ZONES_MAXIMUM;
use crate::engine::units::BLOCK_BYTES;

/// Chapters of a dense index, and chapters within which every segment's image is written once, of a dense index and of
/// a sparse one.
///
/// With the open chapter, the one that is written, and those whose entries have not been swept out of the volume index,
/// as many as are within one round of images, the live ones fit into a chapter code of few bits: 10 bits of a dense
/// index. After a crash one round is replayed.
#[derive(Clone, Copy)]
struct Rounds {
    chapters: u32,
    dense: u32,
    sparse: u32,
}

/// From [`LARGE_MEBIBYTES`] on.
const LARGE: Rounds = Rounds {
    chapters: 960,
    dense: 40,
    sparse: 28,
};
/// A header of a chapter takes a block, however few pages the chapter has: a small index has fewer chapters, so that
/// little is read after a crash.
const SMALL: Rounds = Rounds {
    chapters: 480,
    dense: 15,
    sparse: 14,
};
/// MiB of memory of the first size that is not small.
const LARGE_MEBIBYTES: u32 = 64;
/// A sparse index has so many times the chapters of a dense one.
const SPARSE_FACTOR: u32 = 10;
/// Of these, so many of a hundred are sparse, as in UDS.
const SPARSE_PERCENT: u32 = 95;
/// Records of a MiB of memory, as in UDS.
const RECORDS_PER_MEBIBYTE: u64 = 1 << 18;
/// One name in so many is a hook.
const HOOK_INTERVAL: u64 = 32;
/// Pages of a chapter beyond those that its records fill: records of equal prefixes that would straddle two pages
/// go to the second, which leaves a gap on the first.
const SPARE_PAGES: u32 = 1;
/// Image slots beyond those that the newest image of each segment and those of one chapter need.
const SPARE_IMAGES: u64 = 8;
/// The page cache holds the pages of so many chapters.
const CACHED_CHAPTERS: u64 = 3;
/// The sparse cache holds the filters of so many chapters, as in UDS.
pub const SPARSE_CACHE_CHAPTERS: u64 = 7;
/// Blocks that the chapter writer has for record pages.
pub const WRITER_BLOCKS: u64 = 16;

/// What the parts of an index follow from; recorded in its superblock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parameters {
    /// Record pages that a full chapter fills.
    pub pages: u32,
    /// Live chapters of which every name is found.
    pub dense_chapters: u32,
    /// Older chapters of which only hooks are indexed; 0 makes a dense index.
    pub sparse_chapters: u32,
    /// Chapters within which every segment's image is written once.
    pub checkpoint_chapters: u32,
    /// Buckets of a segment: two to the power of this.
    pub bucket_bits: u32,
}

impl Parameters {
    /// The parameters of an index that uses at most the memory named.
    pub fn of_size(size: MemorySize, sparse: bool) -> Self {
        let rounds = if size.mebibytes() < LARGE_MEBIBYTES {
            SMALL
        } else {
            LARGE
        };
        let records = u64::from(size.mebibytes()) * RECORDS_PER_MEBIBYTE;
        let pages = records.div_ceil(u64::from(rounds.chapters) * RECORDS_PER_PAGE as u64);
        let all = rounds.chapters * SPARSE_FACTOR;
        let sparse_chapters = if sparse {
            all * SPARSE_PERCENT / 100
        } else {
            0
        };
        Self {
            // CAST: at most 2^28 records a chapter.
            pages: pages as u32,
            dense_chapters: if sparse {
                all - sparse_chapters
            } else {
                rounds.chapters
            },
            sparse_chapters,
            checkpoint_chapters: if sparse { rounds.sparse } else { rounds.dense },
            bucket_bits: BUCKET_BITS_MAXIMUM,
        }
    }

    /// Whether nothing that follows from the parameters overflows or is empty.
    fn are_sound(&self) -> bool {
        (1..=1 << 21).contains(&self.pages)
            && (1..=1 << 12).contains(&self.dense_chapters)
            && self.sparse_chapters <= 1 << 15
            && (1..=1 << 12).contains(&self.checkpoint_chapters)
            && (1..=BUCKET_BITS_MAXIMUM).contains(&self.bucket_bits)
    }
}

/// How large every part of an index is. The fields follow from the parameters and are not changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Geometry {
    /// What all the rest follows from.
    pub parameters: Parameters,
    /// Live chapters, dense and sparse.
    pub chapters: u64,
    /// Places for chapters on the disk: one more than are live, so that none is overwritten while it is.
    pub slots: u64,
    /// Records of a full chapter.
    pub chapter_records: u64,
    /// Blocks for the record pages of a chapter.
    pub page_blocks: u32,
    /// Blocks for the filters of a chapter; none of a dense index.
    pub filter_blocks: u32,
    /// Blocks for the header of a chapter, with the bounds of its pages.
    pub header_blocks: u32,
    /// The volume index: of all names, or of a sparse index the names of dense chapters that are no hooks.
    pub index: Shape,
    /// The volume index of the hooks of a sparse index. It has as many segments as the other.
    pub hooks: Option<Shape>,
    /// Blocks for the image of one segment.
    pub image_blocks: u32,
    /// Images written with each chapter.
    pub chapter_images: u64,
    /// Places for images on the disk.
    pub image_slots: u64,
    /// Blocks for the names of open chapters when the index is stopped.
    pub save_blocks: u64,
    /// Pages of the page cache of all zones together.
    pub cache_pages: u64,
}

impl Geometry {
    /// What follows from the parameters; none if they make no index.
    pub fn new(parameters: Parameters) -> Option<Self> {
        if !parameters.are_sound() {
            return None;
        }
        let chapter_records = u64::from(parameters.pages) * RECORDS_PER_PAGE as u64;
        let chapters = u64::from(parameters.dense_chapters) + u64::from(parameters.sparse_chapters);
        let is_sparse = parameters.sparse_chapters != 0;
        let page_blocks = parameters.pages + SPARE_PAGES;
        let (index, hooks) = shapes(&parameters, chapter_records, chapters)?;
        let segments = u64::from(index.segments());
        let image_bytes = index.image_bytes() + hooks.map_or(0, |hooks| hooks.image_bytes());
        let chapter_images = segments.div_ceil(u64::from(parameters.checkpoint_chapters).max(1));
        Some(Self {
            parameters,
            chapters,
            slots: chapters + 1,
            chapter_records,
            page_blocks,
            filter_blocks: if is_sparse {
                page_blocks.div_ceil(FILTERS_PER_PAGE as u32)
            } else {
                0
            },
            header_blocks: page_blocks.div_ceil(BOUNDS_PER_PART as u32),
            index,
            hooks,
            // CAST: a segment has at most 2^10 buckets of a cache line, in each of two indexes.
            image_blocks: image_bytes.div_ceil(IMAGE_PAYLOAD_BYTES) as u32,
            chapter_images,
            image_slots: segments + chapter_images + SPARE_IMAGES,
            // The last page of each zone need not be full.
            save_blocks: chapter_records.div_ceil(ENTRIES_PER_PAGE as u64)
                + u64::from(ZONES_MAXIMUM),
            cache_pages: CACHED_CHAPTERS * u64::from(parameters.pages),
        })
    }

    /// The geometry of a size that a user names.
    pub fn of_size(size: MemorySize, sparse: bool) -> Option<Self> {
        Self::new(Parameters::of_size(size, sparse))
    }

    /// Whether old chapters are sparse.
    pub fn is_sparse(&self) -> bool {
        self.parameters.sparse_chapters != 0
    }

    /// Records of a full index.
    pub fn records(&self) -> u64 {
        self.chapter_records * self.chapters
    }

    /// Records of one zone's share of a chapter.
    pub fn zone_records(&self, zones: u32) -> u64 {
        self.chapter_records / u64::from(zones.max(1))
    }

    /// The oldest chapter that is live when `newest` is the newest that is closed.
    pub fn oldest(&self, newest: Chapter) -> Chapter {
        Chapter((newest.0.saturating_sub(self.chapters) + 1).max(Chapter::FIRST.0))
    }

    /// Whether a chapter is live in this window and so old that only its hooks are indexed.
    pub fn is_sparse_chapter(&self, window: &Window, chapter: Chapter) -> bool {
        let age = window.newest.0.saturating_sub(chapter.0);
        self.is_sparse()
            && window.contains(chapter)
            && age >= u64::from(self.parameters.dense_chapters)
    }

    /// Bytes of memory of a full index in one zone, everything counted.
    pub fn memory_bytes(&self) -> u64 {
        let block = BLOCK_BYTES as u64;
        let filters = u64::from(self.filter_blocks) * SPARSE_CACHE_CHAPTERS;
        let blocks = self.cache_pages
            + filters
            + WRITER_BLOCKS
            + u64::from(self.header_blocks)
            + u64::from(self.image_blocks);
        index_bytes(&self.index)
            + self.hooks.map_or(0, |hooks| index_bytes(&hooks))
            + 2 * open_chapter::memory_bytes(self.chapter_records)
            + self.slots * u64::from(self.page_blocks) * 4
            + blocks * block
    }

    /// Blocks of 4 KiB on the disk.
    pub fn disk_blocks(&self) -> u64 {
        super::layout::Layout::new(self).blocks
    }
}

/// Bytes of the segments of an index, each grown to its final size.
fn index_bytes(shape: &Shape) -> u64 {
    u64::from(shape.segments()) * shape.segment_bytes() as u64
}

/// The shapes of the volume index and of that of the hooks.
fn shapes(
    parameters: &Parameters,
    chapter_records: u64,
    chapters: u64,
) -> Option<(Shape, Option<Shape>)> {
    let bucket_bits = parameters.bucket_bits;
    // The open chapter, the one that is written, and those not yet swept out.
    let unswept = u64::from(parameters.checkpoint_chapters) + 2;
    let code_bits = |live: u64| (live + unswept).next_power_of_two().trailing_zeros();
    let dense = u64::from(parameters.dense_chapters);
    let all_dense = chapter_records * dense;
    let is_sparse = parameters.sparse_chapters != 0;
    let records = if is_sparse {
        all_dense - all_dense / HOOK_INTERVAL
    } else {
        all_dense
    };
    let index = Shape::new(records, code_bits(dense), bucket_bits)?;
    if !is_sparse {
        return Some((index, None));
    }
    let hooks = (chapter_records * chapters).div_ceil(HOOK_INTERVAL);
    let code = code_bits(chapters);
    let fewest = Shape::new(hooks, code, bucket_bits)?;
    // So that a zone owns the same segments of both.
    let segments = u64::from(index.segments().max(fewest.segments()));
    let with_segments =
        |shape: &Shape, code| Shape::new(segments * shape.segment_records(), code, bucket_bits);
    let index = with_segments(&index, code_bits(dense))?;
    let hooks = with_segments(&fewest, code)?;
    Some((index, Some(hooks)))
}
