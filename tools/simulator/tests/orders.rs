// SPDX-License-Identifier: GPL-2.0-only

//! What orders say that they have done.

use dm_spare_engine::{ErrorClass, Event, OrderError, Outcome, RequestKind};
use dm_spare_simulator::disk::TRANSPORT_ERROR;
use dm_spare_simulator::exhaustive::{blank_disks, initial_model, settings};
use dm_spare_simulator::image::crash_images;
use dm_spare_simulator::rng::Rng;
use dm_spare_simulator::scenario::{done, durable, fresh, layout, write};
use dm_spare_simulator::world::{Ask, World, Wrong};

fn order(kind: RequestKind, block: u64, blocks: u32) -> Ask {
    Ask::Order {
        kind,
        block,
        blocks,
    }
}

fn answer(world: &mut World, ask: Ask) -> Result<(Outcome, Result<(), OrderError>), Wrong> {
    done(world, ask)?;
    world.answers.last().copied().ok_or("no answer".into())
}

#[test]
fn a_block_of_which_all_is_lost_does_not_count_as_remapped() -> Result<(), Wrong> {
    let mut world = fresh()?;
    for sector in 8..16 {
        world.spoil(sector, 1);
    }
    world.spoil(3, 1);
    let (outcome, result) = answer(&mut world, order(RequestKind::Remap, 0, 3))?;
    assert_eq!(result, Ok(()));
    assert_eq!((outcome.moved, outcome.lost, outcome.unchanged), (2, 1, 0));
    let status = world.engine.snapshot();
    assert_eq!((status.remapped, status.poisoned), (2, 2));
    // Nor does it the next time; and a test counts each block with a lost sector.
    let (outcome, _) = answer(&mut world, order(RequestKind::Remap, 0, 3))?;
    assert_eq!((outcome.moved, outcome.lost, outcome.unchanged), (0, 1, 2));
    let (outcome, _) = answer(&mut world, order(RequestKind::Test, 0, 3))?;
    assert_eq!((outcome.moved, outcome.lost, outcome.unchanged), (0, 2, 1));
    Ok(())
}

#[test]
fn an_order_that_an_error_breaks_off_tells_what_it_had_done() -> Result<(), Wrong> {
    let mut world = fresh()?;
    world.faults = true;
    world.disks[0].flaky = 16..20;
    let (outcome, result) = answer(&mut world, order(RequestKind::Remap, 0, 3))?;
    assert_eq!(result, Err(OrderError::Failed(TRANSPORT_ERROR)));
    assert_eq!((outcome.moved, outcome.blocks()), (2, 2));
    assert_eq!(world.engine.snapshot().remapped, 2);
    Ok(())
}

#[test]
fn an_order_that_a_suspension_breaks_off_tells_what_it_had_done() -> Result<(), Wrong> {
    let mut broken_off = 0;
    for noflush in [false, true] {
        for steps in 0..60 {
            let mut world = fresh()?;
            world.ask(order(RequestKind::Remap, 0, 3))?;
            for _ in 0..steps {
                world.step(&mut |_| 0)?;
            }
            world.engine.handle(Event::Suspend { noflush });
            world.settle()?;
            let Some((outcome, result)) = world.answers.last().copied() else {
                return Err("no answer".into());
            };
            let status = world.engine.snapshot();
            assert_eq!(u64::from(outcome.moved), status.remapped, "{steps} steps");
            if result == Err(OrderError::Suspended) && outcome.moved != 0 {
                broken_off += 1;
            }
        }
    }
    assert!(broken_off != 0, "no suspension came between two blocks");
    Ok(())
}

#[test]
fn what_no_commit_has_recorded_does_not_count_as_done() -> Result<(), Wrong> {
    let mut world = fresh()?;
    world.faults = true;
    for copy in 0..2 {
        let start = layout().superblock(copy) * 8;
        world.disks[1]
            .unwritable
            .extend(start..start + layout().copy_blocks() * 8);
    }
    let (outcome, result) = answer(&mut world, order(RequestKind::Remap, 0, 3))?;
    assert_eq!(result, Err(OrderError::Failed(ErrorClass::Metadata)));
    assert_eq!((outcome.moved, outcome.failed), (0, 3));
    // A user's write is no order, and counts nowhere.
    assert!(done(&mut world, write(0, 8))?);
    Ok(())
}

/// Many more blocks than the table of a small spare has room for.
fn crowded() -> Result<World, Wrong> {
    let mut crowded = settings();
    crowded.main_sectors = 600 * 8;
    crowded.spare_sectors = CROWDED_SPARE * 8;
    let disks = blank_disks(&crowded);
    let mut world = World::new(crowded, disks, initial_model(&crowded, &[]), 0);
    world.bring_up(1)?;
    Ok(world)
}

/// Blocks of its spare: the places of its table, of which 90 are slots.
const CROWDED_SPARE: u64 = 164;

#[test]
fn blocks_that_were_given_back_leave_room_for_others() -> Result<(), Wrong> {
    let mut world = crowded()?;
    for first in (0..500).step_by(80) {
        let (outcome, _) = answer(&mut world, order(RequestKind::Remap, first, 80))?;
        assert_eq!((outcome.moved, outcome.failed), (80, 0), "from {first} on");
        let (outcome, _) = answer(&mut world, order(RequestKind::Unremap, first, 80))?;
        assert_eq!((outcome.moved, outcome.failed), (80, 0), "from {first} on");
    }
    Ok(())
}

