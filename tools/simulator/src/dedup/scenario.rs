// SPDX-License-Identifier: GPL-2.0-only

//! Courses of events that random runs hardly ever come to: blocks that are freed while somebody still needs them, in the
//! only moments in which that is not seen at once.

use super::content::Value;
use super::world::{Shape, Slow, World};
use crate::rng::Rng;
use dm_spare_engine::dedup::{Fill, Lbn, RequestKind};

/// Map pages that are used besides the first: more than the cache holds.
const OTHER_PAGES: u64 = 30;

/// Runs all of them.
///
/// # Errors
///
/// What went wrong, in which.
pub fn run_all() -> Result<(), String> {
    type Scenario = fn() -> Result<(), String>;
    let all: [(&str, Scenario); 4] = [
        ("a read outlives its pool page", read_outlives_pool_page),
        ("a read without the volume is slow", outside_read_is_slow),
        (
            "a read without the volume outlives its pool page",
            outside_read_outlives_pool_page,
        ),
        ("a write waits to share what is freed", freed_before_shared),
    ];
    for (name, scenario) in all {
        scenario().map_err(|wrong| format!("{name}: {wrong}"))?;
    }
    Ok(())
}

struct Stage {
    world: World,
    random: Rng,
}

impl Stage {
    /// A volume of one pool page, all of whose blocks but `free` are used, by the first blocks of the volume.
    fn new(weak: u64, free: u64) -> Result<Self, String> {
        let mut random = Rng::new(1);
        let mut world = World::new(Shape::small(70, OTHER_PAGES + 1, 4, weak));
        world.activate_and_check(&mut random)?;
        let mut stage = Self { world, random };
        for page in 1..=OTHER_PAGES {
            stage.fill(page * 809, Fill::Poisoned)?;
        }
        for lbn in 0..stage.world.status().data_blocks - free {
            stage.world.write(lbn, Value::Data(1000 + lbn), false);
            stage.finish()?;
        }
        Ok(stage)
    }

    fn finish(&mut self) -> Result<(), String> {
        self.world.run(&mut self.random)
    }

    /// Lets everything end that is not slow.
    fn finish_quick(&mut self) -> Result<(), String> {
        while self.world.deliver_quick(&mut self.random)? {}
        Ok(())
    }

    /// Changes one block, durably.
    fn fill(&mut self, lbn: u64, fill: Fill) -> Result<(), String> {
        let kind = RequestKind::Fill {
            lbn: Lbn(lbn),
            blocks: 1,
            fill,
            fua: true,
        };
        self.world.ask(kind, None);
        self.finish_quick()
    }

    fn read(&mut self, lbn: u64) {
        let lbn = Lbn(lbn);
        self.world.ask(RequestKind::Read { lbn, blocks: 1 }, None);
    }

    /// Has all pages written back, and others in memory in their place.
    fn forget_pages(&mut self) -> Result<(), String> {
        let checkpoint = self.world.status().checkpoint;
        for round in 0..200 {
            if self.world.status().checkpoint >= checkpoint + 2 {
                break;
            }
            let fill = [Fill::Unmapped, Fill::Poisoned][round % 2];
            self.fill(809, fill)?;
        }
        for page in (1..=OTHER_PAGES).chain(1..=OTHER_PAGES) {
            self.read(page * 809 + 1);
            self.finish_quick()?;
        }
        Ok(())
    }
}

/// A block is read, freed durably, and its pool page leaves memory and comes back: it still must not be written.
fn read_outlives_pool_page() -> Result<(), String> {
    let mut stage = Stage::new(0, 0)?;
    stage.world.slow = Slow::DataReads;
    stage.read(0);
    stage.fill(0, Fill::Zero)?;
    stage.forget_pages()?;
    stage.world.write(1, Value::Data(7), false);
    stage.finish_quick()?;
    if stage.world.unanswered() != 2 {
        return Err("the only free block is still read, and was given away".to_owned());
    }
    stage.finish()?;
    if stage.world.status().counters.without_space != 0 {
        return Err("the write did not wait".to_owned());
    }
    Ok(())
}

/// A block is read without the volume, and freed durably: it still must not be written.
fn outside_read_is_slow() -> Result<(), String> {
    outlasts_freeing(|_| Ok(()))
}

/// The same, when the pool page has left memory and comes back.
fn outside_read_outlives_pool_page() -> Result<(), String> {
    outlasts_freeing(Stage::forget_pages)
}

/// A read without the volume begins before a block is freed, durably, and ends after `meanwhile`.
fn outlasts_freeing(meanwhile: fn(&mut Stage) -> Result<(), String>) -> Result<(), String> {
    let mut stage = Stage::new(0, 0)?;
    let last = stage.world.status().data_blocks - 1;
    stage.world.reads_outside = true;
    stage.fill(last, Fill::Zero)?;
    stage.world.reads_outside = false;
    if !stage.world.is_busy() {
        return Err("no read without the volume has begun".to_owned());
    }
    meanwhile(&mut stage)?;
    stage.world.write(1, Value::Data(7), false);
    stage.finish_quick()?;
    if stage.world.unanswered() != 1 {
        return Err("the only free block is still read, and was given away".to_owned());
    }
    stage.finish()?;
    if stage.world.status().counters.without_space != 0 {
        return Err("the write did not wait".to_owned());
    }
    Ok(())
}

/// Two writes have the same content; before the second can share the first one's block, that is overwritten, and another
/// content with the same fingerprint looks for a block.
fn freed_before_shared() -> Result<(), String> {
    let mut stage = Stage::new(1, 1)?;
    stage.forget_pages()?;
    // Its pages are in memory from now on, and one block is free again.
    stage.world.write(0, Value::Data(2000), true);
    stage.finish()?;
    stage.world.slow = Slow::PageReads;
    let (first, second) = (100, 809 + 7);
    stage.world.write(first, Value::Data(5), false);
    stage.world.write(second, Value::Data(5), false);
    stage.finish_quick()?;
    if stage.world.unanswered() != 1 {
        return Err("only the second was to wait for its map page".to_owned());
    }
    stage.fill(first, Fill::Zero)?;
    stage.world.write(101, Value::Data(6), false);
    stage.finish_quick()?;
    stage.finish()?;
    for lbn in [first, second, 101] {
        stage.read(lbn);
        stage.finish()?;
    }
    Ok(())
}
