// SPDX-License-Identifier: GPL-2.0-only

//! A keeper, its zones, a disk and users; and what a driver does between them.

mod deliver;

use super::disk::Disk;
use super::model::{Model, Verdict};
use crate::rng::Rng;
use dm_spare_engine::index::{
    Bounds, Geometry, Io, Keeper, KeeperAction, KeeperEvent, KeeperSettings, Layout, Name,
    OpenError, OpenMode, Opened, Parameters, Request, RequestId, RequestKind, Statistics, ToKeeper,
    ToZone, Zone, ZoneSettings, Zones,
};
use kernel::alloc::{flags::GFP_KERNEL, AllocError};
use kernel::sync::Arc;
use std::collections::{HashMap, VecDeque};

/// What an index of a test is like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// What its geometry follows from.
    pub parameters: Parameters,
    /// Zones.
    pub zones: u32,
    /// Requests that a zone lets wait at once.
    pub waiting: u32,
    /// Pages of the page cache of all zones; the geometry's own number if 0.
    pub cache_pages: u64,
}

impl Shape {
    /// The geometry.
    pub fn geometry(&self) -> Geometry {
        let mut geometry = Geometry::new(self.parameters).expect("a sound geometry");
        if self.cache_pages != 0 {
            geometry.cache_pages = self.cache_pages;
        }
        geometry
    }
}

/// Who has an I/O under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Owner {
    Keeper,
    Zone(usize),
}

struct Flight {
    owner: Owner,
    io: Io,
    /// The number of a write.
    write: u64,
    /// The writes that a flush covers.
    covered: Vec<u64>,
}

/// Answers that were not as promised.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Requests answered.
    pub answers: u64,
    /// Names that should have been known.
    pub lost: u64,
    /// Older records than the newest.
    pub older: u64,
    /// Names found.
    pub found: u64,
    /// Chapters written.
    pub chapters: u64,
    /// Crashes.
    pub crashes: u64,
    /// Times that the index was opened.
    pub opens: u64,
}

impl Tally {
    /// Adds another one.
    pub fn add(&mut self, other: &Self) {
        self.answers += other.answers;
        self.lost += other.lost;
        self.older += other.older;
        self.found += other.found;
        self.chapters += other.chapters;
        self.crashes += other.crashes;
        self.opens += other.opens;
    }
}

/// Everything.
pub struct World {
    /// What the index is like.
    pub shape: Shape,
    /// The disk.
    pub disk: Disk,
    /// The promise.
    pub model: Model,
    /// The keeper.
    pub keeper: Keeper,
    /// The zones.
    pub zones: Vec<Zone>,
    sharing: Zones,
    layout: Layout,
    to_zones: Vec<VecDeque<ToZone>>,
    to_keeper: Vec<VecDeque<ToKeeper>>,
    flights: Vec<Flight>,
    /// Requests that their zone has not taken.
    queues: Vec<VecDeque<Request>>,
    asked: HashMap<u32, Request>,
    requests: u32,
    /// The answer to the last request to open.
    pub opened: Option<Result<Opened, OpenError>>,
    /// The answer to the last suspend.
    pub suspended: Option<bool>,
    /// A write has failed.
    pub failed: bool,
    /// What went wrong.
    pub wrong: Option<String>,
    /// Answers.
    pub tally: Tally,
    /// Statistics of zones that are no more.
    past: Statistics,
    past_dropped: u64,
    past_early: u64,
    /// Reads fail, one in so many; 0 is never.
    pub bad_reads: usize,
    /// No I/O of the keeper ends.
    pub holds_keeper: bool,
    /// Prints what happens.
    pub trace: bool,
    /// Record pages may only be written while no save counts.
    checks_save: bool,
    last_answer: Option<(RequestId, dm_spare_engine::index::Answer)>,
    /// The last suspend has saved the open chapters, and nothing was served since.
    pub was_saved: bool,
}

impl World {
    /// A world whose index has not been opened.
    ///
    /// # Panics
    ///
    /// Without enough memory.
    pub fn new(shape: Shape, model: Model, disk: Disk) -> Self {
        Self::try_new(shape, model, disk).expect("memory")
    }

