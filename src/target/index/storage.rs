// SPDX-License-Identifier: GPL-2.0-only

//! The index's area of a device: the engine's I/O becomes bios.
//!
//! A bio owns the memory that it reads or writes until it ends. What is too long for one bio goes in parts, one after the other:
//! whoever asked sends the next one when it hears of the last.

use core::ops::Range;

use kernel::{
    prelude::*,
    sync::Arc, //
};

use crate::{
    dm::{
        Device,
        Status, //
    },
    engine::{
        index::{
            Extent,
            Io,
            IoKind, //
        },
        Block,
        ErrorClass,
        Token,
        SECTORS_PER_BLOCK, //
    },
    kern::{
        BioSet,
        OwnIo,
        PIECES_MAXIMUM, //
    },
};

use super::{
    mail::{
        Letter,
        Mail, //
    },
    zone::ZoneDriver,
    IndexUser, //
};

/// Bios that can always be had, with no memory free. More are in flight when there is memory.
const BIOS: u32 = 16;
/// Sectors of a block, as bios count them.
const SECTORS: u32 = SECTORS_PER_BLOCK as u32;

/// Where an index lies.
pub(super) struct Storage<U: IndexUser> {
    /// Dropped before the device that they go to.
    bios: BioSet<IndexBio<U>>,
    device: Arc<Device>,
    first_sector: u64,
}

/// Who asked for an I/O, and hears of its end.
pub(super) enum Owner<U: IndexUser> {
    /// A zone.
    Zone(Arc<ZoneDriver<U>>),
    /// The keeper.
    Keeper(Arc<Mail>),
}

/// An I/O of which some blocks are done.
#[derive(Clone, Copy)]
struct Progress {
    token: Token,
    kind: IoKind,
    done: u32,
}

/// A bio that has ended.
pub(super) struct Finished {
    progress: Progress,
    result: Result<(), ErrorClass>,
    memory: Option<Extent>,
}

/// An I/O that has ended, all of it.
pub(super) struct Done {
    /// The engine's name for it.
    pub(super) token: Token,
    /// How it ended.
    pub(super) result: Result<(), ErrorClass>,
    /// The memory that it carried.
    pub(super) memory: Option<Extent>,
}

/// The context of a bio.
struct IndexBio<U: IndexUser> {
    owner: Owner<U>,
    progress: Progress,
}

impl<U: IndexUser> Storage<U> {
    /// The area that begins at this sector.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new(device: Arc<Device>, first_sector: u64) -> Result<Self> {
        Ok(Self {
            bios: BioSet::new(BIOS)?,
            device,
            first_sector,
        })
    }

    /// Begins an I/O. May sleep until another one has ended.
    pub(super) fn begin(&self, owner: Owner<U>, io: Io) {
        let progress = Progress {
            token: io.token,
            kind: io.kind,
            done: 0,
        };
        self.send(owner, progress, io.memory);
    }

    /// Sends the next part of an I/O, or returns it when it has ended.
    pub(super) fn go_on(&self, owner: impl FnOnce() -> Owner<U>, finished: Finished) -> Option<Done> {
        let Finished {
            progress,
            result,
            memory,
        } = finished;
        if result.is_ok() && progress.rest() != 0 {
            self.send(owner(), progress, memory);
            return None;
        }
        Some(Done {
            token: progress.token,
            result,
            memory,
        })
    }

    /// Waits until no bio is in flight. Sleeps.
    pub(super) fn wait_idle(&self) {
        self.bios.wait_idle();
    }

    fn send(&self, owner: Owner<U>, progress: Progress, memory: Option<Extent>) {
        let within = progress.next_part();
        let sector = |block: u64| {
            let block = block.saturating_add(u64::from(progress.done));
            let sector = block.saturating_mul(SECTORS_PER_BLOCK);
            self.first_sector.saturating_add(sector)
        };
        let blocks = (within.end - within.start) / SECTORS;
        let context = IndexBio {
            owner,
            progress: Progress {
                done: progress.done.saturating_add(blocks),
                ..progress
            },
        };
        let (bios, device) = (&self.bios, &*self.device);
        match (progress.kind, memory) {
            (IoKind::Read { block, .. }, Some(memory)) => {
                bios.read(device, sector(block), memory, within, context);
            }
            (IoKind::Write { block, fua, .. }, Some(memory)) => {
                bios.write(device, sector(block), memory, within, fua, context);
            }
            (IoKind::Flush, _) => bios.flush(device, context),
            // Nothing that the engine asks for.
            (_, None) => context.completed(Status::INVALID, None),
        }
    }
}

impl Progress {
    fn rest(&self) -> u32 {
        match self.kind {
            IoKind::Read { blocks, .. } | IoKind::Write { blocks, .. } => {
                blocks.saturating_sub(self.done)
            }
            IoKind::Flush => 0,
        }
    }

    /// The sectors of the memory that the next bio carries.
    fn next_part(&self) -> Range<u32> {
        let blocks = self.rest().min(PIECES_MAXIMUM.into());
        let start = self.done.saturating_mul(SECTORS);
        start..start.saturating_add(blocks * SECTORS)
    }
}

impl<U: IndexUser> OwnIo for IndexBio<U> {
    type Buffer = Extent;

    fn pieces(buffer: &mut Extent) -> impl Iterator<Item = &mut [u8]> {
        buffer.blocks_mut().iter_mut().map(bytes_of)
    }

    fn completed(self, status: Status, buffer: Option<Extent>) {
        let finished = Finished {
            progress: self.progress,
            result: if status.is_ok() {
                Ok(())
            } else {
                Err(ErrorClass::Other(status.raw()))
            },
            memory: buffer,
        };
        match self.owner {
            Owner::Zone(zone) => ZoneDriver::finished(zone.as_arc_borrow(), finished),
            Owner::Keeper(mail) => mail.post(Letter::Finished(finished)),
        }
    }
}

fn bytes_of(block: &mut Block) -> &mut [u8] {
    &mut block.0
}
