// SPDX-License-Identifier: GPL-2.0-only

//! What an index makes of a disk on which something is missing.

use dm_spare_engine::index::{
    Bounds, Chapter, Extent, Image, IoKind, OpenError, OpenMode, Opened, Place, Start, ToKeeper,
    ToZone, Zone, ZoneAction, ZoneEvent, ZoneSettings, Zones,
};
use dm_spare_simulator::index::crashes;
use dm_spare_simulator::index::user::{found, User};
use kernel::alloc::flags::GFP_KERNEL;
use kernel::sync::Arc;
use std::collections::VecDeque;

/// An index of two zones that is full, and whose images were all written more than once; it was stopped by saving it.
fn full() -> User {
    let mut user = User::new(2, 0);
    user.chapters(12);
    assert!(user.suspend(true));
    user
}

fn segments(user: &User) -> u64 {
    user.world.shape.geometry().index.segments().into()
}

/// Zeros for the newest images of every `step`th segment.
fn wipe_images(user: &mut User, step: usize) {
    let layout = *user.world.layout();
    let blocks = u64::from(layout.image_blocks());
    let geometry = user.world.shape.geometry();
    let end = 12 * geometry.chapter_images;
    for image in (end - segments(user)..end).step_by(step) {
        let first = layout.image(Image(image));
        user.world.disk.wipe(first, first + blocks);
    }
}

fn opened(user: &User) -> Opened {
    let opened = user.world.opened.expect("an answer");
    opened.expect("it was opened")
}

#[test]
fn an_index_whose_images_are_gone_is_rebuilt_by_itself() {
    for step in [1, 2, 4] {
        let mut user = full();
        wipe_images(&mut user, step);
        let mut user = user.reopen(3, OpenMode::Load);
        assert!(opened(&user).rebuilt && opened(&user).was_clean);
        let progress = user.world.keeper.progress();
        assert_eq!((progress.done, progress.total), (6, 6));
        user.look_everything_up();
        assert_eq!(user.world.statistics().segments_lost, 0);
        // The images that were written since do not make the others count again.
        user.chapters(1);
        let mut user = user.reopen(2, OpenMode::Load);
        assert!(opened(&user).rebuilt);
        user.look_everything_up();
        user.chapters(6);
        let user = user.reopen(2, OpenMode::Load);
        assert!(!opened(&user).rebuilt, "all images are new");
    }
}

#[test]
fn a_rebuild_is_no_clean_load() {
    let mut user = full();
    wipe_images(&mut user, 1);
    let user = user.reopen(2, OpenMode::LoadClean);
    assert_eq!(user.world.opened, Some(Err(OpenError::NotClean)));
}

#[test]
fn a_rebuild_that_began_by_itself_is_interrupted_and_goes_on_on_other_storage() {
    let mut user = full();
    wipe_images(&mut user, 1);
    let mut world = user.world.restart(2);
    world.open(OpenMode::Load);
    let mut seen = Vec::new();
    while world.opened.is_none() {
        for _ in 0..8 {
            world.step(&mut user.random).expect("all is well");
        }
        world.suspend(false);
        world.run(&mut user.random).expect("all is well");
        assert!(world.suspended.is_some());
        seen.push(world.keeper.progress().done);
        world.disk = world.disk.copy();
        world.resume(true);
    }
    assert!(seen.is_sorted(), "chapters are not read again: {seen:?}");
    assert!(seen.iter().any(|done| (1..6).contains(done)), "{seen:?}");
    user.world = world;
    assert!(opened(&user).rebuilt);
    user.run();
    user.look_everything_up();
}

#[test]
fn a_single_lost_image_costs_its_segment_only() {
    let mut user = full();
    let segments = segments(&user);
    assert!(segments > 8, "one of so many is tolerated");
    wipe_images(&mut user, segments as usize);
    let mut user = user.reopen(2, OpenMode::Load);
    assert!(!opened(&user).rebuilt);
    let random = &mut user.random;
    user.world.look_everything_up(random).expect("all is well");
    let statistics = user.world.statistics();
    assert_eq!(statistics.segments_lost, 1);
    let of_a_segment = 6 * 184 / segments;
    let lost = user.world.tally.lost;
    assert!((1..=2 * of_a_segment).contains(&lost), "{lost} are lost");
}

