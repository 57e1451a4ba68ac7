// SPDX-License-Identifier: GPL-2.0-only

//! The engine, two disks, users, and a small copy of what the shell does between them.

mod landing;
mod orders;
mod promise;
mod shell;

use crate::disk::Disk;
use crate::image::Disks;
use crate::model::{FlushPoint, Model, Value};
use crate::sector::marked;
use dm_spare_engine::{
    Activation, Cause, Engine, ErrorClass, Event, Io, Leg, Lookup, Notice, Operation, OrderError,
    Outcome, Refusal, Request, RequestId, RequestKind, Settings, SECTOR_BYTES,
};
use kernel::alloc::flags::GFP_KERNEL;
use kernel::sync::Arc;
use std::collections::VecDeque;

/// What a user asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ask {
    /// Read sectors.
    Read {
        /// The first.
        sector: u64,
        /// How many.
        sectors: u32,
    },
    /// Write sectors, all with one new mark.
    Write {
        /// The first.
        sector: u64,
        /// How many.
        sectors: u32,
        /// Durable on completion.
        fua: bool,
    },
    /// Write zeros.
    Zero {
        /// The first.
        sector: u64,
        /// How many.
        sectors: u32,
    },
    /// Make everything acknowledged durable.
    Flush,
    /// An administrator's order about whole blocks. It promises nothing, and must break no promise.
    Order {
        /// Which.
        kind: RequestKind,
        /// The first block.
        block: u64,
        /// How many.
        blocks: u32,
    },
}

/// The number that orders have at the engine; those of bios are far below.
const ORDER: RequestId = RequestId(u32::MAX);

/// How an operation stands.
#[derive(Clone, Debug)]
pub struct UserOperation {
    /// What was asked.
    pub ask: Ask,
    bios_left: usize,
    failed: Option<ErrorClass>,
    /// Ended.
    pub done: bool,
    point: Vec<FlushPoint>,
    /// For each sector of a read what was allowed while it ran.
    allowed: Vec<Vec<Value>>,
}

struct Bio {
    operation: usize,
    kind: RequestKind,
    sector: u64,
    sectors: u32,
    fua: bool,
    data: Vec<u8>,
    parts_left: usize,
    failed: Option<(Leg, ErrorClass)>,
}

enum Flight {
    Own {
        io: Io,
        write: u64,
    },
    Part {
        bio: usize,
        leg: Leg,
        sector: u64,
        sectors: u32,
        skip: u32,
        write: u64,
        writes: bool,
    },
    Flush {
        operation: usize,
        leg: Leg,
        flush: u64,
    },
}

struct Quiesce {
    ticket: u32,
    /// Bios that have to end first: those that write, and those that read a slot.
    bios: Vec<usize>,
}

/// Why a run is wrong.
pub type Wrong = String;

/// Everything.
pub struct World {
    /// The engine.
    pub engine: Engine,
    lookup: Arc<Lookup>,
    /// Main and the spare.
    pub disks: Disks,
    /// The promise.
    pub model: Model,
    bios: Vec<Option<Bio>>,
    inbox: Vec<(usize, Cause)>,
    /// Orders that the engine has not seen; and the operation of the one that it has.
    orders: VecDeque<(usize, Request)>,
    ordered: Option<usize>,
    /// Blocks that orders have moved or given back.
    pub moved: u64,
    /// The answers to orders so far.
    pub answers: Vec<(Outcome, Result<(), OrderError>)>,
    flights: Vec<Flight>,
    quiesces: Vec<Quiesce>,
    timers: [Option<u32>; 2],
    /// Operations so far.
    pub operations: Vec<UserOperation>,
    /// Reads that have not ended.
    open_reads: Vec<usize>,
    /// The answer to the activation.
    pub activated: Option<Result<Activation, Refusal>>,
    /// Answers to suspends.
    pub suspended: Vec<bool>,
    /// Bios that were handed back.
    pub requeued: usize,
    /// Notices so far.
    pub notices: Vec<Notice>,
    marks: u64,
    /// Requests that the engine has taken over.
    pub accepted: u64,
    /// What reads have found in each sector. While this is here nothing is compared with the promise.
    pub learned: Option<Vec<Option<Value>>>,
    /// Writes may fail for reasons other than a lack of slots.
    pub faults: bool,
    /// Reads tell what a crash has left, which must stay so.
    verifying: bool,
    /// The spare may hold something that a flush has to make durable.
    spare_written: bool,
    /// Sectors of a logical block of the device: the larger of its legs'.
    unit: u32,
    /// I/O of users ends only when the engine has none under way.
    pub slow_users: bool,
    /// Prints what happens.
    pub trace: bool,
    /// Changes whenever a crash could leave another state behind.
    pub version: u64,
}

