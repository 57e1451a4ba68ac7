// SPDX-License-Identifier: GPL-2.0-only

//! A random run: everything follows from its seed.

use super::album::Album;
use super::content::Value;
use super::rot;
use super::world::{Shape, Slow, Tally, World};
use crate::rng::Rng;
use dm_spare_engine::dedup::{Event, Fill, Lbn, RequestKind};

/// A run.
struct Plan {
    random: Rng,
    world: World,
    /// Contents that are written, few of them so that there are duplicates.
    contents: u64,
    /// Blocks of the volume that are used most lie in the middle of so many places.
    places: u64,
    /// Hardly anything is discarded, and little is written twice, so that the pool becomes full.
    fills_up: bool,
    /// Crashes also hit activations.
    crashes_twice: bool,
}

/// Runs a seed.
///
/// # Errors
///
/// What went wrong.
pub fn run(seed: u64, steps: u32, trace: bool) -> Result<Tally, String> {
    Plan::new(seed, trace).run(steps)
}

/// Runs a seed, with fingerprints as the module makes them, and keeps what lies on the legs before and behind each
/// activation.
///
/// # Errors
///
/// What went wrong.
pub fn run_for_album(seed: u64, steps: u32, album: Album) -> Result<Tally, String> {
    let mut plan = Plan::new(seed, false);
    plan.world.shape.hashing.weak = 0;
    plan.world.album = Some(album);
    plan.run(steps)
}

impl Plan {
    fn run(mut self, steps: u32) -> Result<Tally, String> {
        self.world.activate_and_check(&mut self.random)?;
        for _ in 0..steps {
            self.step()?;
        }
        self.end()
    }

    fn new(seed: u64, trace: bool) -> Self {
        let mut random = Rng::new(seed);
        let weak = match random.below(3) {
            0 => 0,
            1 => 3,
            _ => 11,
        };
        let operations = 1 + random.below(8) as u32;
        let fills_up = random.one_in(3);
        let data_blocks = match random.below(4) {
            0 => 70 + random.below(40) as u64,
            // Several pool pages, all of which are nearly full soon.
            _ if fills_up => 230 + random.below(200) as u64,
            _ => 200 + random.below(500) as u64,
        };
        let map_pages = 1 + random.below(40) as u64;
        let mut shape = Shape::small(data_blocks, map_pages, operations, weak);
        let settings = &mut shape.settings;
        settings.trusts_fingerprints = weak == 0 && random.one_in(3);
        settings.checks_reads = random.one_in(3);
        settings.first_pool_page = random.below(4) as u32;
        settings.journal_buffers = 16 + random.below(17) as u32;
        settings.write_buffers = 1 + random.below(4) as u32;
        settings.cache_pages += random.below(12) as u32;
        let mut world = World::new(shape);
        world.trace = trace;
        world.index_lies = random.below(5);
        world.bad_data_writes = if random.one_in(4) { 20 } else { 0 };
        world.patience = if random.one_in(2) { 200 } else { 2000 };
        world.reads_outside = random.one_in(2);
        world.slow = match random.below(4) {
            0 => Slow::Nothing,
            1 => Slow::DataReads,
            2 => Slow::PageWrites,
            _ => Slow::PageReads,
        };
        let contents = if fills_up || random.one_in(3) {
            1000
        } else {
            10
        };
        let places = if fills_up {
            data_blocks - 40 + random.below(60) as u64
        } else {
            1 + random.below(200) as u64
        };
        Self {
            contents,
            places,
            fills_up,
            crashes_twice: random.one_in(2),
            random,
            world,
        }
    }

    fn lbn(&mut self) -> u64 {
        let blocks = self.world.shape.settings.geometry.logical_blocks;
        let place = self.random.below(self.places as usize) as u64;
        // Spread over the volume, so that many pages are used.
        (place * 331 + place / 7) % blocks
    }

