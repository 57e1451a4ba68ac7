// SPDX-License-Identifier: GPL-2.0-only

//! The journal: the batch that is open, the one on its way, and how much of the ring is taken.

mod staging;

use super::action::{Io, IoKind, Out};
use super::format::{journal_block, Layout, Place, Record};
use super::settings::STEP_BLOCKS;
use super::token::Owner;
use super::units::{Batch, Leg, Lsn, PageNumber};
use crate::engine::block::{new_buffer, Block, Buffer};
use crate::engine::dedup::action::Action;
use crate::engine::format::Checksum;
use crate::engine::units::BLOCK_BYTES;
use kernel::alloc::{AllocError, Flags, KVec};
use staging::Staging;

/// How far the batch on its way has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// There is none.
    Idle,
    /// The data that its records point to is made durable.
    FlushingData,
    /// Its blocks are sent, and written.
    Writing,
    /// Its blocks are made durable.
    FlushingBlocks,
}

/// What one more step of a request has to wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Room {
    /// Nothing.
    Enough,
    /// Buffers: the open batch has to be committed.
    NoBuffers,
    /// The ring: a checkpoint has to end.
    RingFull,
}

/// What all blocks have in common.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) layout: Layout,
    pub(super) uuid: [u8; 16],
    pub(super) checksum: Checksum,
}

/// The journal.
pub(super) struct Journal {
    free: KVec<Buffer>,
    buffers: usize,
    open: Staging,
    closing: Staging,
    phase: Phase,
    /// Blocks or flushes of the batch on its way that have not ended.
    in_flight: usize,
    /// The number of the open batch.
    open_batch: Batch,
    /// The newest durable batch; the one on its way is the next, if there is one.
    durable: Batch,
    /// The LSN of the next batch's first block.
    next_lsn: Lsn,
    /// The last block of the newest durable batch.
    durable_lsn: Lsn,
    /// Where replay would begin: the ring is taken from here on.
    redo: Lsn,
    ring: u64,
    batches: u64,
}

impl Journal {
    pub(super) fn new(buffers: u32, ring: u64, flags: Flags) -> Result<Self, AllocError> {
        let buffers = usize::try_from(buffers).map_err(|_| AllocError)?;
        let mut free = KVec::with_capacity(buffers, flags)?;
        for _ in 0..buffers {
            free.push(new_buffer(flags)?, flags)?;
        }
        Ok(Self {
            free,
            buffers,
            open: Staging::new(buffers, flags)?,
            closing: Staging::new(buffers, flags)?,
            phase: Phase::Idle,
            in_flight: 0,
            open_batch: Batch(1),
            durable: Batch(1),
            next_lsn: Lsn::FIRST,
            durable_lsn: Lsn(0),
            redo: Lsn::FIRST,
            ring,
            batches: 0,
        })
    }

    /// Goes on at a block, with an empty ring. What was changed before belongs to the first batch, which is durable.
    pub(super) fn continue_at(&mut self, next: Lsn, durable: Lsn) {
        self.open_batch = self.durable.next();
        self.next_lsn = next;
        self.durable_lsn = durable;
        self.redo = next;
    }

    pub(super) fn memory_bytes(&self) -> u64 {
        (self.buffers * BLOCK_BYTES) as u64
    }

    /// The batch that a change made now belongs to.
    pub(super) fn open_batch(&self) -> Batch {
        self.open_batch
    }

    /// The newest durable batch.
    pub(super) fn durable(&self) -> Batch {
        self.durable
    }

    /// Everything up to this block is durable.
    pub(super) fn durable_lsn(&self) -> Lsn {
        self.durable_lsn
    }

    /// The block that the next batch begins with.
    pub(super) fn next_lsn(&self) -> Lsn {
        self.next_lsn
    }

    /// Batches that were committed.
    pub(super) fn batches(&self) -> u64 {
        self.batches
    }

    /// Blocks of the ring that are taken, without those of the open batch.
    pub(super) fn taken(&self) -> u64 {
        self.next_lsn.since(self.redo)
    }

    /// Everything up to this block was replayed.
    pub(super) fn replayed(&mut self, lsn: Lsn) {
        self.durable_lsn = lsn;
    }

    /// Everything before this block is in its place: the segments before it are free.
    pub(super) fn purge(&mut self, redo: Lsn) {
        self.redo = redo;
    }

    /// The batch that must be durable for everything done so far to be; none if it is.
    pub(super) fn newest(&self) -> Option<Batch> {
        if !self.open.is_empty() {
            Some(self.open_batch)
        } else {
            let is_closing = self.phase != Phase::Idle && !seeded!("dedup_closing_batch_ignored");
            is_closing.then(|| self.durable.next())
        }
    }

