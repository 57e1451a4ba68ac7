// SPDX-License-Identifier: GPL-2.0-only

//! The requirements on removal, time-outs, suspends and versions, as far as the engine is concerned.

use dm_spare_engine::format::{Kind, Layout, Superblock, TableBlock};
use dm_spare_engine::{Event, Refusal, State};
use dm_spare_simulator::exhaustive::{
    blank_disks, initial_model, settings, MAIN_MARKS, SPARE_BLOCKS,
};
use dm_spare_simulator::image::crash_images;
use dm_spare_simulator::rng::Rng;
use dm_spare_simulator::scenario::{
    done, drop_copy_1, durable, formatted, fresh, reboot, refusal, reseal_superblocks, write,
};
use dm_spare_simulator::sector::marked;
use dm_spare_simulator::world::{Ask, World};

#[test]
fn r2_removal_during_a_metadata_write_leaves_old_or_new() {
    let mut rng = Rng::new(3);
    for steps in 0..60 {
        let mut world = fresh().expect("a blank spare is formatted");
        world.ask(write(0, 16)).expect("asked");
        for _ in 0..steps {
            world.step(&mut |_| 0).expect("a step");
        }
        for image in crash_images(&world.disks, 16, &mut rng) {
            let mut next = World::new(settings(), image, world.model.crashed(), world.marks());
            next.bring_up(steps + 10).expect("the set loads");
            next.read_all().expect("old or new");
        }
    }
}

#[test]
fn r3_every_held_request_ends_exactly_once_whenever_the_suspend_comes() {
    for noflush in [false, true] {
        for steps in 0..60 {
            let mut world = fresh().expect("a blank spare is formatted");
            let operation = world.ask(write(0, 16)).expect("asked");
            for _ in 0..steps {
                world.step(&mut |_| 0).expect("a step");
            }
            world.engine.handle(Event::Suspend { noflush });
            world.settle().expect("nothing ends twice or never");
            assert_eq!(world.suspended.len(), 1);
            let ended = world.operations[operation].done;
            assert_eq!(
                !ended,
                world.requeued != 0,
                "after {steps} steps, noflush {noflush}"
            );
            let status = world.engine.snapshot();
            assert_eq!((status.waiting, status.active), (0, 0));
            world.engine.handle(Event::Resume);
            let again = world.ask(write(0, 16)).expect("asked");
            world.step(&mut |_| 0).expect("a step");
            while world.step(&mut |_| 0).expect("a step") {}
            assert!(world.operations[again].done && !world.has_failed(again));
        }
    }
}

#[test]
fn r12_a_late_completion_after_a_timeout_is_harmless() {
    let mut world = fresh().expect("a blank spare is formatted");
    world.faults = true;
    let first = world.ask(write(0, 8)).expect("asked");
    // The commit's log blocks are under way to both copies.
    while world.own_writes() < 2 {
        assert!(world.step(&mut |_| 0).expect("a step"));
    }
    world.fire_timer(0);
    world.perform_all().expect("performed");
    assert!(
        world.operations[first].done && world.has_failed(first),
        "no copy has answered"
    );
    assert!(world.engine.snapshot().uncommitted);
    assert_eq!(world.engine.snapshot().commit_timeouts, 1);
    // The writes come back long after.
    world.land_newest().expect("landed");
    world.land_newest().expect("landed");
    world.settle().expect("settled");
    let second = world.ask(write(0, 8)).expect("asked");
    world.settle().expect("settled");
    assert!(
        !world.has_failed(second),
        "a checkpoint of a new epoch goes on"
    );
    let status = world.engine.snapshot();
    assert!(!status.uncommitted);
    assert_eq!(status.copies_healthy, 3);
    world.ask(Ask::Flush).expect("asked");
    world.settle().expect("settled");
    reboot(&world, 2)
        .expect("the set loads")
        .read_all()
        .expect("the second write is there");
}

