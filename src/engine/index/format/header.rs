// SPDX-License-Identifier: GPL-2.0-only

//! What a block of an index is.

use crate::engine::format::block_header::{BlockHeader, BlockKind};

pub use crate::engine::format::block_header::{Invalid, Place, HEADER_BYTES};

/// What every block of an index says about itself. The sequence number is that of the chapter, the image or the save; of
/// superblocks the generation. Parts are counted from 0.
pub type Header = BlockHeader<Kind>;

/// What a block is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Describes the index; two copies.
    Superblock,
    /// A part of a chapter's header.
    ChapterPart,
    /// Records of a chapter.
    RecordPage,
    /// Filters of some record pages of a chapter.
    FilterPage,
    /// A part of a segment's image.
    ImageBlock,
    /// Says whether open chapters are saved.
    SaveHeader,
    /// Entries of a saved open chapter.
    SavedPage,
}

impl BlockKind for Kind {
    const MAGIC: [u8; 4] = *b"dsix";
    const VERSION: u8 = 1;
    const ALL: &'static [Self] = &[
        Self::Superblock,
        Self::ChapterPart,
        Self::RecordPage,
        Self::FilterPage,
        Self::ImageBlock,
        Self::SaveHeader,
        Self::SavedPage,
    ];

    fn code(self) -> u8 {
        match self {
            Self::Superblock => 1,
            Self::ChapterPart => 2,
            Self::RecordPage => 3,
            Self::FilterPage => 4,
            Self::ImageBlock => 5,
            Self::SaveHeader => 6,
            Self::SavedPage => 7,
        }
    }
}