impl World {
    /// An engine on these disks, not activated yet.
    pub fn new(settings: Settings, disks: Disks, model: Model, marks: u64) -> Self {
        let engine = Engine::new(settings, crc32c::crc32c, GFP_KERNEL)
            .expect("settings of the simulation are good");
        Self {
            lookup: engine.lookup(),
            engine,
            disks,
            model,
            bios: Vec::new(),
            inbox: Vec::new(),
            orders: VecDeque::new(),
            ordered: None,
            moved: 0,
            answers: Vec::new(),
            flights: Vec::new(),
            quiesces: Vec::new(),
            timers: [None; 2],
            operations: Vec::new(),
            open_reads: Vec::new(),
            activated: None,
            suspended: Vec::new(),
            requeued: 0,
            notices: Vec::new(),
            marks,
            accepted: 0,
            learned: None,
            faults: false,
            verifying: false,
            spare_written: false,
            unit: settings
                .main_logical_block_sectors
                .max(settings.spare_logical_block_sectors),
            slow_users: false,
            trace: false,
            version: 0,
        }
    }

    /// The last mark that was given out.
    pub fn marks(&self) -> u64 {
        self.marks
    }

    fn note(&self, what: impl FnOnce() -> String) {
        if self.trace {
            println!("  {}", what());
        }
    }

    fn disk(&mut self, leg: Leg) -> &mut Disk {
        match leg {
            Leg::Main => &mut self.disks[0],
            Leg::Spare => &mut self.disks[1],
        }
    }

    /// Sends the activation.
    pub fn activate(&mut self, nonce: u64) {
        self.activated = None;
        let mut uuid_if_formatting = [7; 16];
        uuid_if_formatting[..8].copy_from_slice(&nonce.to_le_bytes());
        self.engine.handle(Event::Activate {
            uuid_if_formatting,
            nonce,
        });
    }

    /// A user asks for something.
    pub fn ask(&mut self, ask: Ask) -> Result<usize, Wrong> {
        let operation = self.operations.len();
        self.marks += 1;
        self.note(|| format!("operation {operation}: {ask:?}, mark {}", self.marks));
        let mark = if matches!(ask, Ask::Zero { .. }) {
            0
        } else {
            self.marks
        };
        self.operations.push(UserOperation {
            ask,
            bios_left: 0,
            failed: None,
            done: false,
            point: Vec::new(),
            allowed: Vec::new(),
        });
        let (kind, sector, sectors, fua) = match ask {
            Ask::Read { sector, sectors } => (RequestKind::Read, sector, sectors, false),
            Ask::Write {
                sector,
                sectors,
                fua,
            } => (RequestKind::Write, sector, sectors, fua),
            Ask::Zero { sector, sectors } => (RequestKind::WriteZeroes, sector, sectors, false),
            Ask::Order {
                kind,
                block,
                blocks,
            } => {
                self.order(operation, kind, block, blocks);
                return Ok(operation);
            }
            Ask::Flush => {
                self.operations[operation].point = self.model.flush_point();
                // As the shell does: a spare that was never written needs no flush.
                let legs: &[Leg] = if self.spare_written {
                    &[Leg::Main, Leg::Spare]
                } else {
                    &[Leg::Main]
                };
                self.operations[operation].bios_left = legs.len();
                for leg in legs.iter().copied() {
                    let flush = self.disk(leg).submit_flush();
                    self.flights.push(Flight::Flush {
                        operation,
                        leg,
                        flush,
                    });
                }
                return Ok(operation);
            }
        };
        let range = sector..sector + u64::from(sectors);
        if kind == RequestKind::Read {
            // A write that begins while the read runs may be seen by it as well.
            self.open_reads.push(operation);
            self.operations[operation].allowed = range.map(|at| self.model.allowed(at)).collect();
        } else {
            for at in range {
                self.model.submit(operation, at, Value::Mark(mark));
                self.overlapping_reads(at, Value::Mark(mark));
            }
        }
        let data = if kind == RequestKind::Read {
            vec![0; sectors as usize * SECTOR_BYTES]
        } else {
            marked(mark).repeat(sectors as usize)
        };
        self.map(operation, kind, sector, fua, data)?;
        Ok(operation)
    }

