// SPDX-License-Identifier: GPL-2.0-only

//! Single faults, and what must not come of them.

use dm_spare_engine::{
    Cause, ErrorClass, Event, Health, Notice, Refusal, Request, RequestId, RequestKind, Slot, State,
};
use dm_spare_simulator::exhaustive::damage::{rubbish, Damage};
use dm_spare_simulator::exhaustive::{blank_disks, initial_model, settings, MAIN_MARKS};
use dm_spare_simulator::scenario::{
    done, drop_copy_1, durable, formatted, fresh, layout, reboot, refusal, reseal,
    until_commit_is_written, write,
};
use dm_spare_simulator::world::{Ask, World, Wrong};

#[test]
fn an_error_that_is_not_of_the_medium_refuses_the_load_and_costs_nothing() -> Result<(), Wrong> {
    let mut world = fresh()?;
    assert!(!done(&mut world, write(0, 16))?);
    assert!(!done(&mut world, Ask::Flush)?);
    // However far the load has come when the spare drops out for a moment.
    for steps in (0..300).step_by(7) {
        let mut next = World::new(
            settings(),
            durable(&world),
            world.model.crashed(),
            world.marks(),
        );
        next.activate(9);
        for _ in 0..steps {
            next.step(&mut |_| 0)?;
        }
        next.disks[1].lost = true;
        next.settle()?;
        match next.activated {
            Some(Err(Refusal::ReadFailed { .. } | Refusal::CannotWrite { .. })) => {}
            Some(Ok(_)) if steps > 150 => {}
            other => return Err(format!("after {steps} steps: {other:?}")),
        }
        let mut again = reboot(&next, 10)?;
        again.read_all()?;
    }
    Ok(())
}

#[test]
fn a_refused_activation_can_be_tried_again_in_the_same_engine() -> Result<(), Wrong> {
    let mut world = World::new(settings(), formatted()?, initial_model(&settings(), &[]), 0);
    world.disks[1].lost = true;
    world.activate(3);
    world.settle()?;
    assert!(matches!(
        world.activated,
        Some(Err(Refusal::ReadFailed { block: 0, .. }))
    ));
    world.disks[1].lost = false;
    world.bring_up(4)?;
    world.read_all()
}

#[test]
fn the_answer_to_an_activation_that_nobody_waits_for_is_not_given_to_the_next() -> Result<(), Wrong>
{
    let mut world = World::new(settings(), formatted()?, initial_model(&settings(), &[]), 0);
    world.disks[1].lost = true;
    world.activate(3);
    while world.engine.snapshot().state == State::Loading {
        world.step(&mut |_| 0)?;
    }
    world.disks[1].lost = false;
    world.bring_up(4)?;
    Ok(())
}

#[test]
fn a_new_activation_waits_for_writes_of_the_one_before() -> Result<(), Wrong> {
    let mut world = World::new(settings(), formatted()?, initial_model(&settings(), &[]), 0);
    world.activate(3);
    until_commit_is_written(&mut world)?;
    // The checkpoint is given up on both copies, and both writes are still under way.
    world.fire_timer(1);
    world.perform_all()?;
    assert_eq!(world.engine.snapshot().state, State::Refused);
    assert_eq!(world.own_writes(), 2);
    world.activate(4);
    world.perform_all()?;
    assert_eq!(
        world.own_flights(),
        2,
        "it reads before the writes have landed"
    );
    world.settle()?;
    assert!(matches!(world.activated, Some(Ok(_))));
    reboot(&world, 5)?.read_all()
}

