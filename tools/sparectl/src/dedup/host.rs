// SPDX-License-Identifier: GPL-2.0-only

//! The kernel module's own engine of dedup mode, run here on two legs: formatting and recovery are its work, and therefore
//! the same as the module's.

use crate::failure::Failure;
use crate::storage::Storage;
use dm_spare_engine::dedup::format::superblock::Method;
use dm_spare_engine::dedup::format::{Geometry, Layout};
use dm_spare_engine::dedup::{
    Action, Activation, Event, Io, IoKind, Leg, Refusal, Settings, SettingsError, Status, Volume,
};
use dm_spare_engine::{ErrorClass, SECTORS_PER_BLOCK};
use kernel::alloc::flags::GFP_KERNEL;
use std::collections::VecDeque;

/// Fewest and most pages of map and pool in memory: all, as long as they are not more than 32 MiB.
const CACHE_PAGES: (u64, u64) = (16, 8192);
/// Most buffers of the journal.
const JOURNAL_BUFFERS: u64 = 256;
/// Pages that are written back at once.
const WRITE_BUFFERS: u32 = 64;

/// An engine and the legs that it works on.
pub struct Host<'a> {
    volume: Volume,
    main: &'a mut dyn Storage,
    spare: &'a mut dyn Storage,
}

/// The answers that the engine gave while it ran.
#[derive(Default)]
struct Answers {
    activated: Option<Result<Activation, Refusal>>,
    suspended: Option<bool>,
}

/// What the engine is told of a volume; what does not belong to the volume is chosen here.
pub fn settings(geometry: Geometry, spare_blocks: u64) -> Settings {
    let pages = Layout::new(geometry).map_or(0, |layout| layout.pages());
    Settings {
        geometry,
        spare_blocks,
        method: Method::Fast,
        trusts_fingerprints: false,
        checks_reads: false,
        // CAST: a few thousand.
        cache_pages: pages.clamp(CACHE_PAGES.0, CACHE_PAGES.1) as u32,
        operations: 1,
        // CAST: at most 256.
        journal_buffers: (geometry.journal_blocks / 2).min(JOURNAL_BUFFERS) as u32,
        write_buffers: WRITE_BUFFERS,
        first_pool_page: 0,
    }
}

impl<'a> Host<'a> {
    /// An engine that has not looked at its legs yet.
    ///
    /// # Errors
    ///
    /// Sizes that no volume can have, or too little memory.
    pub fn new(
        geometry: Geometry,
        spare_blocks: u64,
        main: &'a mut dyn Storage,
        spare: &'a mut dyn Storage,
    ) -> Result<Self, Failure> {
        let settings = settings(geometry, spare_blocks);
        let volume = Volume::new(settings, None, crc32c::crc32c, GFP_KERNEL).map_err(|error| {
            Failure::new(match error {
                SettingsError::Memory => "there is too little memory for the volume: free some".to_owned(),
                SettingsError::Geometry | SettingsError::Range => format!(
                    "no volume has these sizes: {geometry:?} and a spare of {spare_blocks} blocks; take other devices or options"
                ),
            })
        })?;
        Ok(Self {
            volume,
            main,
            spare,
        })
    }

    /// Brings the volume into service: replays its journal, or formats blank legs. `uuid` and `secret` become the
    /// volume's in the latter case.
    ///
    /// # Errors
    ///
    /// The engine's own refusal.
    pub fn activate(&mut self, uuid: [u8; 16], secret: [u8; 16]) -> Result<Activation, Refusal> {
        let answers = self.tell(Event::Activate {
            uuid_if_formatting: uuid,
            secret_if_formatting: secret,
        });
        // The engine answers every activation once all its I/O has ended; a missing answer would be a read that it
        // never got.
        answers.activated.unwrap_or(Err(Refusal::Unreadable))
    }

    /// Brings the volume to rest; true if everything is in its place, and marked so.
    pub fn rest(&mut self) -> bool {
        self.tell(Event::Suspend).suspended.unwrap_or(false)
    }

    /// Everything that the engine counts.
    pub fn status(&self) -> Status {
        self.volume.status()
    }

    /// Tells the engine, and performs what it asks for until it asks for nothing more.
    fn tell(&mut self, event: Event) -> Answers {
        let mut answers = Answers::default();
        let mut asked = VecDeque::new();
        let mut next = Some(event);
        while let Some(event) = next {
            self.volume.handle(event, &mut |action| match action {
                Action::Io(io) => asked.push_back(io),
                Action::Activated(result) => answers.activated = Some(result),
                Action::Suspended { clean } => answers.suspended = Some(clean),
                // There are no requests, and callers see by the answers when a write has failed.
                _ => {}
            });
            next = asked.pop_front().map(|io| self.perform(io));
        }
        answers
    }

    fn perform(&mut self, mut io: Io) -> Event {
        let buffer = io.buffer.as_mut().map(|buffer| &mut buffer.0[..]);
        let result = match (io.kind, buffer) {
            (IoKind::Read { leg, block }, Some(buffer)) => {
                self.leg(leg).read(sector(block), buffer)
            }
            (IoKind::Write { leg, block, fua }, Some(buffer)) => {
                let leg = self.leg(leg);
                leg.write(sector(block), buffer)
                    .and_then(|()| if fua { leg.flush() } else { Ok(()) })
            }
            (IoKind::Flush { leg }, _) => self.leg(leg).flush(),
            // No read or write comes without a buffer.
            _ => Err(ErrorClass::Other(0)),
        };
        Event::Done {
            token: io.token,
            result,
            buffer: io.buffer,
        }
    }

    fn leg(&mut self, leg: Leg) -> &mut dyn Storage {
        match leg {
            Leg::Main => self.main,
            Leg::Spare => self.spare,
        }
    }
}

/// The first sector of a block.
pub fn sector(block: u64) -> u64 {
    block.saturating_mul(SECTORS_PER_BLOCK)
}