    fn step(&mut self) -> Result<(), String> {
        let operations = self.world.shape.settings.operations as usize;
        if self.world.unanswered() < operations && self.random.below(3) != 0 {
            self.ask();
        } else if !self.world.deliver(&mut self.random)? && self.world.unanswered() > 0 {
            return Err("requests are under way and nothing else is".to_owned());
        }
        match self.random.below(400) {
            0 => self.crash(),
            1 => self.rest(),
            2 if self.random.one_in(10) => self.lose_metadata(),
            3..=8 => {
                self.world.send(Event::Commit);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn ask(&mut self) {
        let lbn = self.lbn();
        let fua = self.random.one_in(12);
        let blocks = self.world.shape.settings.geometry.logical_blocks;
        let longest = (blocks - lbn).min(if self.random.one_in(6) { 2000 } else { 5 });
        let count = 1 + self.random.below(longest as usize) as u64;
        let kinds = if self.fills_up && !self.random.one_in(30) {
            17
        } else {
            20
        };
        match self.random.below(kinds) {
            0..=10 => {
                let number = 1 + self.random.below(self.contents as usize) as u64;
                self.world.write(lbn, Value::Data(number), fua);
            }
            11 => self.world.write(lbn, Value::Zero, fua),
            12..=14 => {
                let lbn = Lbn(lbn);
                let blocks = count.min(900);
                self.world.ask(RequestKind::Read { lbn, blocks }, None);
            }
            15 | 16 => self.world.ask(RequestKind::Flush, None),
            other => {
                let fill = match other {
                    17 => Fill::Unmapped,
                    18 => Fill::Zero,
                    _ => Fill::Poisoned,
                };
                // Losses are rare, and short.
                let blocks = if fill == Fill::Poisoned { 1 } else { count };
                let lbn = Lbn(lbn);
                let kind = RequestKind::Fill {
                    lbn,
                    blocks,
                    fill,
                    fua,
                };
                self.world.ask(kind, None);
            }
        }
    }

    fn crash(&mut self) -> Result<(), String> {
        self.world = if self.random.one_in(3) {
            self.world.reset()
        } else {
            self.world.crash(&mut self.random)
        };
        while self.crashes_twice && self.random.one_in(2) {
            self.world.activate();
            // Replay reads the journal block by block, and writes pages only then.
            let most = [60, 300][self.random.below(2)];
            for _ in 0..self.random.below(most) {
                self.world.deliver(&mut self.random)?;
            }
            self.world = self.world.crash(&mut self.random);
        }
        // What rots is what the disks hold, so nothing may be left in their caches.
        let is_settled = self
            .world
            .disks
            .iter()
            .all(|disk| disk.undecided().is_empty());
        // What is rotten is no sight for an album of what crashes leave.
        if is_settled && self.world.album.is_none() && self.random.one_in(4) {
            rot::checkpoints(&mut self.world, &mut self.random)?;
            rot::journal(&self.world, &mut self.random)?;
        }
        self.world.activate_and_check(&mut self.random)
    }

    /// Suspends; sometimes the next thing is another volume on the same disks, without a crash.
    fn rest(&mut self) -> Result<(), String> {
        self.world.run(&mut self.random)?;
        self.world.suspended = None;
        self.world.send(Event::Suspend);
        self.world.run(&mut self.random)?;
        if self.world.suspended != Some(true) {
            return Err(format!("suspended: {:?}", self.world.suspended));
        }
        if self.random.one_in(2) {
            self.world.send(Event::Resume);
            return Ok(());
        }
        self.world = self.world.crash_plainly(false);
        self.world.activate_and_check(&mut self.random)?;
        match self.world.activated {
            Some(Ok(activation)) if activation.was_clean => Ok(()),
            other => Err(format!("not clean after a suspend: {other:?}")),
        }
    }

    /// From some time on writes of metadata fail; reads go on. Then the power goes.
    fn lose_metadata(&mut self) -> Result<(), String> {
        self.world.bad_metadata_writes = true;
        for _ in 0..self.random.below(60) {
            let operations = self.world.shape.settings.operations as usize;
            if self.world.unanswered() < operations {
                self.ask();
            }
            self.world.deliver(&mut self.random)?;
        }
        self.world.run(&mut self.random)?;
        self.world.ask(RequestKind::Flush, None);
        self.world.run(&mut self.random)?;
        if self.world.read_only {
            self.world.send(Event::Suspend);
            self.world.run(&mut self.random)?;
            if self.world.suspended != Some(false) {
                return Err("suspended as if nothing were wrong".to_owned());
            }
        }
        self.crash()
    }

    fn end(mut self) -> Result<Tally, String> {
        self.world.run(&mut self.random)?;
        self.world.ask(RequestKind::Flush, None);
        self.world.run(&mut self.random)?;
        self.crash()?;
        let blocks: Vec<u64> = self.world.model.blocks().collect();
        for lbn in blocks {
            let lbn = Lbn(lbn);
            self.world.ask(RequestKind::Read { lbn, blocks: 1 }, None);
            self.world.run(&mut self.random)?;
        }
        // With weak fingerprints another content may pass.
        let finds_rot =
            self.world.shape.settings.checks_reads && self.world.shape.hashing.weak == 0;
        if finds_rot {
            rot::data(&mut self.world, &mut self.random)?;
        }
        Ok(self.world.tally_now())
    }
}