#[test]
fn a_sealed_block_with_an_impossible_transaction_is_not_believed() -> Result<(), Wrong> {
    for tid in [u64::MAX, u64::MAX - 1, 1 << 62] {
        let mut disks = formatted()?;
        for copy in 0..2 {
            for area in 0..2 {
                let block = layout().checkpoint(copy, area, 0).unwrap_or(0);
                reseal(&mut disks, block, |bytes| {
                    bytes[24..32].copy_from_slice(&u64::to_le_bytes(tid));
                })?;
            }
        }
        assert_eq!(refusal(disks, settings())?, Refusal::NoCheckpoint);
    }
    let mut disks = formatted()?;
    let block = layout().checkpoint(0, 1, 0).unwrap_or(0);
    reseal(&mut disks, block, |bytes| {
        bytes[24..32].copy_from_slice(&u64::to_le_bytes((1 << 62) - 1));
    })?;
    let mut world = World::new(settings(), disks, initial_model(&settings(), &[]), 0);
    world.activate(6);
    world.settle()?;
    assert!(world.activated.is_some(), "great numbers end in an answer");
    Ok(())
}

#[test]
fn a_sealed_record_that_cannot_be_is_refused() -> Result<(), Wrong> {
    let mut world = fresh()?;
    assert!(!done(&mut world, write(0, 8))?);
    let tid = world.engine.snapshot().tid;
    let patches: [fn(&mut [u8]); 4] = [
        // No slot, and not all sectors lost.
        |bytes| bytes[104..109].copy_from_slice(&[0, 0, 0, 0, 0x0f]),
        // A block beyond the end of main.
        |bytes| bytes[96] = 3,
        // A slot inside a copy.
        |bytes| bytes[104..108].copy_from_slice(&[1, 0, 0, 0]),
        // A lost sector beyond the end of main's short last block.
        |bytes| {
            bytes[96] = 2;
            bytes[108] = 0x10;
        },
    ];
    for (number, patch) in patches.into_iter().enumerate() {
        let mut disks = durable(&world);
        for copy in 0..2 {
            reseal(&mut disks, layout().log(copy, tid), patch)?;
        }
        let found = refusal(disks, settings())?;
        assert!(
            matches!(found, Refusal::BadRecord { .. }),
            "patch {number}: {found}"
        );
    }
    Ok(())
}

#[test]
fn a_commit_on_one_copy_only_does_not_vanish_with_its_block() -> Result<(), Wrong> {
    let mut world = fresh()?;
    drop_copy_1(&mut world, write(0, 8))?;
    let newest = world.engine.snapshot().tid;
    let mut disks = durable(&world);
    // The block with the record cannot be read; the one behind it tells that it was there.
    disks[1].make_unreadable(layout().log(0, newest - 1) * 8);
    let found = refusal(disks, settings())?;
    assert_eq!(
        found,
        Refusal::LogGap {
            missing: newest - 1,
            later: newest
        }
    );
    // Without the one behind it, the record is still there.
    let mut disks = durable(&world);
    disks[1].make_unreadable(layout().log(0, newest) * 8);
    let mut next = World::new(settings(), disks, world.model.crashed(), world.marks());
    next.bring_up(2)?;
    assert_eq!(next.engine.snapshot().remapped, 1);
    next.read_all()
}

#[test]
fn a_copy_that_fell_out_is_taken_in_again_after_the_next_commit() -> Result<(), Wrong> {
    let mut world = fresh()?;
    drop_copy_1(&mut world, write(0, 8))?;
    assert_eq!(world.engine.snapshot().copies_healthy, 1);
    world.settle()?;
    assert_eq!(world.engine.snapshot().copies_healthy, 3);
    assert!(world.notices.contains(&Notice::CopyRejoined { copy: 1 }));
    // From now on the other copy may go.
    let mut disks = durable(&world);
    let rubbish = rubbish(disks[1].sectors());
    Damage::Destroyed.apply(&mut disks[1], [&rubbish, &rubbish], &layout(), 0);
    let mut next = World::new(settings(), disks, world.model.crashed(), world.marks());
    next.bring_up(8)?;
    assert_eq!(next.engine.snapshot().remapped, 1);
    next.read_all()
}

#[test]
fn a_copy_on_bad_ground_is_not_tried_for_ever() -> Result<(), Wrong> {
    let mut world = fresh()?;
    let first = layout().superblock(1) * 8;
    world.disks[1]
        .unwritable
        .extend(first..first + layout().copy_blocks() * 8);
    for _ in 0..6 {
        world.engine.handle(Event::Suspend { noflush: false });
        world.settle()?;
        world.engine.handle(Event::Resume);
        world.settle()?;
    }
    let status = world.engine.snapshot();
    assert_eq!(status.copies_healthy, 1);
    assert_eq!(world.suspended, [true; 6]);
    assert!(status.copy_failures <= 12, "{status:?}");
    Ok(())
}