#[test]
fn lost_headers_cost_their_chapters_only() {
    let mut user = full();
    let layout = *user.world.layout();
    let newest = user.world.keeper.window().newest;
    // An old chapter and the newest one.
    for age in [0, 3] {
        let chapter = Chapter(newest.0 - age);
        let block = layout.header(chapter, 0).expect("a header");
        user.world.disk.wipe(block, block + 1);
    }
    let mut user = user.reopen(2, OpenMode::Load);
    assert_eq!(opened(&user).window.newest.0, newest.0 - 1);
    assert!(!opened(&user).was_clean, "what was saved belongs elsewhere");
    let random = &mut user.random;
    user.world.look_everything_up(random).expect("all is well");
    let lost = user.world.tally.lost;
    assert!((1..=184).contains(&lost), "{lost} are lost");
    user.chapters(8);
    user.look_everything_up();
}

#[test]
fn an_index_without_its_table_begins_anew() {
    let mut user = full();
    let (first, blocks) = user.world.layout().table();
    user.world.disk.wipe(first, first + blocks);
    let mut user = user.reopen(2, OpenMode::Load);
    assert_eq!(opened(&user).window.chapters(), 0);
    // Chapters get numbers again that pages and images on the disk have too.
    user.chapters(14);
    user.post(1);
    user.chapters(1);
    assert_eq!(user.peek(1), found(1, 1, Place::Dense));
    user.look_everything_up();
}

/// A chapter may be full before the segments are here whose images are written with it.
#[test]
fn images_of_segments_that_have_to_be_read_first_are_written() {
    let user = full();
    let geometry = user.world.shape.geometry();
    let segments = geometry.index.segments();
    let zones = Zones::new(1, segments).expect("one zone");
    let bounds = Bounds::new(geometry.slots, geometry.page_blocks, GFP_KERNEL).expect("memory");
    let mut zone = Zone::new(ZoneSettings {
        geometry,
        zones,
        number: 0,
        bounds: Arc::new(bounds, GFP_KERNEL).expect("memory"),
        waiting: 4,
        checksum: crc32c::crc32c,
        flags: GFP_KERNEL,
    })
    .expect("memory");
    let end = 12 * geometry.chapter_images;
    let memory = || Extent::new(geometry.image_blocks as usize, GFP_KERNEL).expect("memory");
    let mut messages = VecDeque::from([
        ToZone::Start(Start {
            uuid: [9; 16],
            window: user.world.keeper.window(),
            images: (Image(0), Image(end)),
            lazily: true,
        }),
        ToZone::Serve,
    ]);
    messages.extend((end..end + 2).map(|image| ToZone::Image {
        image: Image(image),
        memory: memory(),
    }));
    let mut events: VecDeque<_> = messages.into_iter().map(ZoneEvent::Message).collect();
    let mut imaged = Vec::new();
    while let Some(event) = events.pop_front() {
        zone.handle(event, &mut |action| match action {
            ZoneAction::Io(mut io) => {
                let memory = io.memory.as_mut().expect("a read");
                let IoKind::Read { block, blocks } = io.kind else {
                    panic!("a zone only reads");
                };
                assert!(user.world.disk.read(block, blocks, memory));
                events.push_back(ZoneEvent::Done {
                    token: io.token,
                    result: Ok(()),
                    memory: io.memory,
                });
            }
            ZoneAction::Tell(ToKeeper::Imaged { image, blocks, .. }) => {
                imaged.push((image.0, blocks));
            }
            _ => {}
        });
    }
    assert_eq!(imaged, [(end, 1), (end + 1, 1)]);
    assert_eq!(zone.statistics().segments_lost, 0);
}

#[test]
fn a_crash_at_every_write_of_a_short_run_loses_nothing_that_was_durable() {
    for shape in crashes::shapes() {
        let tally = crashes::run(shape).unwrap_or_else(|wrong| panic!("{shape:?}: {wrong}"));
        println!("{tally:?}");
        assert!(tally.moments > 50 && tally.crashes > 1000);
        assert!(tally.found / tally.crashes > 100);
    }
}