/// A full table: 80 blocks have moved, and of all others that it has room for nothing could be read.
fn full() -> Result<World, Wrong> {
    let mut world = crowded()?;
    let lost = CROWDED_SPARE - 80;
    for sector in 100 * 8..(100 + lost) * 8 {
        world.spoil(sector, 1);
    }
    // CAST: small.
    let (outcome, _) = answer(&mut world, order(RequestKind::Test, 100, lost as u32))?;
    assert_eq!(u64::from(outcome.lost), lost);
    let (outcome, _) = answer(&mut world, order(RequestKind::Remap, 0, 81))?;
    assert_eq!((outcome.moved, outcome.failed), (80, 1));
    Ok(world)
}

#[test]
fn a_full_table_takes_what_was_given_back_and_others_instead() -> Result<(), Wrong> {
    let mut world = full()?;
    // The very blocks that were given back, then others.
    for first in [0, 300] {
        let (outcome, _) = answer(&mut world, order(RequestKind::Unremap, 0, 10))?;
        assert_eq!((outcome.moved, outcome.failed), (10, 0));
        let (outcome, _) = answer(&mut world, order(RequestKind::Remap, first, 10))?;
        assert_eq!((outcome.moved, outcome.failed), (10, 0));
        let (outcome, _) = answer(&mut world, order(RequestKind::Remap, 400, 1))?;
        assert_eq!((outcome.moved, outcome.failed), (0, 1));
    }
    Ok(())
}

#[test]
fn a_full_table_that_changes_under_a_checkpoint_loads_after_every_crash() -> Result<(), Wrong> {
    let mut world = full()?;
    let mut rng = Rng::new(4);
    let (mut crashes, mut refused, mut moved) = (0, 0, 0);
    for round in 0..200u64 {
        // One portion goes back and comes again elsewhere, at once, while checkpoints come and go.
        let from = (round * 7) % 80;
        world.ask(order(RequestKind::Unremap, from, 4))?;
        world.ask(order(RequestKind::Remap, 200 + round % 300, 4))?;
        world.ask(order(RequestKind::Unremap, 200 + round % 300, 4))?;
        world.ask(order(RequestKind::Remap, from, 4))?;
        for _ in 0..rng.below(400) {
            world.step(&mut |count| rng.below(count))?;
        }
        if rng.one_in(4) {
            crashes += 1;
            let mut images = crash_images(&world.disks, 8, &mut rng);
            let image = images.swap_remove(rng.below(images.len()));
            let mut crowded = settings();
            crowded.main_sectors = 600 * 8;
            crowded.spare_sectors = CROWDED_SPARE * 8;
            world = World::new(crowded, image, world.model.crashed(), world.marks());
            world.bring_up(100 + round)?;
            world.read_all()?;
        } else {
            world.settle()?;
            for (outcome, _) in &world.answers {
                refused += outcome.failed;
                moved += outcome.moved;
            }
        }
    }
    // Places are kept while a checkpoint is written, and only then.
    assert!(
        crashes > 20 && moved > 10 * refused,
        "{crashes} {refused} {moved}"
    );
    Ok(())
}

#[test]
fn what_goes_back_under_a_long_checkpoint_takes_no_other_block_along() -> Result<(), Wrong> {
    // A table of four checkpoint blocks. An entry that moved forward between two of them would be in none.
    const RUN: u32 = 32;
    const RUNS: u64 = 25;
    const BLOCKS: u64 = RUNS * RUN as u64;
    let mut long = settings();
    long.main_sectors = 10 * BLOCKS * 8;
    long.spare_sectors = 900 * 8;
    let disks = blank_disks(&long);
    let mut world = World::new(long, disks, initial_model(&long, &[]), 0);
    world.bring_up(1)?;
    let mut rng = Rng::new(6);
    // Runs here and there: entries of neighbours would never be in each other's way.
    let mut runs = Vec::new();
    while world.engine.snapshot().remapped < BLOCKS {
        let first = rng.below(10 * RUNS as usize) as u64 * u64::from(RUN);
        if !runs.contains(&first) {
            done(&mut world, order(RequestKind::Remap, first, RUN))?;
            runs.push(first);
        }
    }
    for round in 0..60u64 {
        // Blocks go back and come again, until a checkpoint is complete that was written meanwhile.
        let before = world.engine.snapshot().checkpoints;
        while world.engine.snapshot().checkpoints == before {
            let first = runs[rng.below(runs.len())];
            for kind in [RequestKind::Unremap, RequestKind::Remap] {
                let answered = world.answers.len();
                world.ask(order(kind, first, RUN))?;
                while world.answers.len() == answered {
                    // What was asked for last ends first, most of the time: orders overtake the checkpoint.
                    world.step(&mut |count| match rng.one_in(300) {
                        true => rng.below(count),
                        false => count - 1,
                    })?;
                }
            }
        }
        world.settle()?;
        assert_eq!(world.engine.snapshot().remapped, BLOCKS);
        let image = durable(&world);
        world = World::new(long, image, world.model.crashed(), world.marks());
        world.bring_up(100 + round)?;
        assert_eq!(world.engine.snapshot().remapped, BLOCKS, "round {round}");
    }
    Ok(())
}
