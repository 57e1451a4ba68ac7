// SPDX-License-Identifier: GPL-2.0-only

//! A random run: everything follows from its seed.

use super::disk::Disk;
use super::model::Model;
use super::names::Weakness;
use super::world::{Shape, Tally, World};
use crate::rng::Rng;
use dm_spare_engine::index::{Name, OpenError, OpenMode, Parameters, RequestKind};

/// What may happen in a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Faults {
    /// Blocks rot, cannot be read, or hold what belongs elsewhere.
    damage: bool,
    /// Reads fail for once.
    bad_reads: bool,
    /// Writes fail.
    bad_writes: bool,
}

/// One run.
pub struct Plan {
    random: Rng,
    faults: Faults,
    weakness: Weakness,
    /// Names that are used, those around `center` most.
    names: u64,
    center: u64,
    world: Option<World>,
    zones_maximum: u32,
    trace: bool,
}

/// Runs a seed.
///
/// # Errors
///
/// What went wrong.
pub fn run(seed: u64, steps: u32, trace: bool) -> Result<Tally, String> {
    let mut plan = Plan::new(seed, trace);
    plan.begin()?;
    for _ in 0..steps {
        plan.step()?;
    }
    plan.end()
}

impl Plan {
    fn new(seed: u64, trace: bool) -> Self {
        let mut random = Rng::new(seed);
        let random = &mut random;
        let weakness = match random.below(8) {
            0 => Weakness::High(4 + random.below(13) as u32),
            1 => Weakness::Spread(4 + random.below(13) as u32),
            2 => Weakness::Low(4 + random.below(13) as u32),
            _ => Weakness::Strong,
        };
        let faults = Faults {
            damage: random.one_in(4),
            bad_reads: random.one_in(4),
            bad_writes: random.one_in(4),
        };
        let zones_maximum = 1 + random.below(3) as u32;
        let is_sparse = random.one_in(3);
        let shape = Shape {
            parameters: Parameters {
                pages: 1 + random.below(3) as u32,
                dense_chapters: 3 + random.below(8) as u32,
                sparse_chapters: if is_sparse {
                    2 + random.below(9) as u32
                } else {
                    0
                },
                checkpoint_chapters: 1 + random.below(5) as u32,
                bucket_bits: 1 + random.below(3) as u32,
            },
            zones: zones_maximum,
            waiting: 1 + random.below(40) as u32,
            cache_pages: 1 + random.below(30) as u64,
        };
        let window = u64::from(shape.parameters.pages * shape.parameters.dense_chapters) * 184;
        let names = 50 + random.below((2 * window) as usize) as u64;
        let dense = u64::from(shape.parameters.dense_chapters);
        let zones = shape.zones as usize;
        let model = if is_sparse {
            let sparse = u64::from(shape.parameters.sparse_chapters);
            Model::sparse(zones, weakness, dense + sparse, dense)
        } else {
            Model::new(zones, weakness, dense)
        };
        let mut world = World::new(shape, model, Disk::default());
        world.trace = trace;
        Self {
            faults,
            weakness,
            names,
            center: 0,
            world: Some(world),
            zones_maximum,
            random: random.clone(),
            trace,
        }
    }

    fn world(&mut self) -> &mut World {
        self.world.as_mut().expect("there always is one")
    }

    fn begin(&mut self) -> Result<(), String> {
        let uuid = [self.random.below(256) as u8; 16];
        let Self { world, random, .. } = self;
        let world = world.as_mut().expect("there always is one");
        if self.trace {
            println!("{:?}, {:?}, {:?}", world.shape, self.faults, self.weakness);
        }
        if let Ok(opened) = world.open_and_run(OpenMode::Load, random) {
            return Err(format!("nothing was opened as {opened:?}"));
        }
        if world.opened != Some(Err(OpenError::NoIndex)) {
            return Err(format!("nothing was opened as {:?}", world.opened));
        }
        self.world = self.world.take().map(|world| {
            let zones = world.shape.zones;
            world.restart(zones)
        });
        let Self { world, random, .. } = self;
        let world = world.as_mut().expect("there always is one");
        world.open_and_run(OpenMode::Create { uuid }, random)?;
        if self.faults.bad_reads {
            world.bad_reads = 20;
        }
        Ok(())
    }

    fn name(&mut self) -> Name {
        let near = self.random.below(self.names as usize) as u64;
        let number = if self.random.one_in(3) {
            near
        } else {
            self.center += 1;
            self.center
        };
        let number = number % (2 * self.names);
        self.world().model.name(number)
    }

    fn ask(&mut self) {
        let name = self.name();
        let kind = match self.random.below(12) {
            0..=3 | 10..=11 => RequestKind::Post(self.world().model.new_data(name)),
            4..=5 => RequestKind::Update(self.world().model.new_data(name)),
            6 => RequestKind::Query,
            7..=8 => RequestKind::Peek,
            _ => RequestKind::Delete,
        };
        self.world().ask(kind, name);
    }

    fn step(&mut self) -> Result<(), String> {
        match self.random.below(100) {
            0..=2 => self.stop(),
            3..=5 => self.crash(),
            6..=7 => self.pause(),
            8 => self.damage(),
            9 if self.faults.bad_writes => self.break_disk(),
            10..=12 => self.settle(),
            _ => {
                for _ in 0..self.random.below(400) {
                    self.ask();
                }
                for _ in 0..self.random.below(1000) {
                    let Self { world, random, .. } = self;
                    if !world.as_mut().expect("one").step(random)? {
                        break;
                    }
                }
                Ok(())
            }
        }
    }

    /// Lets everything end, and compares.
    fn settle(&mut self) -> Result<(), String> {
        let Self { world, random, .. } = self;
        let world = world.as_mut().expect("one");
        world.run(random)?;
        world.check_rest()?;
        self.compare()
    }

