// SPDX-License-Identifier: GPL-2.0-only

//! A short run, and a crash whenever what a crash may leave behind has changed: at every write and every flush. At each
//! of these moments the blocks that are not durable are lost, stored, or torn, in many ways that are all tried.

use super::user::{self, update};
use super::world::{Shape, World};
use super::{disk::Disk, names};
use crate::rng::Rng;
use dm_spare_engine::index::{OpenError, OpenMode, Parameters, RequestKind};

const CREATE: OpenMode = OpenMode::Create { uuid: [9; 16] };
/// Sectors of a torn block that are stored, as bit masks: the first one, all others, the first half, every other one.
const TORN: [u8; 4] = [0x01, 0xfe, 0x0f, 0xaa];
/// Records of a chapter.
const CHAPTER: u64 = 184;

/// What was tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Moments at which crashes were tried.
    pub moments: u64,
    /// Crashes.
    pub crashes: u64,
    /// Names that were found afterwards.
    pub found: u64,
}

impl Tally {
    /// Adds another one.
    pub fn add(&mut self, other: &Self) {
        self.moments += other.moments;
        self.crashes += other.crashes;
        self.found += other.found;
    }
}

/// The indexes with which it is tried.
pub fn shapes() -> Vec<Shape> {
    let shape = |zones, sparse_chapters| Shape {
        parameters: Parameters {
            pages: 1,
            dense_chapters: 3,
            sparse_chapters,
            checkpoint_chapters: 2,
            bucket_bits: 2,
        },
        zones,
        waiting: 40,
        cache_pages: 8,
    };
    vec![shape(1, 0), shape(2, 0), shape(2, 2)]
}

/// What remains of the blocks that are not durable: those but `but` are stored or not, and of that one a part.
#[derive(Clone, Copy, Debug)]
struct Rest {
    others: u8,
    but: usize,
    mask: u8,
}

impl Rest {
    /// All that are tried with so many blocks.
    fn all(blocks: usize) -> Vec<Self> {
        let masks = |others: u8| TORN.into_iter().chain([!others]);
        let rest = |others, but, mask| Self { others, but, mask };
        [0, u8::MAX]
            .into_iter()
            .flat_map(|others| {
                let parts = (0..blocks)
                    .flat_map(move |but| masks(others).map(move |mask| rest(others, but, mask)));
                parts.chain([rest(others, blocks, others)])
            })
            .collect()
    }
}

/// A run.
struct Run {
    world: World,
    random: Rng,
    tally: Tally,
    /// What was the case at the last moment.
    seen: (u64, u64),
}

/// Makes the run with one index.
///
/// # Errors
///
/// What went wrong.
pub fn run(shape: Shape) -> Result<Tally, String> {
    let mut run = Run {
        world: World::new(shape, user::model(shape), Disk::default()),
        random: Rng::new(1),
        tally: Tally::default(),
        seen: (0, 0),
    };
    run.world.open(CREATE);
    run.go_on()?;
    run.posts(1..5 * CHAPTER + 60)?;
    // What is saved, saved again, and then discarded.
    for _ in 0..2 {
        run.suspend()?;
        run.world.resume(false);
        run.posts(5 * CHAPTER + 30..5 * CHAPTER + 90)?;
    }
    run.ask(update(4 * CHAPTER), 4 * CHAPTER)?;
    run.ask(RequestKind::Delete, 4 * CHAPTER + 1)?;
    run.posts(5 * CHAPTER + 90..7 * CHAPTER)?;
    run.suspend()?;
    let zones = 3 - shape.zones;
    run.world = run.world.restart(zones);
    run.world.open(OpenMode::Load);
    run.go_on()?;
    run.posts(7 * CHAPTER..9 * CHAPTER)?;
    Ok(run.tally)
}

impl Run {
    fn posts(&mut self, numbers: std::ops::Range<u64>) -> Result<(), String> {
        for number in numbers {
            let name = self.world.model.name(number);
            let data = names::data(number, 1);
            self.world.ask(RequestKind::Post(data), name);
        }
        self.go_on()
    }

    fn ask(&mut self, kind: RequestKind, number: u64) -> Result<(), String> {
        let name = self.world.model.name(number);
        self.world.ask(kind, name);
        self.go_on()
    }

    fn suspend(&mut self) -> Result<(), String> {
        self.world.suspend(true);
        self.go_on()?;
        match self.world.suspended {
            Some(true) => Ok(()),
            other => Err(format!("the suspend ended with {other:?}")),
        }
    }

    /// Lets everything end, and crashes on the way.
    fn go_on(&mut self) -> Result<(), String> {
        while self.world.step(&mut self.random)? {
            // What is promised may change later than what is on the disk.
            let now = (self.world.disk.changes, self.world.model.durable.0);
            if self.seen != now {
                self.seen = now;
                self.crashes()?;
            }
        }
        self.crashes()?;
        self.world.check_rest()
    }

    /// All crashes of this moment.
    fn crashes(&mut self) -> Result<(), String> {
        self.tally.moments += 1;
        for rest in Rest::all(self.world.disk.volatile_blocks()) {
            self.tally.crashes += 1;
            let moment = self.tally.moments;
            self.tally.found += self
                .crash(rest)
                .map_err(|wrong| format!("moment {moment}, {rest:?}: {wrong}"))?;
        }
        Ok(())
    }

    /// One crash, and what is found afterwards.
    fn crash(&self, rest: Rest) -> Result<u64, String> {
        let mut disk = self.world.disk.clone();
        disk.crash_keeping(|number| {
            if number == rest.but {
                rest.mask
            } else {
                rest.others
            }
        });
        let shape = self.world.shape;
        let mut world = World::new(shape, self.world.model.clone(), disk);
        let mut random = self.random.clone();
        world.open(OpenMode::Load);
        world.run(&mut random)?;
        match world.opened {
            Some(Ok(opened)) if !opened.rebuilt => {}
            // It was about to be made.
            Some(Err(OpenError::NoIndex)) if self.world.opened.is_none() => return Ok(0),
            other => return Err(format!("opening ended with {other:?}")),
        }
        world.look_everything_up(&mut random)?;
        let statistics = world.statistics();
        let damaged = statistics.invalid_pages + statistics.invalid_filters;
        if damaged + statistics.segments_lost != 0 {
            return Err(format!("damage that nobody did: {statistics:?}"));
        }
        let tolerated = world.without_room() + self.world.without_room() + world.model.risen;
        if world.tally.lost > tolerated {
            return Err(format!("{} names are lost", world.tally.lost));
        }
        Ok(world.tally.found)
    }
}
