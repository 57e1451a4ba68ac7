// SPDX-License-Identifier: GPL-2.0-only

//! Long random runs: many operations at once, answers in any order, late answers, faults, suspends and crashes.

use crate::exhaustive::{blank_disks, initial_model};
use crate::image::{crash_images, Disks};
use crate::rng::Rng;
use crate::world::{Ask, World, Wrong};
use dm_spare_engine::format::Layout;
use dm_spare_engine::{Event, Settings, Slot, State};

/// What a run did.
#[derive(Clone, Copy, Default, Debug)]
pub struct Tally {
    /// Operations.
    pub operations: u64,
    /// Crashes.
    pub crashes: u64,
    /// Blocks remapped, summed over the incarnations.
    pub remapped: u64,
    /// Commits.
    pub commits: u64,
    /// Checkpoints.
    pub checkpoints: u64,
}

struct Plan {
    rng: Rng,
    settings: Settings,
    /// Time-outs and a spare that is lost for a while: writes may fail.
    faulty: bool,
    /// So few slots that they run out: writes may fail.
    scarce: bool,
    /// Sectors of a logical block: 1 or 8.
    unit: u32,
    /// A copy of the metadata on bad ground; the others are good.
    weak_copy: u8,
}

fn plan(seed: u64) -> Plan {
    let mut rng = Rng::new(seed);
    let main_blocks = 2 + rng.below(if seed % 2 == 0 { 4 } else { 60 }) as u64;
    let unit = if rng.one_in(4) { 8 } else { 1 };
    let scarce = rng.one_in(6);
    let tail = if unit == 1 { rng.below(8) as u64 } else { 0 };
    let settings = Settings {
        main_sectors: main_blocks * 8 - tail,
        spare_sectors: if scarce {
            164
        } else {
            200 + rng.below(200) as u64
        } * 8,
        main_logical_block_sectors: unit,
        spare_logical_block_sectors: if rng.one_in(2) { unit } else { 1 },
        read_retries: rng.below(3) as u32,
        metadata_copies: Some(2 + rng.below(3) as u32),
        expected_uuid: None,
        fail_after: 0,
        read_only: false,
        commit_timeout_milliseconds: 1000,
        max_requests: 1 + rng.below(16) as u32,
        jobs: 1 + rng.below(8) as u32,
    };
    let faulty = rng.one_in(3);
    // With other copies left out by time-outs the weak one could be the only one in use.
    let weak_copy = if faulty { u8::MAX } else { rng.below(4) as u8 };
    Plan {
        rng,
        settings,
        faulty,
        scarce,
        unit,
        weak_copy,
    }
}

impl Plan {
    fn range(&mut self) -> (u64, u32) {
        let sectors = match self.rng.below(4) {
            0 => 1 + self.rng.below(7),
            1 => 8,
            2 => 1 + self.rng.below(24),
            _ => 8 * (1 + self.rng.below(4)),
        };
        let unit = u64::from(self.unit);
        let sectors = (sectors as u64)
            .next_multiple_of(unit)
            .min(self.settings.main_sectors);
        let mut sector =
            self.rng
                .below((self.settings.main_sectors - sectors + 1) as usize) as u64;
        if self.rng.one_in(2) || unit == 8 {
            sector -= sector % 8;
        }
        // CAST: at most 32.
        (sector, sectors as u32)
    }

    fn ask(&mut self) -> Ask {
        let (sector, sectors) = self.range();
        match self.rng.below(10) {
            0..=3 => Ask::Read { sector, sectors },
            4..=7 => Ask::Write {
                sector,
                sectors,
                fua: self.rng.one_in(4),
            },
            8 => Ask::Zero { sector, sectors },
            _ => Ask::Flush,
        }
    }

