// SPDX-License-Identifier: GPL-2.0-only

//! Dedup mode: what happens when blocks rot, devices are exchanged, and space ends.

use dm_spare_engine::dedup::format::presence_page::Presence;
use dm_spare_engine::dedup::format::{pool_page, presence_page};
use dm_spare_engine::dedup::{Event, Fill, Lbn, Leg, Lsn, Refusal, RequestKind};
use dm_spare_simulator::dedup::content::Value;
use dm_spare_simulator::dedup::world::{Shape, World};
use dm_spare_simulator::rng::Rng;
use dm_spare_simulator::sector::marked;

fn world(data_blocks: u64, map_pages: u64) -> (World, Rng) {
    let mut random = Rng::new(5);
    let mut world = World::new(Shape::small(data_blocks, map_pages, 4, 0));
    world.activate_and_check(&mut random).expect("formatted");
    (world, random)
}

fn flush(world: &mut World, random: &mut Rng) {
    world.run(random).expect("answered");
    world.ask(RequestKind::Flush, None);
    world.run(random).expect("flushed");
}

fn refusal(mut world: World, random: &mut Rng) -> Option<Refusal> {
    world.activate();
    world.run(random).expect("it is answered");
    world.activated.expect("it is answered").err()
}

#[test]
fn formatting_may_be_broken_off_anywhere() {
    let shape = Shape::small(100, 3, 2, 0);
    for steps in 0..80 {
        for newest in [false, true] {
            let mut random = Rng::new(steps);
            let mut world = World::new(shape);
            world.activate();
            for _ in 0..steps {
                world.deliver_oldest(&mut random).expect("right");
            }
            let mut again = world.crash_plainly(newest);
            again
                .activate_and_check(&mut random)
                .unwrap_or_else(|wrong| panic!("after {steps}: {wrong}"));
        }
    }
}

#[test]
fn one_damaged_superblock_is_no_loss_and_two_are_refused() {
    for leg in Leg::BOTH {
        let (world, mut random) = world(100, 3);
        let mut one = world.crash_plainly(true);
        one.rot(leg, 0);
        one.activate_and_check(&mut random)
            .expect("the other is there");
        let mut both = world.crash_plainly(true);
        both.rot(Leg::Main, 0);
        both.rot(Leg::Spare, 0);
        assert!(matches!(
            refusal(both, &mut random),
            Some(Refusal::Superblock(Leg::Main, _))
        ));
    }
}

#[test]
fn a_blank_device_beside_a_volume_is_never_formatted() {
    for leg in Leg::BOTH {
        let (world, mut random) = world(100, 3);
        let mut changed = world.crash_plainly(true);
        changed.disks[leg.index()].damage(0..8, |_| marked(0));
        assert_eq!(refusal(changed, &mut random), Some(Refusal::Blank(leg)));
    }
    let (world, mut random) = world(100, 3);
    let mut foreign = world.crash_plainly(true);
    foreign.disks[0].damage(0..8, |_| marked(77));
    foreign.disks[1].damage(0..8, |_| marked(0));
    let refused = refusal(foreign, &mut random);
    assert!(matches!(refused, Some(Refusal::Superblock(Leg::Main, _))));
}

#[test]
fn what_lies_behind_a_blank_first_block_is_never_formatted_over() {
    for (leg, block) in [
        (Leg::Main, 1),
        (Leg::Main, 5),
        (Leg::Main, 16),
        (Leg::Spare, 2),
        (Leg::Spare, 7),
    ] {
        let mut random = Rng::new(5);
        let mut foreign = World::new(Shape::small(100, 3, 2, 0));
        foreign.disks[leg.index()].damage(8 * block..8 * block + 8, |_| marked(77));
        let refused = refusal(foreign, &mut random);
        assert_eq!(refused, Some(Refusal::Occupied(leg, block)));
    }
}

#[test]
fn a_hole_in_the_journal_is_refused() {
    let (mut world, mut random) = world(100, 3);
    let layout = world.shape.layout();
    // The journal begins behind the gap that the activation leaves.
    let redo = layout.geometry.journal_blocks + 1;
    let before = world.status().batches;
    for number in 1..4 {
        world.write(0, Value::Data(number), false);
        flush(&mut world, &mut random);
    }
    assert_eq!(world.status().batches, before + 3);
    let mut whole = world.crash_plainly(true);
    whole.activate_and_check(&mut random).expect("it is whole");
    let mut damaged = world.crash_plainly(true);
    let block = layout.journal_address(Lsn(redo));
    damaged.rot(Leg::Main, block);
    assert_eq!(refusal(damaged, &mut random), Some(Refusal::Journal(block)));
    let mut unreadable = world.crash_plainly(true);
    unreadable.disks[0].make_unreadable(block * 8);
    assert_eq!(
        refusal(unreadable, &mut random),
        Some(Refusal::Journal(block))
    );
}

#[test]
fn a_damaged_map_page_fails_its_requests_and_no_others() {
    let (mut world, mut random) = world(200, 3);
    world.write(0, Value::Data(1), false);
    world.write(900, Value::Data(2), false);
    flush(&mut world, &mut random);
    world.send(Event::Suspend);
    world.run(&mut random).expect("at rest");
    let mut again = world.crash_plainly(false);
    let layout = again.shape.layout();
    again.activate_and_check(&mut random).expect("whole");
    again.rot(Leg::Main, layout.page_address(layout.first_map_page()));
    again.expects_damage = true;
    let read = |world: &mut World, lbn| {
        let lbn = Lbn(lbn);
        world.ask(RequestKind::Read { lbn, blocks: 1 }, None);
    };
    for _ in 0..2 {
        read(&mut again, 0);
        again.write(5, Value::Data(3), false);
        read(&mut again, 900);
        again.run(&mut random).expect("nothing wrong is read");
    }
    assert_eq!(again.tally.damaged, 4);
}

