// SPDX-License-Identifier: GPL-2.0-only

//! The engine, two disks, users, and a small copy of what the shell does between them.

use crate::disk::Disk;
use crate::image::Disks;
use crate::model::{FlushPoint, Model, Value};
use dm_spare_engine::{
    Action, Activation, Cause, Engine, ErrorClass, Event, Io, Leg, Lookup, Notice, Operation, Refusal, Request, RequestId,
    RequestKind, Settings, Verdict, SECTOR_BYTES,
};
use kernel::alloc::flags::GFP_KERNEL;
use kernel::sync::Arc;
use std::rc::Rc;

/// A sector full of one mark.
pub fn marked(mark: u64) -> Rc<[u8; SECTOR_BYTES]> {
    let mut bytes = [0; SECTOR_BYTES];
    for chunk in bytes.chunks_mut(8) {
        chunk.copy_from_slice(&mark.to_le_bytes());
    }
    Rc::new(bytes)
}

/// The mark of a sector, if it is full of one.
fn mark_of(bytes: &[u8]) -> Option<u64> {
    let mark = u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?);
    bytes.chunks(8).all(|chunk| chunk == mark.to_le_bytes()).then_some(mark)
}

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
}

/// How an operation stands.
#[derive(Clone, Debug)]
pub struct UserOperation {
    /// What was asked.
    pub ask: Ask,
    mark: u64,
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
    Own { io: Io, write: u64 },
    Part { bio: usize, leg: Leg, sector: u64, sectors: u32, skip: u32, write: u64, writes: bool },
    Flush { operation: usize, leg: Leg, flush: u64 },
}

struct Quiesce {
    ticket: u32,
    /// Bios whose writes have to end first.
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
    flights: Vec<Flight>,
    quiesces: Vec<Quiesce>,
    timers: [Option<u32>; 2],
    /// Operations so far.
    pub operations: Vec<UserOperation>,
    /// The answer to the activation.
    pub activated: Option<Result<Activation, Refusal>>,
    /// Answers to suspends.
    pub suspended: Vec<bool>,
    /// Bios that were handed back.
    pub requeued: usize,
    /// Notices so far.
    pub notices: Vec<Notice>,
    marks: u64,
    /// Writes may fail for reasons other than a lack of slots.
    pub faults: bool,
    /// Reads tell what a crash has left, which must stay so.
    verifying: bool,
    /// Prints what happens.
    pub trace: bool,
    /// Changes whenever a crash could leave another state behind.
    pub version: u64,
}