#[test]
fn a_main_that_is_gone_loses_nothing() -> Result<(), Wrong> {
    let mut world = fresh()?;
    world.faults = true;
    let commits = world.engine.snapshot().commits;
    world.disks[0].dead = true;
    assert!(done(
        &mut world,
        Ask::Read {
            sector: 8,
            sectors: 8
        }
    )?);
    assert!(done(&mut world, write(8, 8))?);
    assert!(done(&mut world, write(2, 3))?);
    let status = world.engine.snapshot();
    assert_eq!(
        (status.commits, status.poisoned, status.remapped),
        (commits, 0, 0)
    );
    assert_eq!((status.main_gone, status.slots_used), (3, 0));
    let told = world
        .notices
        .iter()
        .filter(|notice| **notice == Notice::MainGone)
        .count();
    assert_eq!(told, 1);
    world.disks[0].dead = false;
    world.faults = false;
    assert!(!done(
        &mut world,
        Ask::Read {
            sector: 8,
            sectors: 8
        }
    )?);
    assert!(!done(&mut world, write(8, 8))?);
    assert_eq!(world.engine.snapshot().remapped, 1);
    Ok(())
}

/// A set with block 0 of main on a slot, whose writer knows about faults.
fn with_a_slot_in_use() -> Result<World, Wrong> {
    let mut world = fresh()?;
    assert!(!done(&mut world, write(0, 8))?);
    assert_eq!(world.engine.snapshot().remapped, 1);
    world.faults = true;
    Ok(world)
}

#[test]
fn a_spare_that_is_gone_loses_nothing_and_no_slot_is_to_blame() -> Result<(), Wrong> {
    let mut world = with_a_slot_in_use()?;
    let before = world.engine.snapshot();
    world.disks[1].dead = true;
    let read = Ask::Read {
        sector: 0,
        sectors: 8,
    };
    assert!(done(&mut world, read)?);
    let status = world.engine.snapshot();
    assert_eq!((status.spare_gone, status.poisoned), (1, 0));
    assert_eq!(status.commit_failures, before.commit_failures);
    assert_eq!(status.health, Health::Degraded);
    assert!(world.notices.contains(&Notice::SpareGone));
    // Writes to a block that main does not take, and to one whose slot does not.
    assert!(done(&mut world, write(8, 8))?);
    assert!(done(&mut world, write(0, 8))?);
    assert!(done(&mut world, write(1, 3))?);
    let status = world.engine.snapshot();
    assert_eq!(
        (status.slots_bad, status.slots_used),
        (0, before.slots_used)
    );
    assert_eq!(status.health, Health::Degraded);
    assert_eq!(status.remapped, 1);
    // Main goes on.
    assert!(!done(
        &mut world,
        Ask::Read {
            sector: 16,
            sectors: 4
        }
    )?);
    world.disks[1].dead = false;
    world.faults = false;
    assert!(!done(&mut world, read)?);
    assert!(!done(&mut world, write(8, 8))?);
    world.settle()?;
    let status = world.engine.snapshot();
    assert_eq!((status.slots_bad, status.remapped), (0, 2));
    assert_eq!(status.health, Health::Ok);
    reboot(&world, 3)?.read_all()
}