#[test]
fn r12_a_copy_that_answers_too_late_is_out_and_comes_back() {
    let mut world = fresh().expect("a blank spare is formatted");
    drop_copy_1(&mut world, write(0, 8)).expect("acknowledged by one copy");
    assert!(!world.has_failed(0));
    assert_eq!(world.engine.snapshot().copies_healthy, 1);
    world.settle().expect("the late answer is taken");
    assert_eq!(world.engine.snapshot().copies_healthy, 3);
}

#[test]
fn r15_what_is_staged_is_committed_at_suspend() {
    let mut world = fresh().expect("a blank spare is formatted");
    let operation = world.ask(write(0, 16)).expect("asked");
    world.step(&mut |_| 0).expect("a step");
    world.engine.handle(Event::Suspend { noflush: false });
    world.settle().expect("settled");
    assert!(world.operations[operation].done && !world.has_failed(operation));
    assert_eq!(world.suspended, [true]);
    assert_eq!(world.engine.snapshot().state, State::Suspended);
    let next = reboot(&world, 2).expect("the set loads");
    assert_eq!(next.engine.snapshot().remapped, 2);
}

#[test]
fn r15_what_cannot_be_committed_at_suspend_is_reported() {
    let mut world = fresh().expect("a blank spare is formatted");
    world.faults = true;
    let operation = world.ask(write(0, 8)).expect("asked");
    while world.own_writes() < 2 {
        assert!(world.step(&mut |_| 0).expect("a step"));
    }
    world.disks[1].lost = true;
    world.fire_timer(0);
    world.engine.handle(Event::Suspend { noflush: false });
    world.settle().expect("settled");
    assert!(world.has_failed(operation));
    assert_eq!(world.suspended, [false]);
    assert!(world.engine.snapshot().uncommitted);
}

#[test]
fn r16_the_clean_marker_is_there_only_after_it_was_written() {
    let mut world = fresh().expect("a blank spare is formatted");
    world.engine.handle(Event::Suspend { noflush: false });
    world.settle().expect("settled");
    assert_eq!(world.suspended, [true]);
    let next = reboot(&world, 2).expect("the set loads");
    assert!(next
        .activated
        .is_some_and(|result| result.is_ok_and(|activation| activation.was_clean)));
    // In service again, and not suspended: the next start is not clean.
    let next = reboot(&next, 3).expect("the set loads");
    assert!(next
        .activated
        .is_some_and(|result| result.is_ok_and(|activation| !activation.was_clean)));
    // The marker is asked for and fails.
    let mut world = next;
    world.disks[1].lost = true;
    world.engine.handle(Event::Suspend { noflush: false });
    world.settle().expect("settled");
    assert_eq!(world.suspended, [false]);
    let next = reboot(&world, 4).expect("the set loads");
    assert!(next
        .activated
        .is_some_and(|result| result.is_ok_and(|activation| !activation.was_clean)));
}

#[test]
fn r16_resuming_takes_the_clean_marker_back() {
    let mut world = fresh().expect("a blank spare is formatted");
    world.engine.handle(Event::Suspend { noflush: false });
    world.settle().expect("settled");
    world.engine.handle(Event::Resume);
    world.settle().expect("settled");
    let next = reboot(&world, 2).expect("the set loads");
    assert!(next
        .activated
        .is_some_and(|result| result.is_ok_and(|activation| !activation.was_clean)));
}

#[test]
fn r17_a_newer_version_and_unknown_features_are_refused_and_left_alone() {
    let mut disks = formatted().expect("formatted");
    reseal_superblocks(&mut disks, |bytes| bytes[14] = 2).expect("resealed");
    assert_eq!(
        refusal(disks, settings()).expect("a refusal"),
        Refusal::NewerVersion { found: 2 }
    );
    let mut disks = formatted().expect("formatted");
    reseal_superblocks(&mut disks, |bytes| bytes[136] = 4).expect("resealed");
    assert_eq!(
        refusal(disks, settings()).expect("a refusal"),
        Refusal::UnknownFeatures { bits: 4 }
    );
    let mut disks = formatted().expect("formatted");
    reseal_superblocks(&mut disks, |bytes| bytes[128] = 4).expect("resealed");
    let mut world = World::new(settings(), disks, initial_model(&settings(), &[]), 0);
    world
        .bring_up(9)
        .expect("compatible features may be ignored");
}