    /// The same, unless there is too little memory.
    ///
    /// # Errors
    ///
    /// There is.
    pub fn try_new(shape: Shape, model: Model, disk: Disk) -> Result<Self, AllocError> {
        let geometry = shape.geometry();
        let segments = geometry.index.segments();
        let sharing = Zones::new(shape.zones, segments).expect("few enough zones");
        let bounds = Bounds::new(geometry.slots, geometry.page_blocks, GFP_KERNEL)?;
        let bounds = Arc::new(bounds, GFP_KERNEL)?;
        let keeper = Keeper::new(
            KeeperSettings {
                geometry,
                zones: sharing,
                bounds: bounds.clone(),
                checksum: crc32c::crc32c,
            },
            GFP_KERNEL,
        )?;
        let zone = |number| {
            Zone::new(ZoneSettings {
                geometry,
                zones: sharing,
                number,
                bounds: bounds.clone(),
                waiting: shape.waiting,
                checksum: crc32c::crc32c,
                flags: GFP_KERNEL,
            })
        };
        let count = shape.zones as usize;
        Ok(Self {
            shape,
            disk,
            model,
            keeper,
            zones: (0..shape.zones).map(zone).collect::<Result<_, _>>()?,
            sharing,
            layout: Layout::new(&geometry),
            to_zones: (0..count).map(|_| VecDeque::new()).collect(),
            to_keeper: (0..count).map(|_| VecDeque::new()).collect(),
            flights: Vec::new(),
            queues: (0..count).map(|_| VecDeque::new()).collect(),
            asked: HashMap::new(),
            requests: 0,
            opened: None,
            suspended: None,
            failed: false,
            wrong: None,
            tally: Tally::default(),
            past: Statistics::default(),
            past_dropped: 0,
            past_early: 0,
            bad_reads: 0,
            holds_keeper: false,
            trace: false,
            checks_save: true,
            last_answer: None,
            was_saved: false,
        })
    }

    /// Where things lie.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The zone of a name.
    pub fn zone_of(&self, name: Name) -> usize {
        self.sharing.zone(name) as usize
    }

    /// Everything that the zones have counted, since the first one was made.
    pub fn statistics(&self) -> Statistics {
        let mut sum = self.past;
        for zone in &self.zones {
            sum.add(&zone.statistics());
        }
        sum
    }

    /// Records that may be missing for lack of room, which was counted.
    pub fn without_room(&self) -> u64 {
        let sum = self.statistics();
        let early: u64 = self.zones.iter().map(Zone::expired_early).sum();
        sum.discarded
            + sum.restore_dropped
            + self.past_dropped
            + self.keeper.statistics().records_dropped
            + (early + self.past_early) * self.shape.geometry().chapter_records
    }

    /// Sends a request to open the index.
    pub fn open(&mut self, mode: OpenMode) {
        self.opened = None;
        self.keeper_event(KeeperEvent::Open(mode));
    }

    /// Asks for something; the number of the request.
    pub fn ask(&mut self, kind: RequestKind, name: Name) -> RequestId {
        self.requests += 1;
        let request = Request {
            id: RequestId(self.requests),
            kind,
            name,
        };
        self.asked.insert(self.requests, request);
        let zone = self.zone_of(name);
        self.queues[zone].push_back(request);
        request.id
    }

    /// Requests that have no answer yet.
    pub fn unanswered(&self) -> usize {
        self.asked.len()
    }

    /// Comes to rest.
    pub fn suspend(&mut self, save: bool) {
        self.suspended = None;
        self.keeper_event(KeeperEvent::Suspend { save });
    }

    /// Goes on.
    pub fn resume(&mut self, replaced: bool) {
        self.was_saved = false;
        self.keeper_event(KeeperEvent::Resume { replaced });
    }

    /// The power goes, and comes back; with so many zones from then on.
    pub fn crash(self, zones: u32, random: &mut Rng) -> Self {
        let mut world = self;
        world.disk.crash(random);
        world.tally.crashes += 1;
        world.restart(zones)
    }

    /// Everything in memory is lost; what was on its way to the disk stays where it is.
    pub fn restart(self, zones: u32) -> Self {
        let past = self.statistics();
        let early: u64 = self.zones.iter().map(Zone::expired_early).sum();
        let past_early = self.past_early + early;
        let past_dropped = self.past_dropped + self.keeper.statistics().records_dropped;
        let shape = Shape {
            zones,
            ..self.shape
        };
        let mut tally = self.tally;
        tally.chapters += self.keeper.statistics().chapters_written;
        let mut disk = self.disk;
        disk.fails_writes = false;
        Self {
            tally,
            past,
            past_dropped,
            past_early,
            bad_reads: self.bad_reads,
            trace: self.trace,
            requests: self.requests,
            ..Self::new(shape, self.model, disk)
        }
    }

