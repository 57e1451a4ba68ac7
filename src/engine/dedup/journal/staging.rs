// SPDX-License-Identifier: GPL-2.0-only

//! The blocks of a batch in memory: images first, then records.

use crate::engine::block::Buffer;
use crate::engine::dedup::format::journal_block::{self, Content};
use crate::engine::dedup::format::Record;
use crate::engine::dedup::units::{Lsn, PageNumber};
use kernel::alloc::{AllocError, Flags, KVec};

struct Staged {
    content: Content,
    /// Away once it was sent.
    buffer: Option<Buffer>,
}

/// The last record, if it is a range that may grow.
#[derive(Clone, Copy)]
struct LastRange {
    record: Record,
    at: usize,
}

/// The blocks of a batch.
pub(super) struct Staging {
    images: KVec<Staged>,
    records: KVec<Staged>,
    /// Bytes of records in the last block.
    length: usize,
    last_range: Option<LastRange>,
    sent: usize,
    /// The LSN of the first block, once the batch is closed.
    pub(super) first_lsn: Lsn,
    /// Some record points to data that was written for it.
    pub(super) stores_data: bool,
    /// That data was flushed.
    pub(super) data_is_durable: bool,
}

impl Staging {
    /// Room for so many blocks.
    pub(super) fn new(blocks: usize, flags: Flags) -> Result<Self, AllocError> {
        Ok(Self {
            images: KVec::with_capacity(blocks, flags)?,
            records: KVec::with_capacity(blocks, flags)?,
            length: 0,
            last_range: None,
            sent: 0,
            first_lsn: Lsn(0),
            stores_data: false,
            data_is_durable: false,
        })
    }

    pub(super) fn blocks(&self) -> usize {
        self.images.len() + self.records.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.blocks() == 0
    }

    pub(super) fn clear(&mut self) {
        self.images.clear();
        self.records.clear();
        self.length = 0;
        self.last_range = None;
        self.sent = 0;
        self.stores_data = false;
        self.data_is_durable = false;
    }

    pub(super) fn add_image(&mut self, page: PageNumber, buffer: Buffer) {
        // There is room for as many blocks as there are buffers.
        let _ = self.images.push_within_capacity(Staged {
            content: Content::Image(page),
            buffer: Some(buffer),
        });
    }

    /// Begins another block of records.
    pub(super) fn start_block(&mut self, mut buffer: Buffer) {
        buffer.0.fill(0);
        self.length = 0;
        self.last_range = None;
        // There is room for as many blocks as there are buffers.
        let _ = self.records.push_within_capacity(Staged {
            content: Content::Records(0),
            buffer: Some(buffer),
        });
    }

    /// Appends a record to the last block, if it has room.
    pub(super) fn append(&mut self, record: &Record) -> bool {
        let at = self.length;
        let Some(staged) = self.records.last_mut() else {
            return false;
        };
        let (Content::Records(count), Some(buffer)) = (&mut staged.content, &mut staged.buffer)
        else {
            return false;
        };
        let Some(length) = journal_block::append(buffer, at, record) else {
            return false;
        };
        *count = count.saturating_add(1);
        self.length = length;
        self.stores_data |= matches!(record, Record::Store { .. });
        self.last_range = matches!(record, Record::Range { .. }).then_some(LastRange {
            record: *record,
            at,
        });
        true
    }

    /// Lets the last record grow by a range that follows it, if it is of the same kind.
    pub(super) fn extend(&mut self, record: &Record) -> bool {
        let Some(LastRange {
            record:
                Record::Range {
                    lbn: first,
                    blocks: before,
                    entry: last,
                },
            at,
        }) = self.last_range
        else {
            return false;
        };
        let Record::Range { lbn, blocks, entry } = *record else {
            return false;
        };
        if entry != last || first.0.checked_add(before) != Some(lbn.0) {
            return false;
        }
        let longer = Record::Range {
            lbn: first,
            blocks: before.saturating_add(blocks),
            entry,
        };
        let buffer = self
            .records
            .last_mut()
            .and_then(|last| last.buffer.as_mut());
        if buffer.is_none_or(|buffer| journal_block::append(buffer, at, &longer).is_none()) {
            return false;
        }
        self.last_range = Some(LastRange { record: longer, at });
        true
    }

    /// The next block to be sent.
    pub(super) fn next_block(&mut self) -> Option<(Content, Buffer)> {
        let images = self.images.len();
        let staged = if self.sent < images {
            self.images.get_mut(self.sent)
        } else {
            self.records.get_mut(self.sent - images)
        }?;
        self.sent += 1;
        Some((staged.content, staged.buffer.take()?))
    }
}