    /// A new bad sector somewhere.
    fn spoil(&mut self, world: &mut World) {
        let at = self.rng.below(self.settings.main_sectors as usize) as u64;
        // Where the engine asks whether main is alive; without any of them it may rightly say no.
        let last = (self.settings.main_sectors - 1) / 8;
        let is_asked = [0, last / 2, last].contains(&(at / 8)) && at % 8 < u64::from(self.unit);
        if is_asked && !world.faults {
            return;
        }
        match self.rng.below(6) {
            4 => self.spoil_metadata(world),
            0 => world.spoil(at, self.unit.into()),
            3 => world.spoil_slot_of(at, self.unit.into()),
            1 => {
                world.disks[0].unwritable.insert(at);
            }
            2 => {
                world.spoil(at, self.unit.into());
                world.disks[0].unwritable.insert(at);
            }
            _ => self.spoil_slot(world),
        }
    }

    /// A sector of the weak copy goes bad.
    fn spoil_metadata(&mut self, world: &mut World) {
        let copies = world.engine.snapshot().copies;
        let Some(layout) = Layout::new(self.settings.spare_sectors / 8, copies) else {
            return;
        };
        if self.weak_copy < copies {
            let first = layout.superblock(self.weak_copy) * 8;
            let at = first + self.rng.below(layout.copy_blocks() as usize * 8) as u64;
            if self.rng.one_in(2) {
                world.disks[1].unwritable.insert(at);
            } else if at >= 8 {
                world.disks[1].make_unreadable(at);
            }
        }
    }

    /// A slot that is not in use, or whose block is told to be in danger, gets a bad sector.
    fn spoil_slot(&mut self, world: &mut World) {
        let copies = world.engine.snapshot().copies;
        let Some(layout) = Layout::new(self.settings.spare_sectors / 8, copies) else {
            return;
        };
        let block = self.rng.below((self.settings.spare_sectors / 8) as usize) as u32;
        if layout.is_slot(Slot(block)) && world.engine.snapshot().slots_left() > 100 {
            let sector = u64::from(block) * 8 + self.rng.below(8) as u64;
            world.disks[1].unwritable.insert(sector);
        }
    }
}

trait SlotsLeft {
    fn slots_left(&self) -> u64;
}

impl SlotsLeft for dm_spare_engine::Status {
    fn slots_left(&self) -> u64 {
        self.slots_total
            .saturating_sub(self.slots_used + self.slots_bad)
    }
}

fn overlaps_open_write(world: &World, ask: Ask) -> bool {
    let range = |ask: Ask| match ask {
        Ask::Write {
            sector, sectors, ..
        }
        | Ask::Zero { sector, sectors } => Some((sector, sector + u64::from(sectors))),
        Ask::Read { .. } | Ask::Flush => None,
    };
    let Some((first, end)) = range(ask) else {
        return false;
    };
    world
        .operations
        .iter()
        .filter(|operation| !operation.done)
        .any(|operation| {
            range(operation.ask)
                .is_some_and(|(other_first, other_end)| first < other_end && other_first < end)
        })
}

/// Runs one seed.
///
/// # Errors
///
/// Says what went wrong.
pub fn run(seed: u64, length: usize, trace: bool) -> Result<Tally, Wrong> {
    let mut plan = plan(seed);
    let settings = plan.settings;
    let mut tally = Tally::default();
    let mut world = World::new(
        settings,
        blank_disks(&settings),
        initial_model(&settings, &[]),
        0,
    );
    world.trace = trace;
    let nonce = plan.rng.draw();
    world.bring_up(nonce)?;
    for _ in 0..length {
        world.faults = plan.faulty || plan.scarce;
        world.slow_users = plan.rng.one_in(2);
        busy_while(&mut plan, &mut world)?;
        match plan.rng.below(40) {
            0..=2 => plan.spoil(&mut world),
            3 => world = crash(&mut plan, world, &mut tally)?,
            4 => suspend_and_resume(&mut plan, &mut world)?,
            5 if plan.faulty => world.disks[1].lost = !world.disks[1].lost,
            6..=7 if plan.faulty => {
                let which = plan.rng.below(2);
                world.fire_timer(which);
            }
            _ => {
                let ask = plan.ask();
                if !overlaps_open_write(&world, ask) {
                    tally.operations += 1;
                    world.ask(ask)?;
                }
            }
        }
    }
    world = crash(&mut plan, world, &mut tally)?;
    world.settle()?;
    Ok(tally)
}

