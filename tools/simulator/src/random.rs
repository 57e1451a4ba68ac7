// SPDX-License-Identifier: GPL-2.0-only

//! Long random runs: many operations at once, answers in any order, late answers, faults, suspends and crashes.

//!
//! A run is made of steps. Each draws from a generator of its own, so that a failing run can be made shorter by
//! leaving steps out.

mod damage;
mod plan;
pub mod shrink;

use crate::exhaustive::{blank_disks, initial_model};
use crate::image::{crash_images, Disks};
use crate::world::{Ask, World, Wrong};
use dm_spare_engine::{Event, State};
use plan::{plan, Plan};

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

impl Tally {
    /// Adds what another run has done.
    pub fn add(&mut self, other: &Self) {
        self.operations += other.operations;
        self.crashes += other.crashes;
        self.remapped += other.remapped;
        self.commits += other.commits;
        self.checkpoints += other.checkpoints;
    }
}

fn overlaps_open_write(world: &World, ask: Ask) -> bool {
    let range = |ask: Ask| match ask {
        Ask::Write {
            sector, sectors, ..
        }
        | Ask::Zero { sector, sectors } => Some((sector, sector + u64::from(sectors))),
        Ask::Read { .. } | Ask::Flush | Ask::Order { .. } => None,
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

/// The number under which the end of every run draws.
const END: u32 = u32::MAX;

/// Runs these steps of a seed, and a crash at the end.
///
/// # Errors
///
/// Says what went wrong.
pub fn run(seed: u64, steps: &[u32], trace: bool) -> Result<Tally, Wrong> {
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
    plan.prepare(&mut world);
    let nonce = plan.rng.draw();
    world.bring_up(nonce)?;
    for step in steps {
        plan.begin(*step);
        world.faults = plan.faulty || plan.scarce;
        world.slow_users = plan.rng.one_in(2);
        busy_while(&mut plan, &mut world)?;
        match plan.rng.below(40) {
            0..=2 => plan.spoil(&mut world),
            3 => world = crash(&mut plan, world, &mut tally)?,
            4 => suspend_and_resume(&mut plan, &mut world)?,
            5 if plan.faulty => world.disks[1].lost = !world.disks[1].lost,
            8 if plan.faulty => {
                // In the middle of a repair nobody can tell a disk that is away for a moment from a bad block.
                world.settle()?;
                let leg = plan.rng.below(2);
                world.disks[leg].dead = !world.disks[leg].dead;
            }
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
    plan.begin(END);
    world = crash(&mut plan, world, &mut tally)?;
    world.settle()?;
    let image = [world.disks[0].crashed(&[]), world.disks[1].crashed(&[])];
    damage::beyond_repair(&mut plan, image)?;
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
    if let (Some(layout), true) = (plan.layout(), plan.rng.one_in(2)) {
        let copy = plan.rng.below(layout.copies.into()) as u8;
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
    let mut world = world;
    for disk in world.disks.iter_mut() {
        disk.dead = false;
    }
    let mut images = crash_images(&world.disks, 8, &mut plan.rng);
    let mut image = images.swap_remove(plan.rng.below(images.len()));
    damage::rot(plan, &mut image, &status);
    let image = interrupted_activation(plan, image, &world)?;
    let mut next = World::new(plan.settings, image, world.model.crashed(), world.marks());
    next.trace = world.trace;
    next.faults = plan.scarce;
    let nonce = plan.rng.draw();
    next.bring_up(nonce)?;
    next.read_all()?;
    Ok(next)
}
