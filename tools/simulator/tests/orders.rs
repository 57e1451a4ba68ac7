// SPDX-License-Identifier: GPL-2.0-only

//! What orders say that they have done.

use dm_spare_engine::{ErrorClass, Event, OrderError, Outcome, RequestKind};
use dm_spare_simulator::disk::TRANSPORT_ERROR;
use dm_spare_simulator::scenario::{done, fresh, write};
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
    let first = dm_spare_simulator::scenario::layout();
    for copy in 0..2 {
        let start = first.superblock(copy) * 8;
        world.disks[1]
            .unwritable
            .extend(start..start + first.copy_blocks() * 8);
    }
    let (outcome, result) = answer(&mut world, order(RequestKind::Remap, 0, 3))?;
    assert_eq!(result, Err(OrderError::Failed(ErrorClass::Metadata)));
    assert_eq!((outcome.moved, outcome.failed), (0, 3));
    // A user's write is no order, and counts nowhere.
    assert!(done(&mut world, write(0, 8))?);
    Ok(())
}