/// Lets some things happen, in any order.
fn busy_while(plan: &mut Plan, world: &mut World) -> Result<(), Wrong> {
    let steps = plan.rng.below(30);
    for _ in 0..steps {
        let rng = &mut plan.rng;
        if !world.step(&mut |count| rng.below(count))? {
            break;
        }
    }
    if world.open_operations() > 12 {
        world.settle()?;
    }
    Ok(())
}

/// Suspends with or without flush, checks the answer, and resumes.
fn suspend_and_resume(plan: &mut Plan, world: &mut World) -> Result<(), Wrong> {
    let noflush = plan.faulty && plan.rng.one_in(2);
    let before = world.suspended.len();
    world.engine.handle(Event::Suspend { noflush });
    if plan.rng.one_in(4) {
        // Undone before it is answered.
        world.engine.handle(Event::Resume);
        world.settle()?;
        if world.suspended.len() != before + 1 || world.engine.snapshot().state != State::Active {
            return Err("a suspend that was undone is not answered, or has suspended".into());
        }
        return Ok(());
    }
    let mut steps = 0;
    while world.suspended.len() == before {
        steps += 1;
        if steps > 100_000 {
            return Err("a suspend takes for ever".into());
        }
        let rng = &mut plan.rng;
        if !world.step(&mut |count| rng.below(count))? {
            return Err("a suspend is never answered".into());
        }
    }
    world.settle()?;
    let clean = world.suspended.last().copied().unwrap_or(false);
    if !clean && !noflush && !plan.faulty {
        return Err("a suspend without faults is not clean".into());
    }
    if world.engine.snapshot().state != State::Suspended {
        return Err("suspended and yet not at rest".into());
    }
    world.engine.handle(Event::Resume);
    Ok(())
}

/// Sometimes begins an activation that the spare drops out of, or that cannot read one copy for now: it must be
/// refused or succeed, and lose nothing.
fn interrupted_activation(plan: &mut Plan, image: Disks, world: &World) -> Result<Disks, Wrong> {
    if !plan.rng.one_in(4) {
        return Ok(image);
    }
    let mut next = World::new(plan.settings, image, world.model.crashed(), world.marks());
    next.activate(plan.rng.draw());
    let copies = world.engine.snapshot().copies;
    if let (Some(layout), true) = (
        Layout::new(plan.settings.spare_sectors / 8, copies),
        plan.rng.one_in(2),
    ) {
        let copy = plan.rng.below(copies.into()) as u8;
        // Not the superblocks: they would end it too early.
        let first = layout.superblock(copy) * 8 + 8;
        next.disks[1].flaky = first..first + layout.copy_blocks() * 8 - 8;
    } else {
        for _ in 0..plan.rng.below(400) {
            next.step(&mut |_| 0)?;
        }
        next.disks[1].lost = true;
    }
    next.settle()?;
    let mut images = crash_images(&next.disks, 8, &mut plan.rng);
    Ok(images.swap_remove(plan.rng.below(images.len())))
}

/// Cuts the power, brings the device up again and reads everything.
fn crash(plan: &mut Plan, world: World, tally: &mut Tally) -> Result<World, Wrong> {
    tally.crashes += 1;
    let status = world.engine.snapshot();
    tally.remapped += status.remapped;
    tally.commits += status.commits;
    tally.checkpoints += status.checkpoints;
    let mut images = crash_images(&world.disks, 8, &mut plan.rng);
    let image = images.swap_remove(plan.rng.below(images.len()));
    let image = interrupted_activation(plan, image, &world)?;
    let mut next = World::new(plan.settings, image, world.model.crashed(), world.marks());
    next.trace = world.trace;
    next.faults = plan.scarce;
    let nonce = plan.rng.draw();
    next.bring_up(nonce)?;
    next.read_all()?;
    Ok(next)
}
