// SPDX-License-Identifier: GPL-2.0-only

//! The kernel module's own engine, run here on a spare: formatting and loading are its work, and therefore
//! the same as the module's.

use crate::failure::Failure;
use crate::storage::Storage;
use dm_spare_engine::{
    Action, Activation, Engine, ErrorClass, Event, Io, Leg, Lookup, Operation, Refusal, Settings,
    Status, Verdict, SECTOR_BYTES,
};
use kernel::alloc::flags::GFP_KERNEL;
use std::collections::VecDeque;
use std::ops::Range;

/// What the engine has to know of a set; the rest is as in the module, or has no bearing here.
#[derive(Clone, Copy, Debug)]
pub struct SetSizes {
    /// Size of main in sectors.
    pub main_sectors: u64,
    /// Size of the spare in sectors.
    pub spare_sectors: u64,
    /// Logical block of main in sectors.
    pub main_logical_block_sectors: u32,
    /// Logical block of the spare in sectors.
    pub spare_logical_block_sectors: u32,
    /// Copies of the metadata to make, or to insist on.
    pub metadata_copies: Option<u32>,
}

/// An engine and the spare that it works on.
pub struct Host<'a> {
    engine: Engine,
    spare: &'a mut dyn Storage,
}

/// The answers that the engine gave while it ran.
#[derive(Default)]
struct Answers {
    activated: Option<Result<Activation, Refusal>>,
    suspended: Option<bool>,
}

impl<'a> Host<'a> {
    /// An engine that has not looked at its spare yet.
    ///
    /// # Errors
    ///
    /// Sizes that no set can have.
    pub fn new(sizes: SetSizes, spare: &'a mut dyn Storage) -> Result<Self, Failure> {
        let settings = Settings {
            main_sectors: sizes.main_sectors,
            spare_sectors: sizes.spare_sectors,
            main_logical_block_sectors: sizes.main_logical_block_sectors,
            spare_logical_block_sectors: sizes.spare_logical_block_sectors,
            read_retries: 0,
            fail_after: 0,
            read_only: false,
            metadata_copies: sizes.metadata_copies,
            expected_uuid: None,
            commit_timeout_milliseconds: 30_000,
            max_requests: 1,
            jobs: 1,
        };
        let engine = Engine::new(settings, crc32c::crc32c, GFP_KERNEL)
            .map_err(|error| Failure::new(error.to_string()))?;
        Ok(Self { engine, spare })
    }

    /// Loads the set, or formats the spare if it is blank. `uuid` becomes the set's name in the latter case.
    ///
    /// # Errors
    ///
    /// The engine's own refusal.
    pub fn activate(&mut self, uuid: [u8; 16]) -> Result<Activation, Refusal> {
        let (nonce, _) = uuid::Uuid::new_v4().as_u64_pair();
        self.engine.handle(Event::Activate {
            uuid_if_formatting: uuid,
            nonce,
        });
        // The engine answers every activation once all its I/O has ended; a missing answer would be a read that
        // it never got.
        self.run().activated.unwrap_or(Err(Refusal::ReadFailed {
            block: 0,
            class: ErrorClass::Other(0),
        }))
    }

    /// Brings the set to rest; true if every copy in use carries the clean marker.
    pub fn rest(&mut self) -> bool {
        self.engine.handle(Event::Suspend { noflush: false });
        self.run().suspended.unwrap_or(false)
    }

    /// Everything that the engine counts.
    pub fn status(&self) -> Status {
        self.engine.snapshot()
    }

    /// Where the engine serves a sector of main from.
    pub fn decide(&self, sector: u64) -> Verdict {
        self.engine.lookup().decide(sector, 1, false)
    }

    /// Where each sector is served, to be asked many times.
    pub fn lookup(&self) -> impl std::ops::Deref<Target = Lookup> {
        self.engine.lookup()
    }

    /// Performs what the engine asks for until it asks for nothing more.
    fn run(&mut self) -> Answers {
        let mut answers = Answers::default();
        let mut asked = VecDeque::new();
        loop {
            while let Some(action) = self.engine.poll() {
                match action {
                    Action::Io(io) => asked.push_back(io),
                    Action::Activated(result) => answers.activated = Some(result),
                    Action::Suspended { clean } => answers.suspended = Some(clean),
                    // No bio is ever held here, every I/O ends in time, and the notices say what the callers say.
                    _ => {}
                }
            }
            let Some(io) = asked.pop_front() else {
                return answers;
            };
            self.perform(io);
        }
    }

    fn perform(&mut self, mut io: Io) {
        let buffer = io.buffer.as_mut().map(|buffer| &mut buffer.0[..]);
        let result = match (io.operation, buffer) {
            (
                Operation::Read {
                    leg: Leg::Spare,
                    sector,
                    sectors,
                    within,
                },
                Some(buffer),
            ) => match buffer.get_mut(bytes(within, sectors)) {
                Some(into) => self.spare.read(sector, into),
                None => Err(ErrorClass::Other(0)),
            },
            (
                Operation::Write {
                    leg: Leg::Spare,
                    sector,
                    sectors,
                    within,
                    fua,
                },
                Some(buffer),
            ) => match buffer.get(bytes(within, sectors)) {
                Some(data) => self.write(sector, data, fua),
                None => Err(ErrorClass::Other(0)),
            },
            (Operation::Flush { leg: Leg::Spare }, _) => self.spare.flush(),
            // Main is never touched: nothing is repaired here.
            _ => Err(ErrorClass::Other(0)),
        };
        self.engine.handle(Event::Done {
            token: io.token,
            result,
            buffer: io.buffer,
        });
    }

    fn write(&mut self, sector: u64, data: &[u8], fua: bool) -> Result<(), ErrorClass> {
        self.spare.write(sector, data)?;
        if fua {
            self.spare.flush()?;
        }
        Ok(())
    }
}

/// The bytes of some sectors within a buffer.
fn bytes(within: u32, sectors: u32) -> Range<usize> {
    let place = |sector: u32| {
        usize::try_from(sector).map_or(usize::MAX, |at| at.saturating_mul(SECTOR_BYTES))
    };
    place(within)..place(within.saturating_add(sectors))
}