#[test]
fn a_damaged_pool_page_fails_what_needs_it_and_no_more() {
    let (mut world, mut random) = world(600, 3);
    // The first pool page is full, and the second begun.
    for lbn in 0..230 {
        world.write(lbn, Value::Data(1 + lbn), false);
        world.run(&mut random).expect("answered");
    }
    world.send(Event::Suspend);
    world.run(&mut random).expect("at rest");
    let mut again = world.crash_plainly(false);
    let layout = again.shape.layout();
    again.activate_and_check(&mut random).expect("whole");
    let damaged = layout.page_address(layout.first_pool_page());
    again.rot(Leg::Main, damaged);
    again.expects_damage = true;
    let (lbn, blocks) = (Lbn(0), 240);
    again.ask(RequestKind::Read { lbn, blocks }, None);
    again.run(&mut random).expect("reads need no pool page");
    let kind = RequestKind::Fill {
        lbn: Lbn(220),
        blocks: 20,
        fill: Fill::Unmapped,
        fua: true,
    };
    again.ask(kind, None);
    again.run(&mut random).expect("answered");
    assert_eq!(again.tally.damaged, 1);
    // A block is found elsewhere, and a hit that cannot be proved is none.
    again.write(300, Value::Data(2), true);
    again.write(229, Value::Data(5000), true);
    again.run(&mut random).expect("answered");
    assert_eq!(
        (again.tally.damaged, again.status().counters.shared),
        (1, 0)
    );
}

#[test]
fn a_damaged_presence_page_is_refused() {
    let (mut world, mut random) = world(100, 3);
    world.write(0, Value::Data(1), false);
    flush(&mut world, &mut random);
    world.send(Event::Suspend);
    world.run(&mut random).expect("at rest");
    let mut damaged = world.crash_plainly(false);
    let layout = damaged.shape.layout();
    damaged.rot(Leg::Main, layout.pages_start);
    assert_eq!(refusal(damaged, &mut random), Some(Refusal::Page(0)));
}

#[test]
fn a_full_pool_takes_duplicates_and_what_is_discarded_is_used_again() {
    let (mut world, mut random) = world(70, 2);
    let blocks = world.status().data_blocks;
    let fill = |world: &mut World, first: u64, count: u64, random: &mut Rng| {
        for lbn in first..first + count {
            world.write(lbn, Value::Data(1000 + lbn), false);
            world.run(random).expect("answered");
        }
    };
    fill(&mut world, 0, blocks, &mut random);
    assert_eq!(world.status().used_blocks, blocks);
    assert_eq!(world.status().counters.without_space, 0);
    fill(&mut world, blocks, 1, &mut random);
    assert_eq!(world.status().counters.without_space, 1);
    // Duplicates, zeros and reads go on.
    world.write(blocks, Value::Data(1000), false);
    world.write(blocks + 1, Value::Zero, true);
    let (lbn, count) = (Lbn(0), blocks + 5);
    world.ask(RequestKind::Read { lbn, blocks: count }, None);
    world.run(&mut random).expect("answered");
    assert_eq!(world.status().counters.without_space, 1);
    // What was freed a moment ago is used when its batch is durable.
    let kind = RequestKind::Fill {
        lbn: Lbn(1),
        blocks: 10,
        fill: Fill::Unmapped,
        fua: false,
    };
    world.ask(kind, None);
    fill(&mut world, 200, 10, &mut random);
    assert_eq!(world.status().counters.without_space, 1);
    fill(&mut world, 210, 1, &mut random);
    assert_eq!(world.status().counters.without_space, 2);
    let mut again = world.crash_plainly(false);
    again.activate_and_check(&mut random).expect("whole");
}

#[test]
fn more_references_than_a_count_holds_get_a_second_block() {
    let (mut world, mut random) = world(70, 90);
    let references = u64::from(pool_page::COUNT_MAXIMUM);
    for lbn in 0..references + 10 {
        world.write(lbn, Value::Data(1), false);
        world.run(&mut random).expect("answered");
    }
    assert_eq!(world.status().used_blocks, 2);
    let mut again = world.crash_plainly(true);
    again.activate_and_check(&mut random).expect("whole");
}

#[test]
fn discarding_a_volume_without_content_writes_nothing() {
    let (mut world, mut random) = world(100, 40);
    let blocks = world.shape.settings.geometry.logical_blocks;
    let kind = RequestKind::Fill {
        lbn: Lbn(0),
        blocks,
        fill: Fill::Unmapped,
        fua: true,
    };
    let before = world.status().batches;
    world.send(Event::Commit);
    world.ask(kind, None);
    world.run(&mut random).expect("answered");
    assert_eq!(world.status().batches, before);
}

#[test]
fn presence_is_two_bits() {
    let mut page = dm_spare_simulator::dedup::samples::blank();
    presence_page::set(&mut page, 33, Presence::Full);
    assert_eq!(presence_page::word(&page, 1), 0b1100);
    assert!(presence_page::is_consistent(&page));
    presence_page::set(&mut page, 33, Presence::Present);
    assert_eq!(presence_page::word(&page, 1), 0b0100);
}