    /// Whether no batch is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.phase == Phase::Idle
    }

    /// Whether no I/O is under way.
    pub(super) fn is_quiet(&self) -> bool {
        self.in_flight == 0
    }

    /// Whether nothing was appended since the last batch was closed.
    pub(super) fn is_open_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether the open batch should not grow much more.
    pub(super) fn is_half_full(&self) -> bool {
        self.open.blocks() * 2 >= self.buffers
    }

    /// Whether there is room for one more step of a request. The open batch can always be committed.
    pub(super) fn room(&self) -> Room {
        let step = u64::from(STEP_BLOCKS);
        let after = self.taken() + self.open.blocks() as u64 + step;
        if after > self.ring && !seeded!("dedup_ring_overrun") {
            Room::RingFull
        } else if (self.free.len() as u64) < step {
            Room::NoBuffers
        } else {
            Room::Enough
        }
    }

    /// Lends a buffer out, while no batch needs it.
    pub(super) fn take_buffer(&mut self) -> Option<Buffer> {
        self.free.pop()
    }

    /// Takes a buffer back.
    pub(super) fn give_back(&mut self, buffer: Option<Buffer>) {
        if let Some(buffer) = buffer {
            // There is room for all that exist.
            let _ = self.free.push_within_capacity(buffer);
        }
    }

    /// Appends a record to the open batch. Fails only if nobody asked for room before.
    pub(super) fn append(&mut self, record: &Record) -> bool {
        if self.open.extend(record) || self.open.append(record) {
            return true;
        }
        let Some(buffer) = self.free.pop() else {
            return false;
        };
        self.open.start_block(buffer);
        self.open.append(record)
    }

    /// Appends the image of a page to the open batch. Fails only if nobody asked for room before.
    pub(super) fn append_image(&mut self, page: PageNumber, content: &Block) -> bool {
        let Some(mut buffer) = self.free.pop() else {
            return false;
        };
        buffer.0.copy_from_slice(&content.0);
        self.open.add_image(page, buffer);
        true
    }

    /// Closes the open batch, if there is something in it and no other is on its way.
    pub(super) fn close(&mut self) -> bool {
        if self.phase != Phase::Idle || self.open.is_empty() {
            return false;
        }
        core::mem::swap(&mut self.open, &mut self.closing);
        self.closing.first_lsn = self.next_lsn;
        self.next_lsn = self.next_lsn.after(self.closing.blocks() as u64);
        self.open_batch = self.open_batch.next();
        self.phase = Phase::FlushingData;
        true
    }

    /// Sends what can be sent. Returns whether the batch on its way became durable.
    pub(super) fn advance(&mut self, target: &Target, out: Out<'_>) -> bool {
        if self.phase == Phase::FlushingData && self.in_flight == 0 {
            if self.closing.stores_data && !self.closing.data_is_durable {
                self.closing.data_is_durable = true;
                if !seeded!("dedup_no_flush_before_commit") {
                    self.flush(out);
                    return false;
                }
            }
            self.phase = Phase::Writing;
            self.send(target, out);
            return false;
        }
        if self.phase == Phase::Writing && self.in_flight == 0 {
            if self.closing.blocks() > 1 && !seeded!("dedup_no_flush_behind_batch") {
                self.phase = Phase::FlushingBlocks;
                self.flush(out);
                return false;
            }
            return self.finish();
        }
        if self.phase == Phase::FlushingBlocks && self.in_flight == 0 {
            return self.finish();
        }
        false
    }

    fn flush(&mut self, out: Out<'_>) {
        self.in_flight += 1;
        out(Action::Io(Io {
            token: Owner::JournalFlush.token(),
            kind: IoKind::Flush { leg: Leg::Main },
            buffer: None,
        }));
    }

    fn send(&mut self, target: &Target, out: Out<'_>) {
        let fua = self.closing.blocks() == 1 && !seeded!("dedup_block_without_fua");
        let mut lsn = self.closing.first_lsn;
        while let Some((content, mut buffer)) = self.closing.next_block() {
            let place = Place {
                address: target.layout.journal_address(lsn),
                uuid: target.uuid,
            };
            // CAST: a batch has fewer blocks than there are buffers, at most 4096.
            let offset = lsn.since(self.closing.first_lsn) as u16;
            journal_block::seal(&mut buffer, content, lsn, offset, place, target.checksum);
            self.in_flight += 1;
            out(Action::Io(Io {
                token: Owner::Journal.token(),
                kind: IoKind::Write {
                    leg: Leg::Main,
                    block: place.address,
                    fua,
                },
                buffer: Some(buffer),
            }));
            lsn = lsn.after(1);
        }
    }

    /// An I/O has ended well or not; what it means is decided in [`advance`](Self::advance).
    pub(super) fn done(&mut self, buffer: Option<Buffer>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.give_back(buffer);
    }

    fn finish(&mut self) -> bool {
        self.durable_lsn = Lsn(self.next_lsn.0.saturating_sub(1));
        self.closing.clear();
        self.phase = Phase::Idle;
        self.durable = self.durable.next();
        self.batches = self.batches.wrapping_add(1);
        true
    }
}