#[test]
fn r18_the_metadata_can_be_read_without_an_engine() {
    let mut world = fresh().expect("a blank spare is formatted");
    world.ask(write(0, 16)).expect("asked");
    world.settle().expect("settled");
    let layout = Layout::new(SPARE_BLOCKS, 2).expect("large enough");
    let mut bytes = vec![0; 4096];
    for copy in 0..2 {
        let block = layout.superblock(copy);
        world.disks[1]
            .read(block * 8, &mut bytes)
            .expect("readable");
        let superblock = Superblock::decode(&bytes, block, crc32c::crc32c).expect("a superblock");
        assert_eq!((superblock.copy, superblock.copies), (copy, 2));
        let tid = world.engine.snapshot().tid;
        let block = layout.log(copy, tid);
        world.disks[1]
            .read(block * 8, &mut bytes)
            .expect("readable");
        let log = TableBlock::decode(&bytes, block, Kind::Log, crc32c::crc32c).expect("a commit");
        assert_eq!(log.header.tid, tid);
        assert_eq!(log.records().count(), 2);
    }
}

#[test]
fn a_spare_that_is_not_ours_is_refused_and_left_alone() {
    let mut disks = blank_disks(&settings());
    disks[1].damage(2..3, |at| marked(MAIN_MARKS + at));
    assert_eq!(
        refusal(disks, settings()).expect("a refusal"),
        Refusal::Foreign
    );
    let mut disks = blank_disks(&settings());
    disks[1].make_unreadable(4);
    assert!(matches!(
        refusal(disks, settings()).expect("a refusal"),
        Refusal::Unreadable(_)
    ));
}

#[test]
fn a_set_of_other_devices_is_refused_with_both_values() {
    let mut other = settings();
    other.main_sectors = 16;
    assert_eq!(
        refusal(formatted().expect("formatted"), other).expect("a refusal"),
        Refusal::MainSize {
            recorded: 20,
            given: 16
        }
    );
    let mut other = settings();
    other.spare_sectors += 8;
    let sizes = Refusal::SpareSize {
        recorded: SPARE_BLOCKS * 8,
        given: other.spare_sectors,
    };
    let [main, spare] = formatted().expect("formatted");
    let larger = dm_spare_simulator::disk::Disk::new(other.spare_sectors, |at| {
        if at < SPARE_BLOCKS * 8 {
            spare.durable(at).clone()
        } else {
            marked(0)
        }
    });
    assert_eq!(refusal([main, larger], other).expect("a refusal"), sizes);
    let mut other = settings();
    other.expected_uuid = Some([1; 16]);
    assert!(
        matches!(refusal(formatted().expect("formatted"), other).expect("a refusal"), Refusal::WrongSet { expected, .. } if expected == [1; 16])
    );
}

#[test]
fn a_set_without_a_good_copy_is_refused_and_never_formatted() {
    let mut disks = formatted().expect("formatted");
    reseal_superblocks(&mut disks, |bytes| bytes[72] = 9).expect("resealed");
    let refusal_found = refusal(disks, settings()).expect("a refusal");
    assert!(
        matches!(refusal_found, Refusal::Damaged { .. }),
        "{refusal_found}"
    );
    assert!(refusal_found.is_io_error());
    // The first block is blank, and a copy is there all the same.
    let mut disks = formatted().expect("formatted");
    disks[1].damage(0..8, |_| marked(0));
    let mut world = World::new(settings(), disks, initial_model(&settings(), &[]), 0);
    let activation = world.bring_up(3).expect("the other copy is good");
    assert!(!activation.formatted);
}

