// SPDX-License-Identifier: GPL-2.0-only

//! Whether the entries of open chapters were saved when the index was stopped.
//!
//! The header is written behind the pages that it speaks of. It is discarded, durably, before the next chapter is
//! written: from then on what was saved may be older than what is in a chapter.

use super::header::{Header, Invalid, Kind, Place, HEADER_BYTES};
use super::saved_page::ENTRIES_PER_PAGE;
use crate::engine::block::Block;
use crate::engine::format::bytes::{get_u64, put};
use crate::engine::format::Checksum;
use crate::engine::index::layout::Layout;
use crate::engine::index::units::Chapter;

/// What was saved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Saved {
    /// The chapter that was open.
    pub chapter: Chapter,
    /// Entries on the pages that follow.
    pub entries: u64,
    /// Pages that follow; the last one of each zone need not be full.
    pub pages: u64,
}

/// The header of the area of saved open chapters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SaveHeader {
    /// Counts saves: pages of an earlier one are not mistaken for those of this one.
    pub generation: u64,
    /// What was saved; none if it was discarded.
    pub saved: Option<Saved>,
}

impl SaveHeader {
    /// Fills a block with the header.
    pub fn encode(&self, place: Place, block: &mut Block, checksum: Checksum) {
        block.0.fill(0);
        if let Some(saved) = self.saved {
            put(&mut block.0, HEADER_BYTES, &saved.chapter.0.to_le_bytes());
            put(&mut block.0, 56, &saved.entries.to_le_bytes());
            put(&mut block.0, 64, &saved.pages.to_le_bytes());
        }
        let header = Header {
            kind: Kind::SaveHeader,
            place,
            sequence: self.generation,
            part: 0,
            count: u16::from(self.saved.is_some()),
        };
        header.seal(block, checksum);
    }

    /// Reads the header, which was read from `place`.
    ///
    /// # Errors
    ///
    /// As [`Header::open`], and if what it says cannot be true of this index.
    pub fn decode(
        bytes: &[u8],
        place: &Place,
        layout: &Layout,
        checksum: Checksum,
    ) -> Result<Self, Invalid> {
        let header = Header::open(bytes, Kind::SaveHeader, place, checksum)?;
        let saved = Saved {
            chapter: Chapter(get_u64(bytes, HEADER_BYTES)),
            entries: get_u64(bytes, 56),
            pages: get_u64(bytes, 64),
        };
        let saved = match header.count {
            0 => None,
            1 if saved.pages >= layout.save_blocks => {
                return Err(Invalid::Field("number of pages"));
            }
            1 if saved.entries.div_ceil(ENTRIES_PER_PAGE as u64) > saved.pages => {
                return Err(Invalid::Field("number of entries"));
            }
            1 if !(Chapter::FIRST.0..Chapter::LIMIT).contains(&saved.chapter.0) => {
                return Err(Invalid::Field("chapter"));
            }
            1 => Some(saved),
            _ => return Err(Invalid::Field("state")),
        };
        Ok(Self {
            generation: header.sequence,
            saved,
        })
    }
}