#[test]
fn a_spare_that_takes_no_write_keeps_its_slots() -> Result<(), Wrong> {
    let mut world = with_a_slot_in_use()?;
    let before = world.engine.snapshot();
    world.disks[1]
        .unwritable
        .extend(0..settings().spare_sectors);
    for _ in 0..4 {
        assert!(done(&mut world, write(8, 8))?);
    }
    let status = world.engine.snapshot();
    assert_eq!(
        (status.slots_bad, status.slots_used),
        (0, before.slots_used)
    );
    assert_eq!(
        (status.copies_healthy, status.health),
        (0, Health::Degraded)
    );
    // Once that is known, a block costs one attempt at a slot, and one at a commit.
    assert!(status.slot_errors <= 8 + 3, "{status:?}");
    // What is on a slot can still be read.
    assert!(!done(
        &mut world,
        Ask::Read {
            sector: 0,
            sectors: 8
        }
    )?);
    world.disks[1].unwritable.clear();
    world.faults = false;
    assert!(!done(&mut world, write(8, 8))?);
    assert_eq!(world.engine.snapshot().slots_bad, 0);
    reboot(&world, 3)?.read_all()
}

#[test]
fn a_spare_that_fails_for_a_moment_keeps_its_slots() -> Result<(), Wrong> {
    for steps in 0..60 {
        let mut world = with_a_slot_in_use()?;
        world.disks[1]
            .unwritable
            .extend(0..settings().spare_sectors);
        let operation = world.ask(write(8, 8))?;
        for _ in 0..steps {
            world.step(&mut |_| 0)?;
        }
        world.disks[1].unwritable.clear();
        world.settle()?;
        let status = world.engine.snapshot();
        // One may fail at the last moment of it, and be thought bad because the next one does not.
        let failed = world.has_failed(operation);
        assert!(status.slots_bad <= 8, "after {steps} steps: {status:?}");
        if !failed && status.slot_errors >= 8 {
            assert_eq!(status.slots_bad, 0, "after {steps} steps");
        }
        world.faults = false;
        assert!(!done(&mut world, write(8, 8))?);
        reboot(&world, 3)?.read_all()?;
    }
    Ok(())
}

#[test]
fn slots_are_bad_when_others_are_not() -> Result<(), Wrong> {
    let mut world = with_a_slot_in_use()?;
    // All slots but the last ones.
    let layout = layout();
    let slots: Vec<u32> = (0..settings().spare_sectors as u32 / 8)
        .filter(|block| layout.is_slot(Slot(*block)))
        .collect();
    let free = slots.len() - 2;
    for slot in &slots[1..] {
        world.disks[1].unwritable.insert(u64::from(*slot) * 8);
    }
    assert!(done(&mut world, write(8, 8))?);
    let status = world.engine.snapshot();
    assert!(status.slots_bad != 0 && status.slots_bad <= 8, "{status:?}");
    assert_eq!(status.health, Health::Ok);
    let good = u64::from(slots[slots.len() - 1]) * 8;
    world.disks[1].unwritable.remove(&good);
    let mut tries = 0;
    while done(&mut world, write(8, 8))? {
        tries += 1;
        assert!(tries <= free, "the good one is never found");
    }
    assert_eq!(world.engine.snapshot().remapped, 2);
    Ok(())
}

#[test]
fn an_error_that_is_not_of_the_medium_blames_no_slot() -> Result<(), Wrong> {
    let mut world = with_a_slot_in_use()?;
    let used = world.engine.snapshot().slots_used;
    world.disks[1].lost = true;
    assert!(done(&mut world, write(8, 8))?);
    let status = world.engine.snapshot();
    assert_eq!((status.slots_bad, status.slots_used), (0, used));
    assert!(status.other_errors >= 1);
    Ok(())
}

#[test]
fn one_block_alone_is_remapped_without_another_to_ask() -> Result<(), Wrong> {
    let mut small = settings();
    small.main_sectors = 5;
    let mut disks = blank_disks(&small);
    disks[0].unwritable.insert(1);
    let mut world = World::new(small, disks, initial_model(&small, &[]), 0);
    world.bring_up(1)?;
    assert!(!done(&mut world, write(0, 5))?);
    assert_eq!(world.engine.snapshot().remapped, 1);
    Ok(())
}

