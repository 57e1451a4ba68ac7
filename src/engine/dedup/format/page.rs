// SPDX-License-Identifier: GPL-2.0-only

//! A page in its place, or its image in the journal.

use super::header::{Header, Invalid, Kind, Place};
use super::layout::{Layout, PageKind};
use super::{map_page, pool_page, presence_page, Entry};
use crate::engine::block::Block;
use crate::engine::dedup::units::{Lsn, PageNumber};
use crate::engine::format::Checksum;

impl PageKind {
    /// The kind of block that such a page is.
    pub fn block_kind(self) -> Kind {
        match self {
            Self::Presence => Kind::Presence,
            Self::Map => Kind::Map,
            Self::Pool => Kind::Pool,
        }
    }
}

/// Completes a page for its place: everything up to `lsn` is in it.
pub fn seal(
    block: &mut Block,
    page: PageNumber,
    kind: PageKind,
    lsn: Lsn,
    place: Place,
    checksum: Checksum,
) {
    let header = Header {
        kind: kind.block_kind(),
        place,
        sequence: lsn.0,
        part: page.0,
        count: 0,
    };
    header.seal(block, checksum);
}

/// Checks a page that was read from its place.
///
/// # Errors
///
/// What is wrong with it.
pub fn open(
    block: &Block,
    page: PageNumber,
    layout: &Layout,
    uuid: [u8; 16],
    checksum: Checksum,
) -> Result<(), Invalid> {
    let kind = layout.page_kind(page).ok_or(Invalid::Field("page"))?;
    let place = Place {
        address: layout.page_address(page),
        uuid,
    };
    let header = Header::open(&block.0, kind.block_kind(), &place, checksum)?;
    if header.part != page.0 {
        return Err(Invalid::Sequence(header.part.into()));
    }
    check_payload(block, page, layout)
}

/// Checks what a page says, wherever it comes from.
///
/// # Errors
///
/// What cannot be.
pub fn check_payload(block: &Block, page: PageNumber, layout: &Layout) -> Result<(), Invalid> {
    let kind = layout.page_kind(page).ok_or(Invalid::Field("page"))?;
    let (is_right, what) = match kind {
        PageKind::Presence => (presence_page::is_consistent(block), "presence"),
        PageKind::Map => (entries_exist(block, layout), "entry"),
        PageKind::Pool => (blocks_exist(block, page, layout), "count"),
    };
    is_right.then_some(()).ok_or(Invalid::Field(what))
}

fn entries_exist(block: &Block, layout: &Layout) -> bool {
    map_page::entries(block).all(|entry| match entry {
        Some(Entry::Block(pbn)) => layout.pool_place(pbn).is_some(),
        Some(_) => true,
        None => false,
    })
}

/// Whether nothing is counted behind the last data block.
fn blocks_exist(block: &Block, page: PageNumber, layout: &Layout) -> bool {
    // CAST: at most 224.
    let exist = layout.pool_page_blocks(page) as usize;
    (exist..pool_page::BLOCKS as usize).all(|index| pool_page::count(block, index) == 0)
}
