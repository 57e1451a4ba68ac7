// SPDX-License-Identifier: GPL-2.0-only

//! What a metadata block of a deduplicated volume is.

use crate::engine::format::block_header::{BlockHeader, BlockKind};

pub use crate::engine::format::block_header::{Invalid, Place, HEADER_BYTES};

/// What every metadata block of a volume says about itself.
///
/// | kind | `sequence` | `part` | `count` |
/// |---|---|---|---|
/// | superblock | 0 | the leg | 0 |
/// | checkpoint | its number | the leg | 0 |
/// | page | the LSN up to which everything is in it | the page | 0 |
/// | records | its LSN | blocks of the same batch before this one | how many |
/// | image | its LSN | the page | blocks of the same batch before this one |
pub type Header = BlockHeader<Kind>;

/// What a block is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// What the volume is.
    Superblock,
    /// Where replay begins.
    Checkpoint,
    /// Which map and pool pages are present, and which pool pages are full.
    Presence,
    /// Entries of consecutive blocks of the volume.
    Map,
    /// Counts and fingerprints of consecutive data blocks.
    Pool,
    /// Records of the journal.
    Records,
    /// A page, in the journal.
    Image,
}

impl BlockKind for Kind {
    const MAGIC: [u8; 4] = *b"dspd";
    const VERSION: u8 = 1;
    const ALL: &'static [Self] = &[
        Self::Superblock,
        Self::Checkpoint,
        Self::Presence,
        Self::Map,
        Self::Pool,
        Self::Records,
        Self::Image,
    ];

    fn code(self) -> u8 {
        match self {
            Self::Superblock => 1,
            Self::Checkpoint => 2,
            Self::Presence => 3,
            Self::Map => 4,
            Self::Pool => 5,
            Self::Records => 6,
            Self::Image => 7,
        }
    }
}