    /// Runs until nothing is left to be done.
    ///
    /// # Errors
    ///
    /// What went wrong; that something never ends is wrong.
    pub fn run(&mut self, random: &mut Rng) -> Result<(), String> {
        for _ in 0..4_000_000 {
            if !self.step(random)? {
                return Ok(());
            }
        }
        Err("it never ends".to_owned())
    }

    /// Opens the index and compares what it says of itself with the promise.
    ///
    /// # Errors
    ///
    /// What went wrong.
    pub fn open_and_run(&mut self, mode: OpenMode, random: &mut Rng) -> Result<Opened, String> {
        self.open(mode);
        self.run(random)?;
        match self.opened {
            Some(Ok(opened)) => Ok(opened),
            other => Err(format!("opening by {mode:?} ended with {other:?}")),
        }
    }

    /// Asks for one thing and waits for the answer.
    ///
    /// # Errors
    ///
    /// What went wrong; a request without an answer is wrong.
    pub fn ask_and_run(
        &mut self,
        kind: RequestKind,
        name: Name,
        random: &mut Rng,
    ) -> Result<dm_spare_engine::index::Answer, String> {
        let id = self.ask(kind, name);
        self.run(random)?;
        match self.last_answer {
            Some((answered, answer)) if answered == id => Ok(answer),
            _ => Err(format!("{id:?} was not answered")),
        }
    }

    /// Nothing may wait when nothing is under way.
    ///
    /// # Errors
    ///
    /// What waits.
    pub fn check_rest(&self) -> Result<(), String> {
        let waiting: usize = self.zones.iter().map(Zone::waiting).sum();
        if !self.asked.is_empty() || waiting != 0 {
            return Err(format!(
                "{} requests are never answered, {waiting} wait",
                self.asked.len()
            ));
        }
        Ok(())
    }

    /// Looks every name up that should be known.
    ///
    /// # Errors
    ///
    /// What went wrong.
    pub fn look_everything_up(&mut self, random: &mut Rng) -> Result<(), String> {
        let sharing = self.sharing;
        for (name, _) in self.model.expected(|name| sharing.zone(name) as usize) {
            self.ask(RequestKind::Peek, name);
        }
        self.run(random)?;
        self.check_rest()
    }

    fn note(&self, what: impl FnOnce() -> String) {
        if self.trace {
            println!("  {}", what());
        }
    }

    fn fault(&mut self, what: String) {
        self.wrong.get_or_insert(what);
    }

    fn take_verdict(&mut self, verdict: Verdict, request: &Request) {
        match verdict {
            Verdict::Kept => {}
            Verdict::Lost => {
                self.note(|| format!("lost: {request:?}"));
                self.tally.lost += 1;
            }
            Verdict::Older => {
                self.note(|| format!("older: {request:?}"));
                self.tally.older += 1;
            }
        }
    }

    fn keeper_event(&mut self, event: KeeperEvent) {
        let mut actions = Vec::new();
        self.keeper
            .handle(event, &mut |action| actions.push(action));
        for action in actions {
            self.keeper_action(action);
        }
    }

    fn keeper_action(&mut self, action: KeeperAction) {
        match action {
            KeeperAction::Io(io) => self.begin(Owner::Keeper, io),
            KeeperAction::Tell { zone, message } => self.to_zones[zone as usize].push_back(message),
            KeeperAction::Opened(result) => self.take_opened(result),
            KeeperAction::Suspended { saved } => {
                if !self.flights.is_empty() {
                    self.fault("suspended with I/O under way".to_owned());
                }
                self.suspended = Some(saved);
                self.was_saved = saved;
            }
            KeeperAction::Failed => self.failed = true,
        }
    }

    fn take_opened(&mut self, result: Result<Opened, OpenError>) {
        self.tally.opens += 1;
        self.opened = Some(result);
        let Ok(opened) = result else { return };
        self.note(|| format!("opened: {opened:?}"));
        if opened.window.newest < self.model.durable
            && self.disk.damaged + self.keeper.statistics().read_errors == 0
        {
            self.fault(format!(
                "{:?} was durable, and the newest is {:?}",
                self.model.durable, opened.window.newest
            ));
        }
        self.model.restarted(
            self.zones.len(),
            opened.window.oldest,
            opened.window.newest,
            opened.was_clean,
        );
    }
}