#[test]
fn a_hole_in_the_log_is_refused() {
    let mut world = fresh().expect("a blank spare is formatted");
    world.ask(write(0, 8)).expect("asked");
    world.settle().expect("settled");
    let hole = world.engine.snapshot().tid;
    world.ask(write(8, 8)).expect("asked");
    world.settle().expect("settled");
    let layout = Layout::new(SPARE_BLOCKS, 2).expect("large enough");
    let mut disks = durable(&world);
    for copy in 0..2 {
        let at = layout.log(copy, hole) * 8;
        disks[1].damage(at..at + 8, |_| marked(0));
    }
    assert_eq!(
        refusal(disks, settings()).expect("a refusal"),
        Refusal::LogGap {
            missing: hole,
            later: hole + 1
        }
    );
}

#[test]
fn refusals_and_notices_are_one_sentence() {
    let mut disks = blank_disks(&settings());
    disks[1].damage(2..3, |at| marked(MAIN_MARKS + at));
    let text = refusal(disks, settings()).expect("a refusal").to_string();
    assert!(
        text.contains("4096 bytes") && !text.contains('\n') && !text.contains("  "),
        "{text}"
    );
    let mut world = fresh().expect("a blank spare is formatted");
    world.ask(write(0, 8)).expect("asked");
    world.settle().expect("settled");
    assert!(world.notices.iter().any(dm_spare_engine::Notice::is_event));
    assert!(world
        .notices
        .iter()
        .all(|notice| !notice.to_string().contains('\n')));
}

#[test]
fn r16_no_checkpoint_hides_the_clean_marker() {
    // A suspend and a resume are two commits: one more in front has the log half full at the other of them.
    for earlier in [0, 1] {
        let mut world = fresh().expect("a blank spare is formatted");
        for block in 0..earlier {
            assert!(!done(&mut world, write(block * 8, 8)).expect("written"));
        }
        for suspends in 1..=40 {
            world.engine.handle(Event::Suspend { noflush: false });
            world.settle().expect("settled");
            assert_eq!(world.suspended, vec![true; suspends]);
            assert!(
                loads_clean(&world),
                "after {earlier} commits and {suspends} suspends"
            );
            world.engine.handle(Event::Resume);
            world.settle().expect("settled");
            assert!(
                !loads_clean(&world),
                "resumed after {earlier} commits and {suspends} suspends"
            );
        }
        assert!(
            world.engine.snapshot().checkpoints > 3,
            "the log is reused all the same"
        );
    }
}

#[test]
fn r16_taking_a_copy_in_again_does_not_hide_the_clean_marker() {
    let mut world = fresh().expect("a blank spare is formatted");
    // Copy 1 falls out when the marker is written: one commit later it may be taken in again.
    let layout = Layout::new(SPARE_BLOCKS, 2).expect("large enough");
    let first = layout.superblock(1) * 8;
    world.disks[1]
        .unwritable
        .extend(first..first + layout.copy_blocks() * 8);
    world.engine.handle(Event::Suspend { noflush: false });
    world.settle().expect("settled");
    assert_eq!(world.suspended, [true]);
    assert_eq!(world.engine.snapshot().copies_healthy, 1);
    assert!(loads_clean(&world));
    world.disks[1].unwritable.clear();
    world.engine.handle(Event::Resume);
    world.settle().expect("settled");
    assert_eq!(world.engine.snapshot().copies_healthy, 3);
    assert!(!loads_clean(&world));
}

/// Whether the set that a crash leaves says that it was suspended cleanly.
fn loads_clean(world: &World) -> bool {
    reboot(world, 2)
        .expect("the set loads")
        .activated
        .is_some_and(|result| result.is_ok_and(|activation| activation.was_clean))
}
