// SPDX-License-Identifier: GPL-2.0-only

//! What a journal says: what a block of the volume, or a page, is from now on.

use super::layout::Layout;
use super::{get_u40, put_u40, Entry, NUMBER_LIMIT};
use crate::engine::dedup::units::{Fingerprint, Lbn, PageNumber, Pbn};
use crate::engine::format::bytes::{get_u32, get_u8, get_uuid, put};

/// Bytes of the longest record.
pub const RECORD_BYTES_MAXIMUM: usize = 27;

const KIND_STORE: u8 = 1;
const KIND_SHARE: u8 = 2;
const KIND_RANGE: u8 = 3;
const KIND_BIRTH: u8 = 4;

/// A record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Record {
    /// A block of the volume is this data block, which was free.
    Store {
        /// The block of the volume.
        lbn: Lbn,
        /// The data block.
        pbn: Pbn,
        /// Its fingerprint from now on.
        fingerprint: Fingerprint,
    },
    /// A block of the volume is this data block, which others are too.
    Share {
        /// The block of the volume.
        lbn: Lbn,
        /// The data block.
        pbn: Pbn,
    },
    /// Blocks of the volume have no data block.
    Range {
        /// The first.
        lbn: Lbn,
        /// How many, at least one.
        blocks: u64,
        /// What they are; never a data block.
        entry: Entry,
    },
    /// A page is present, and empty.
    Birth {
        /// Which.
        page: PageNumber,
    },
}

impl Record {
    /// Bytes of the record.
    pub fn length(&self) -> usize {
        match self {
            Self::Store { .. } => RECORD_BYTES_MAXIMUM,
            Self::Share { .. } => 11,
            Self::Range { .. } => 12,
            Self::Birth { .. } => 5,
        }
    }

    /// Writes the record to its first [`length`](Self::length) bytes.
    pub fn pack(&self, bytes: &mut [u8]) {
        match *self {
            Self::Store {
                lbn,
                pbn,
                fingerprint,
            } => {
                put(bytes, 0, &[KIND_STORE]);
                put_u40(bytes, 1, lbn.0);
                put_u40(bytes, 6, pbn.0);
                put(bytes, 11, &fingerprint.0);
            }
            Self::Share { lbn, pbn } => {
                put(bytes, 0, &[KIND_SHARE]);
                put_u40(bytes, 1, lbn.0);
                put_u40(bytes, 6, pbn.0);
            }
            Self::Range { lbn, blocks, entry } => {
                // CAST: entries without a data block are below 3.
                put(bytes, 0, &[KIND_RANGE, entry.number() as u8]);
                put_u40(bytes, 2, lbn.0);
                put_u40(bytes, 7, blocks);
            }
            Self::Birth { page } => {
                put(bytes, 0, &[KIND_BIRTH]);
                put(bytes, 1, &page.0.to_le_bytes());
            }
        }
    }

    /// Reads the record at the beginning of `bytes`; none if there is none that is whole.
    pub fn unpack(bytes: &[u8]) -> Option<Self> {
        let record = match get_u8(bytes, 0) {
            KIND_STORE => Self::Store {
                lbn: Lbn(get_u40(bytes, 1)),
                pbn: Pbn(get_u40(bytes, 6)),
                fingerprint: Fingerprint(get_uuid(bytes, 11)),
            },
            KIND_SHARE => Self::Share {
                lbn: Lbn(get_u40(bytes, 1)),
                pbn: Pbn(get_u40(bytes, 6)),
            },
            KIND_RANGE => Self::Range {
                lbn: Lbn(get_u40(bytes, 2)),
                blocks: get_u40(bytes, 7),
                entry: Entry::from_number(get_u8(bytes, 1).into())
                    .filter(|entry| entry.block().is_none())?,
            },
            KIND_BIRTH => Self::Birth {
                page: PageNumber(get_u32(bytes, 1)),
            },
            _ => return None,
        };
        (bytes.len() >= record.length()).then_some(record)
    }

    /// Whether everything that it speaks of exists.
    pub fn exists(&self, layout: &Layout) -> bool {
        match *self {
            Self::Store { lbn, pbn, .. } | Self::Share { lbn, pbn } => {
                layout.map_place(lbn).is_some() && layout.pool_place(pbn).is_some()
            }
            Self::Range { lbn, blocks, .. } => {
                let end = lbn.0.saturating_add(blocks);
                blocks > 0 && blocks < NUMBER_LIMIT && end <= layout.geometry.logical_blocks
            }
            Self::Birth { page } => layout.page_kind(page).is_some(),
        }
    }
}