#[test]
fn requests_handed_back_are_kept_if_the_suspend_is_undone() -> Result<(), Wrong> {
    for steps in 0..40 {
        let mut world = fresh()?;
        let operation = world.ask(write(0, 8))?;
        for _ in 0..steps {
            world.step(&mut |_| 0)?;
        }
        world.engine.handle(Event::Suspend { noflush: true });
        world.engine.handle(Event::Resume);
        world.settle()?;
        assert_eq!(world.requeued, 0, "after {steps} steps");
        assert!(world.operations[operation].done && !world.has_failed(operation));
        assert_eq!(world.suspended.len(), 1);
        assert_eq!(world.engine.snapshot().state, State::Active);
    }
    Ok(())
}

#[test]
fn a_suspend_is_answered_even_if_nothing_was_ever_activated() -> Result<(), Wrong> {
    let disks = blank_disks(&settings());
    let mut world = World::new(settings(), disks, initial_model(&settings(), &[]), 0);
    let request = Request {
        id: RequestId(0),
        kind: RequestKind::Read,
        sector: 0,
        sectors: 1,
        fua: false,
        cause: Cause::Held,
    };
    assert!(world.engine.accept(request).is_ok());
    world.engine.handle(Event::Suspend { noflush: false });
    let mut completed = None;
    while let Some(action) = world.engine.poll() {
        match action {
            dm_spare_engine::Action::Complete { result, .. } => completed = Some(result),
            dm_spare_engine::Action::Suspended { clean } => assert!(!clean && completed.is_some()),
            _ => return Err("something else happens".into()),
        }
    }
    assert_eq!(completed, Some(Err(ErrorClass::Metadata)));
    assert_eq!(world.engine.snapshot().state, State::Inactive);
    Ok(())
}

#[test]
fn another_number_of_copies_is_refused_with_both() -> Result<(), Wrong> {
    let mut other = settings();
    other.metadata_copies = Some(3);
    other.spare_sectors = settings().spare_sectors;
    // Three copies do not fit on the tiny spare; the sentence of the settings comes first.
    assert!(
        dm_spare_engine::Engine::new(other, crc32c::crc32c, kernel::alloc::flags::GFP_KERNEL)
            .is_err()
    );
    let mut large = settings();
    large.spare_sectors = 200 * 8;
    let disks = blank_disks(&large);
    let mut world = World::new(large, disks, initial_model(&large, &[]), 0);
    world.bring_up(1)?;
    let mut three = large;
    three.metadata_copies = Some(3);
    let disks = durable(&world);
    assert_eq!(
        refusal(disks.clone(), three)?,
        Refusal::Copies {
            recorded: 2,
            given: 3
        }
    );
    let mut two = large;
    two.metadata_copies = Some(2);
    World::new(two, disks, initial_model(&two, &[]), 0).bring_up(2)?;
    Ok(())
}

#[test]
fn a_slot_that_a_requeued_request_had_given_up_is_counted_once() -> Result<(), Wrong> {
    let mut world = fresh()?;
    assert!(!done(&mut world, write(0, 8))?);
    let used = world.engine.snapshot().slots_used;
    // The slot goes bad; the request that finds out is handed back at every step on its way.
    for steps in 0..30 {
        world.spoil_slot_of(3, 1, false);
        world.faults = true;
        world.ask(Ask::Read {
            sector: 3,
            sectors: 1,
        })?;
        for _ in 0..steps {
            world.step(&mut |_| 0)?;
        }
        world.engine.handle(Event::Suspend { noflush: true });
        world.settle()?;
        world.engine.handle(Event::Resume);
        world.settle()?;
        let status = world.engine.snapshot();
        assert_eq!(status.slots_used, used, "after {steps} steps");
        assert!(status.slots_bad <= steps as u64 + 1);
    }
    Ok(())
}

#[test]
fn the_user_keeps_old_content_when_main_was_never_touched() -> Result<(), Wrong> {
    let mut world = fresh()?;
    assert!(!done(&mut world, write(2, 1))?);
    let mut sector = [0; 512];
    world.disks[0]
        .read(1, &mut sector)
        .map_err(|class| class.to_string())?;
    assert_eq!(sector[..8], (MAIN_MARKS + 1).to_le_bytes());
    reboot(&world, 2)?.read_all()
}