    /// Operations that have not ended.
    pub fn open_operations(&self) -> usize {
        self.operations
            .iter()
            .filter(|operation| !operation.done)
            .count()
    }

    /// Lets exactly one thing happen; false if nothing can. `choose` picks which I/O ends next.
    pub fn step(&mut self, choose: &mut dyn FnMut(usize) -> usize) -> Result<bool, Wrong> {
        self.hand_over_order();
        while !self.inbox.is_empty() && self.engine.has_room() {
            let (bio, cause) = self.inbox.remove(0);
            let Some(entry) = self.bios[bio].as_ref() else {
                continue;
            };
            let request = Request {
                id: RequestId(bio as u32),
                kind: entry.kind,
                sector: entry.sector,
                sectors: entry.sectors,
                fua: entry.fua,
                cause,
            };
            if self.engine.accept(request).is_err() {
                return Err("the engine has room and refuses".into());
            }
            self.accepted += 1;
        }
        if let Some(action) = self.engine.poll() {
            self.perform(action)?;
            return Ok(true);
        }
        if self.end_quiesce() {
            return Ok(true);
        }
        if self.flights.is_empty() {
            return Ok(false);
        }
        let own = |flight: &Flight| matches!(flight, Flight::Own { .. });
        let preferred: Vec<usize> = if self.slow_users && self.flights.iter().any(own) {
            (0..self.flights.len())
                .filter(|index| own(&self.flights[*index]))
                .collect()
        } else {
            (0..self.flights.len()).collect()
        };
        let flight = self.flights.remove(preferred[choose(preferred.len())]);
        self.land(flight)?;
        Ok(true)
    }

    /// Lets a timer run out although its I/O may still be under way.
    pub fn fire_timer(&mut self, which: usize) {
        if let Some(ticket) = self.timers[which].take() {
            self.engine.handle(Event::Timer { ticket });
        }
    }

    /// The engine's own writes that are under way.
    pub fn own_writes(&self) -> usize {
        let is_write = |flight: &&Flight| matches!(flight, Flight::Own { io, .. } if matches!(io.operation, Operation::Write { .. }));
        self.flights.iter().filter(is_write).count()
    }

    /// The engine's own I/O that is under way.
    pub fn own_flights(&self) -> usize {
        let own = |flight: &&Flight| matches!(flight, Flight::Own { .. });
        self.flights.iter().filter(own).count()
    }

    /// Ends one I/O of the engine's choice of order, newest first, without polling the engine.
    pub fn land_newest(&mut self) -> Result<(), Wrong> {
        match self.flights.pop() {
            Some(flight) => self.land(flight),
            None => Ok(()),
        }
    }

    /// Performs what the engine asks for, and lets nothing end.
    pub fn perform_all(&mut self) -> Result<(), Wrong> {
        while let Some(action) = self.engine.poll() {
            self.perform(action)?;
        }
        Ok(())
    }

    /// Runs until nothing can happen; FIFO order.
    pub fn settle(&mut self) -> Result<(), Wrong> {
        let mut steps = 0;
        while self.step(&mut |_| 0)? {
            steps += 1;
            if steps > 2_000_000 {
                return Err("no end in sight".into());
            }
        }
        if self.open_operations() != 0 && self.requeued == 0 {
            return Err(format!("{} operations never end", self.open_operations()));
        }
        Ok(())
    }

    /// Whether the operation has failed.
    pub fn has_failed(&self, operation: usize) -> bool {
        self.operations[operation].failed.is_some()
    }

    /// Activates and settles; the set must come into service.
    pub fn bring_up(&mut self, nonce: u64) -> Result<Activation, Wrong> {
        self.activate(nonce);
        self.settle()?;
        match self.activated {
            Some(Ok(activation)) => Ok(activation),
            Some(Err(refusal)) => Err(format!("refused: {refusal}")),
            None => Err("the activation never ends".into()),
        }
    }
}