    /// What was lost must have been counted.
    fn compare(&mut self) -> Result<(), String> {
        let faults = self.faults;
        let weakness = self.weakness;
        let world = self.world();
        let is_whole = world.disk.damaged == 0 && !faults.bad_reads;
        let sum = world.statistics();
        if is_whole && sum.invalid_pages + sum.invalid_filters + sum.segments_lost != 0 {
            return Err(format!(
                "pages or segments are damaged, and nobody did it: {sum:?}"
            ));
        }
        // Weak names push each other out of the volume index, which answers four chapters at most.
        let is_strong = weakness == Weakness::Strong;
        if is_whole && is_strong && world.tally.lost > world.without_room() + world.model.risen {
            return Err(format!(
                "{} names were lost, {} for lack of room, {} through deleted records",
                world.tally.lost,
                world.without_room(),
                world.model.risen
            ));
        }
        // After a start several chapters may have a name, of which a deletion forgets the newest. Filters of sparse
        // chapters know nothing of deletions.
        let is_first = world.tally.opens <= 2 && !world.shape.geometry().is_sparse();
        if is_whole && is_strong && is_first && world.tally.older > world.without_room() {
            return Err(format!("{} older records came back", world.tally.older));
        }
        Ok(())
    }

    /// The driver stops the index and starts another.
    fn stop(&mut self) -> Result<(), String> {
        let save = !self.random.one_in(4);
        let Self { world, random, .. } = self;
        let one = world.as_mut().expect("one");
        one.suspend(save);
        one.run(random)?;
        one.check_rest()?;
        if one.suspended.is_none() {
            return Err("a suspend was not answered".to_owned());
        }
        self.compare()?;
        self.reopen(false)
    }

    /// The index rests for a while; meanwhile it may get another disk.
    fn pause(&mut self) -> Result<(), String> {
        let save = self.random.one_in(2);
        let replaced = self.random.one_in(2);
        let Self { world, random, .. } = self;
        let world = world.as_mut().expect("one");
        world.suspend(save);
        world.run(random)?;
        world.check_rest()?;
        if world.suspended.is_none() {
            return Err("a suspend was not answered".to_owned());
        }
        if replaced {
            world.disk.settle_all();
            world.disk = world.disk.copy();
        }
        world.resume(replaced);
        Ok(())
    }

    fn crash(&mut self) -> Result<(), String> {
        self.reopen(true)?;
        // A second and a third one, while the first is being mended.
        while self.random.one_in(3) {
            self.reopen(true)?;
        }
        Ok(())
    }

    fn reopen(&mut self, crash: bool) -> Result<(), String> {
        let zones = 1 + self.random.below(self.zones_maximum as usize) as u32;
        let early = crash && self.random.one_in(3);
        let Self { world, random, .. } = self;
        let old = world.take().expect("one");
        let was_saved = old.was_saved && !crash;
        let mut new = if crash {
            old.crash(zones, random)
        } else {
            old.restart(zones)
        };
        let mode = if random.one_in(8) {
            OpenMode::Rebuild
        } else {
            OpenMode::Load
        };
        new.open(mode);
        if early {
            // The next crash comes before this is done.
            for _ in 0..random.below(300) {
                new.step(random)?;
            }
            *world = Some(new);
            return self.reopen(true);
        }
        if random.one_in(4) {
            for _ in 0..random.below(100) {
                new.step(random)?;
            }
            new.suspend(false);
            new.run(random)?;
            if new.suspended.is_none() {
                return Err("a suspend while loading was not answered".to_owned());
            }
            new.resume(random.one_in(2));
        }
        new.run(random)?;
        if new.opened == Some(Err(OpenError::Storage)) && new.bad_reads != 0 {
            // Neither superblock could be read.
            *world = Some(new);
            return self.reopen(true);
        }
        let Some(Ok(opened)) = new.opened else {
            return Err(format!("opening ended with {:?}", new.opened));
        };
        if was_saved && !opened.was_clean && new.disk.damaged == 0 && new.bad_reads == 0 {
            return Err("what was saved did not come back".to_owned());
        }
        if new.disk.damaged != 0 {
            new.model.doubt();
        }
        if !random.one_in(3) {
            new.look_everything_up(random)?;
        }
        *world = Some(new);
        self.compare()
    }

    /// Damages blocks between the superblocks.
    fn damage(&mut self) -> Result<(), String> {
        if !self.faults.damage {
            return Ok(());
        }
        let blocks = self.world().layout().blocks;
        for _ in 0..1 + self.random.below(5) {
            let Self { world, random, .. } = self;
            let disk = &mut world.as_mut().expect("one").disk;
            match random.below(3) {
                0 => disk.rot(1, blocks - 1, random),
                1 => disk.spoil(1, blocks - 1, random),
                _ => disk.misplace(1, blocks - 1, random),
            }
        }
        self.world().model.doubt();
        Ok(())
    }

    /// Writes fail until the index is started again.
    fn break_disk(&mut self) -> Result<(), String> {
        self.world().disk.fails_writes = true;
        for _ in 0..200 {
            self.ask();
        }
        let Self { world, random, .. } = self;
        let one = world.as_mut().expect("one");
        one.run(random)?;
        one.check_rest()?;
        one.suspend(true);
        one.run(random)?;
        if one.suspended != Some(false) {
            return Err(format!("a suspend on a broken disk: {:?}", one.suspended));
        }
        self.reopen(true)
    }

    fn end(mut self) -> Result<Tally, String> {
        self.settle()?;
        let world = self.world.take().expect("one");
        let mut tally = world.tally;
        tally.chapters += world.keeper.statistics().chapters_written;
        Ok(tally)
    }
}