impl World {
    /// An engine on these disks, not activated yet.
    pub fn new(settings: Settings, disks: Disks, model: Model, marks: u64) -> Self {
        let engine = Engine::new(settings, crc32c::crc32c, GFP_KERNEL).expect("settings of the simulation are good");
        Self {
            lookup: engine.lookup(),
            engine,
            disks,
            model,
            bios: Vec::new(),
            inbox: Vec::new(),
            flights: Vec::new(),
            quiesces: Vec::new(),
            timers: [None; 2],
            operations: Vec::new(),
            activated: None,
            suspended: Vec::new(),
            requeued: 0,
            notices: Vec::new(),
            marks,
            faults: false,
            verifying: false,
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
        let mark = if matches!(ask, Ask::Zero { .. }) { 0 } else { self.marks };
        self.operations.push(UserOperation {
            ask,
            mark,
            bios_left: 0,
            failed: None,
            done: false,
            point: Vec::new(),
            allowed: Vec::new(),
        });
        let (kind, sector, sectors, fua) = match ask {
            Ask::Read { sector, sectors } => (RequestKind::Read, sector, sectors, false),
            Ask::Write { sector, sectors, fua } => (RequestKind::Write, sector, sectors, fua),
            Ask::Zero { sector, sectors } => (RequestKind::WriteZeroes, sector, sectors, false),
            Ask::Flush => {
                self.operations[operation].point = self.model.flush_point();
                self.operations[operation].bios_left = 2;
                for leg in [Leg::Main, Leg::Spare] {
                    let flush = self.disk(leg).submit_flush();
                    self.flights.push(Flight::Flush { operation, leg, flush });
                }
                return Ok(operation);
            }
        };
        let range = sector..sector + u64::from(sectors);
        if kind == RequestKind::Read {
            // A write that begins while the read runs may be seen by it as well.
            self.operations[operation].allowed = range.map(|at| self.model.allowed(at)).collect();
        } else {
            for at in range {
                self.model.submit(operation, at, Value::Mark(mark));
                self.overlapping_reads(at, Value::Mark(mark));
            }
        }
        let data = marked(mark).repeat(sectors as usize);
        self.map(operation, kind, sector, fua, data)?;
        Ok(operation)
    }

    /// A sector of main has become unreadable: what is not written elsewhere may be lost.
    pub fn spoil(&mut self, at: u64) {
        self.disks[0].unreadable.insert(at);
        self.model.may_be_lost(at);
        self.overlapping_reads(at, Value::Lost);
    }

    fn overlapping_reads(&mut self, at: u64, value: Value) {
        for other in &mut self.operations {
            if let Ask::Read { sector, sectors } = other.ask {
                if !other.done && (sector..sector + u64::from(sectors)).contains(&at) {
                    if let Some(allowed) = other.allowed.get_mut((at - sector) as usize) {
                        allowed.push(value);
                    }
                }
            }
        }
    }

    /// Maps new bios as device-mapper does: the front as far as one verdict goes, then the rest.
    fn map(&mut self, operation: usize, kind: RequestKind, sector: u64, fua: bool, data: Vec<u8>) -> Result<(), Wrong> {
        let write = kind != RequestKind::Read;
        let total = (data.len() / SECTOR_BYTES) as u32;
        let mut at = 0;
        let mut mapped = Vec::new();
        while at < total {
            let start = sector + u64::from(at);
            let verdict = self.lookup.decide(start, total - at, write);
            let sectors = match verdict {
                Verdict::Main { sectors } | Verdict::Slot { sectors, .. } | Verdict::Poisoned { sectors } => sectors,
                Verdict::Hold => total - at,
            };
            if sectors == 0 || sectors > total - at {
                return Err(format!("a verdict covers {sectors} of {} sectors", total - at));
            }
            let bytes = at as usize * SECTOR_BYTES..(at + sectors) as usize * SECTOR_BYTES;
            let bio = self.bios.len();
            self.bios.push(Some(Bio {
                operation,
                kind,
                sector: start,
                sectors,
                fua,
                data: data[bytes].to_vec(),
                parts_left: 0,
                failed: None,
            }));
            self.operations[operation].bios_left += 1;
            mapped.push((bio, verdict, sectors));
            at += sectors;
        }
        for (bio, verdict, sectors) in mapped {
            match verdict {
                Verdict::Main { .. } => {
                    let start = self.bios[bio].as_ref().map_or(0, |bio| bio.sector);
                    self.send_part(bio, Leg::Main, start, sectors, 0);
                }
                Verdict::Slot { sector_on_spare, .. } => self.send_part(bio, Leg::Spare, sector_on_spare, sectors, 0),
                Verdict::Hold => self.inbox.push((bio, Cause::Held)),
                Verdict::Poisoned { .. } => self.end_bio(bio, Err(ErrorClass::Media))?,
            }
        }
        Ok(())
    }

    fn send_part(&mut self, bio: usize, leg: Leg, sector: u64, sectors: u32, skip: u32) {
        self.note(|| format!("bio {bio} sends {leg:?} {sector}+{sectors}"));
        let Some(entry) = self.bios[bio].as_mut() else {
            return;
        };
        entry.parts_left += 1;
        let writes = entry.kind != RequestKind::Read;
        let bytes = skip as usize * SECTOR_BYTES..(skip + sectors) as usize * SECTOR_BYTES;
        let data = entry.data[bytes].to_vec();
        let mut write = 0;
        if writes {
            write = self.disk(leg).submit_write(sector, &data);
            self.version += 1;
        }
        self.flights.push(Flight::Part {
            bio,
            leg,
            sector,
            sectors,
            skip,
            write,
            writes,
        });
    }

    /// Whether something can happen without a new operation.
    pub fn is_busy(&self) -> bool {
        !self.flights.is_empty() || !self.quiesces.is_empty() || !self.inbox.is_empty()
    }

    /// Operations that have not ended.
    pub fn open_operations(&self) -> usize {
        self.operations.iter().filter(|operation| !operation.done).count()
    }

    /// Lets exactly one thing happen; false if nothing can. `choose` picks which I/O ends next.
    pub fn step(&mut self, choose: &mut dyn FnMut(usize) -> usize) -> Result<bool, Wrong> {
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
        let flight = self.flights.remove(choose(self.flights.len()));
        self.land(flight)?;
        Ok(true)
    }

    /// Ends a grace period that nothing holds up any more.
    fn end_quiesce(&mut self) -> bool {
        let bios = &self.bios;
        let flights = &self.flights;
        let ended = self.quiesces.iter().position(|quiesce| {
            quiesce.bios.iter().all(|bio| {
                bios[*bio].is_none()
                    || !flights
                        .iter()
                        .any(|flight| matches!(flight, Flight::Part { bio: other, .. } if other == bio))
            })
        });
        if let Some(index) = ended {
            let ticket = self.quiesces.remove(index).ticket;
            self.engine.handle(Event::Quiesced { ticket });
        }
        ended.is_some()
    }

    /// Lets a timer run out although its I/O may still be under way.
    pub fn fire_timer(&mut self, which: usize) {
        if let Some(ticket) = self.timers[which].take() {
            self.engine.handle(Event::Timer { ticket });
        }
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

    fn perform(&mut self, action: Action) -> Result<(), Wrong> {
        self.note(|| match &action {
            Action::Io(io) => format!("{:?} asks for {:?}", io.token, io.operation),
            Action::Quiesce { ticket } => format!("quiesce {ticket:#x}"),
            Action::ArmTimer { timer, ticket, .. } => format!("arm {timer:?} {ticket:#x}"),
            Action::Complete { request, result } => format!("complete {request:?} {result:?}"),
            Action::Resubmit { request } => format!("resubmit {request:?}"),
            Action::Requeue { request } => format!("requeue {request:?}"),
            Action::Activated(result) => format!("activated {result:?}"),
            Action::Suspended { clean } => format!("suspended, clean {clean}"),
            Action::Notice(notice) => format!("notice: {notice}"),
        });
        match action {
            Action::Io(io) => self.perform_io(io)?,
            Action::Quiesce { ticket } => {
                let bios = self
                    .flights
                    .iter()
                    .filter_map(|flight| match flight {
                        Flight::Part { bio, writes: true, .. } => Some(*bio),
                        _ => None,
                    })
                    .collect();
                self.quiesces.push(Quiesce { ticket, bios });
            }
            Action::ArmTimer { timer, ticket, .. } => {
                self.timers[usize::from(timer == dm_spare_engine::Timer::Checkpoint)] = Some(ticket);
            }
            Action::Complete { request, result } => self.end_bio(request.0 as usize, result)?,
            Action::Resubmit { request } => self.resubmit(request.0 as usize)?,
            Action::Requeue { request } => {
                self.requeued += 1;
                self.bios[request.0 as usize] = None;
            }
            Action::Activated(result) => self.activated = Some(result),
            Action::Suspended { clean } => self.suspended.push(clean),
            Action::Notice(notice) => self.notices.push(notice),
        }
        Ok(())
    }

    /// Maps a held bio again, in as many parts as it needs by now.
    fn resubmit(&mut self, bio: usize) -> Result<(), Wrong> {
        let Some(entry) = self.bios[bio].as_ref() else {
            return Err("a bio is resubmitted after its end".into());
        };
        let (sector, total, write) = (entry.sector, entry.sectors, entry.kind != RequestKind::Read);
        let mut parts = Vec::new();
        let mut at = 0;
        while at < total {
            let start = sector + u64::from(at);
            let (leg, place, sectors) = match self.lookup.decide(start, total - at, write) {
                Verdict::Main { sectors } => (Leg::Main, start, sectors),
                Verdict::Slot { sector_on_spare, sectors } => (Leg::Spare, sector_on_spare, sectors),
                Verdict::Hold => {
                    self.inbox.push((bio, Cause::Held));
                    return Ok(());
                }
                Verdict::Poisoned { .. } => return self.end_bio(bio, Err(ErrorClass::Media)),
            };
            parts.push((leg, place, sectors, at));
            at += sectors;
        }
        for (leg, place, sectors, skip) in parts {
            self.send_part(bio, leg, place, sectors, skip);
        }
        Ok(())
    }

    fn perform_io(&mut self, mut io: Io) -> Result<(), Wrong> {
        match io.operation {
            Operation::Gather { request, skip, sectors, within } | Operation::Scatter { request, skip, sectors, within } => {
                let gather = matches!(io.operation, Operation::Gather { .. });
                let bio = self.bios.get_mut(request.0 as usize).and_then(Option::as_mut);
                let (Some(bio), Some(buffer)) = (bio, io.buffer.as_mut()) else {
                    return Err("a copy for a bio that has ended, or without a buffer".into());
                };
                let user = skip as usize * SECTOR_BYTES..(skip + sectors) as usize * SECTOR_BYTES;
                let own = within as usize * SECTOR_BYTES..(within + sectors) as usize * SECTOR_BYTES;
                let (Some(user), Some(own)) = (bio.data.get_mut(user), buffer.0.get_mut(own)) else {
                    return Err("a copy out of bounds".into());
                };
                if gather {
                    own.copy_from_slice(user);
                } else {
                    user.copy_from_slice(own);
                }
                self.engine.handle(Event::Done {
                    token: io.token,
                    result: Ok(()),
                    buffer: io.buffer,
                });
            }
            Operation::Write { leg, sector, sectors, within, .. } => {
                let bytes = within as usize * SECTOR_BYTES..(within + sectors) as usize * SECTOR_BYTES;
                let Some(data) = io.buffer.as_ref().and_then(|buffer| buffer.0.get(bytes)).map(<[u8]>::to_vec) else {
                    return Err("a write without its data".into());
                };
                if sector + u64::from(sectors) > self.disk(leg).sectors() {
                    return Err(format!("a write beyond the end of {leg:?}"));
                }
                let write = self.disk(leg).submit_write(sector, &data);
                self.version += 1;
                self.flights.push(Flight::Own { io, write });
            }
            Operation::Flush { leg } => {
                let write = self.disk(leg).submit_flush();
                self.flights.push(Flight::Own { io, write });
            }
            Operation::Read { .. } => self.flights.push(Flight::Own { io, write: 0 }),
        }
        if self.flights.iter().filter(|flight| matches!(flight, Flight::Own { .. })).count() > self.engine.io_bound() {
            return Err("more I/O than the engine's bound".into());
        }
        Ok(())
    }

    /// An I/O ends.
    fn land(&mut self, flight: Flight) -> Result<(), Wrong> {
        match flight {
            Flight::Own { mut io, write } => {
                let result = match io.operation {
                    Operation::Read { leg, sector, sectors, within } => {
                        let bytes = within as usize * SECTOR_BYTES..(within + sectors) as usize * SECTOR_BYTES;
                        match io.buffer.as_mut().and_then(|buffer| buffer.0.get_mut(bytes)) {
                            Some(target) => self.disk(leg).read(sector, target),
                            None => return Err("a read without a buffer".into()),
                        }
                    }
                    Operation::Write { leg, sector, sectors, fua, .. } => {
                        self.version += 1;
                        self.disk(leg).complete_write(write, sector, sectors, fua)
                    }
                    Operation::Flush { leg } => {
                        self.version += 1;
                        self.disk(leg).complete_flush(write)
                    }
                    Operation::Gather { .. } | Operation::Scatter { .. } => Ok(()),
                };
                self.note(|| format!("{:?} ends with {result:?}", io.token));
                self.engine.handle(Event::Done {
                    token: io.token,
                    result,
                    buffer: io.buffer,
                });
                Ok(())
            }
            Flight::Flush { operation, leg, flush } => {
                self.version += 1;
                let result = self.disk(leg).complete_flush(flush);
                self.end_part_of(operation, result)
            }
            Flight::Part { bio, leg, sector, sectors, skip, write, writes } => {
                self.land_part(bio, leg, (sector, sectors, skip), writes.then_some(write))
            }
        }
    }

    fn land_part(&mut self, bio: usize, leg: Leg, (sector, sectors, skip): (u64, u32, u32), write: Option<u64>) -> Result<(), Wrong> {
        let Some(mut entry) = self.bios[bio].take() else {
            return Err("a part of a bio that has ended".into());
        };
        let result = match write {
            Some(write) => {
                self.version += 1;
                let fua = entry.fua;
                self.disk(leg).complete_write(write, sector, sectors, fua)
            }
            None => {
                let bytes = skip as usize * SECTOR_BYTES..(skip + sectors) as usize * SECTOR_BYTES;
                self.disk(leg).read(sector, &mut entry.data[bytes])
            }
        };
        self.note(|| format!("bio {bio} part at {leg:?} {sector}+{sectors} ends with {result:?}"));
        entry.parts_left -= 1;
        if let Err(class) = result {
            entry.failed = Some((leg, class));
        }
        let (left, failed) = (entry.parts_left, if entry.parts_left == 0 { entry.failed.take() } else { None });
        self.bios[bio] = Some(entry);
        match failed {
            _ if left != 0 => Ok(()),
            None => self.end_bio(bio, Ok(())),
            Some((Leg::Main, ErrorClass::Media)) => {
                self.inbox.push((bio, Cause::MainFailed(ErrorClass::Media)));
                Ok(())
            }
            Some((Leg::Spare, ErrorClass::Media)) => {
                self.inbox.push((bio, Cause::SlotFailed(ErrorClass::Media)));
                Ok(())
            }
            Some((_, class)) => self.end_bio(bio, Err(class)),
        }
    }

    fn end_bio(&mut self, bio: usize, result: Result<(), ErrorClass>) -> Result<(), Wrong> {
        let Some(entry) = self.bios[bio].take() else {
            return Err(format!("bio {bio} ends twice"));
        };
        self.note(|| format!("bio {bio} of operation {} ends with {result:?}", entry.operation));
        if entry.kind == RequestKind::Read {
            self.check_read(&entry, result)?;
        } else if let (Err(class), false) = (result, self.faults) {
            return Err(format!(
                "write of {} sectors at {} failed with {class:?} although there are slots",
                entry.sectors, entry.sector
            ));
        }
        self.end_part_of(entry.operation, result)
    }

    fn check_read(&mut self, bio: &Bio, result: Result<(), ErrorClass>) -> Result<(), Wrong> {
        let Ask::Read { sector: first, .. } = self.operations[bio.operation].ask else {
            return Ok(());
        };
        let mut any_lost = false;
        for index in 0..bio.sectors {
            let at = bio.sector + u64::from(index);
            let bytes = index as usize * SECTOR_BYTES..(index as usize + 1) * SECTOR_BYTES;
            let allowed = &self.operations[bio.operation].allowed[(at - first) as usize];
            any_lost |= allowed.contains(&Value::Lost);
            if result.is_ok() {
                let found = mark_of(&bio.data[bytes]).map(Value::Mark);
                if !found.is_some_and(|found| allowed.contains(&found)) {
                    return Err(format!("sector {at} reads {found:?}, allowed are {allowed:?}"));
                }
                if let (Some(found), true) = (found, self.verifying) {
                    self.model.observe(at, found);
                }
            } else if self.verifying && allowed.contains(&Value::Lost) {
                self.model.observe(at, Value::Lost);
            }
        }
        match result {
            Err(class) if !any_lost && !self.faults => {
                Err(format!("read of {} sectors at {} failed with {class:?}", bio.sectors, bio.sector))
            }
            _ => Ok(()),
        }
    }

    fn end_part_of(&mut self, operation: usize, result: Result<(), ErrorClass>) -> Result<(), Wrong> {
        let entry = &mut self.operations[operation];
        if let Err(class) = result {
            entry.failed = Some(class);
        }
        entry.bios_left -= 1;
        if entry.bios_left != 0 {
            return Ok(());
        }
        entry.done = true;
        if entry.failed.is_some() {
            return Ok(());
        }
        let ask = entry.ask;
        let point = std::mem::take(&mut entry.point);
        match ask {
            Ask::Flush => self.model.flushed(&point),
            Ask::Write { sector, sectors, fua } => {
                for at in sector..sector + u64::from(sectors) {
                    self.model.acknowledge(operation, at, fua);
                }
            }
            Ask::Zero { sector, sectors } => {
                for at in sector..sector + u64::from(sectors) {
                    self.model.acknowledge(operation, at, false);
                }
            }
            Ask::Read { .. } => {}
        }
        self.version += 1;
        Ok(())
    }

    /// Whether the operation's mark was written by it.
    pub fn mark(&self, operation: usize) -> u64 {
        self.operations[operation].mark
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

    /// Reads every sector, one by one, after a crash. Nothing has been written since.
    pub fn read_all(&mut self) -> Result<(), Wrong> {
        self.verifying = true;
        for sector in 0..self.disks[0].sectors() {
            self.ask(Ask::Read { sector, sectors: 1 })?;
            self.settle()?;
        }
        self.verifying = false;
        Ok(())
    }
}
