// SPDX-License-Identifier: GPL-2.0-only

//! The index as a whole, on an honest disk unless a test says otherwise: requests, zones, chapters, expiry, saving,
//! loading, rebuilding, failures; and a short turn of its simulation.

use dm_spare_engine::index::{Answer, Data, OpenError, OpenMode, Place, RequestKind, Unavailable};
use dm_spare_simulator::index::user::{found, update, User};
use dm_spare_simulator::index::world::Tally;
use dm_spare_simulator::index::{names, plan};

/// The whole table of requests, for a name that is in one of the kinds of chapters.
fn table_for(sparse_chapters: u64, put_there: impl Fn(&mut User), place: Place) {
    let mut test = User::new(1, sparse_chapters as u32);
    let all: Vec<u64> = (1..=120).collect();
    let plain = all.iter().filter(|n| !test.name(**n).is_hook());
    let numbers: Vec<u64> = plain.copied().take(5).collect();
    let hook = (1..=120).find(|number| test.name(*number).is_hook());
    for number in &all {
        assert_eq!(test.post(*number), Answer::Absent);
    }
    put_there(&mut test);
    if place == Place::Sparse {
        let hook = hook.expect("there is one among so many");
        assert_eq!(test.peek(hook), found(hook, 1, place));
    }
    let [post, updated, query, peeked, deleted] = numbers[..] else {
        panic!("five names that are no hooks");
    };
    assert_eq!(test.peek(peeked), found(peeked, 1, place));
    assert_eq!(
        test.peek(peeked),
        found(peeked, 1, place),
        "a peek moves nothing"
    );
    let other = RequestKind::Post(names::data(post, 2));
    assert_eq!(test.ask(other, post), found(post, 1, place));
    assert_eq!(
        test.peek(post),
        found(post, 1, Place::Open),
        "the old data moved"
    );
    assert_eq!(test.ask(update(updated), updated), found(updated, 1, place));
    assert_eq!(test.peek(updated), found(updated, 2, Place::Open));
    assert_eq!(test.ask(RequestKind::Query, query), found(query, 1, place));
    assert_eq!(test.peek(query), found(query, 1, Place::Open));
    let delete = RequestKind::Delete;
    assert_eq!(test.ask(delete, deleted), found(deleted, 1, place));
    if place == Place::Sparse {
        // Only filters know the name, and they forget nothing.
        assert_eq!(test.peek(deleted), found(deleted, 1, place));
        return;
    }
    assert_eq!(test.ask(delete, deleted), Answer::Absent);
    assert_eq!(test.peek(deleted), Answer::Absent);
    assert_eq!(test.post(deleted), Answer::Absent, "it may be made again");
    assert_eq!(test.peek(deleted), found(deleted, 1, Place::Open));
}

#[test]
fn the_table_of_requests_in_the_open_chapter() {
    table_for(0, |_| {}, Place::Open);
}

#[test]
fn the_table_of_requests_in_a_dense_chapter() {
    table_for(0, |test| test.chapters(2), Place::Dense);
}

#[test]
fn the_table_of_requests_in_a_sparse_chapter() {
    table_for(20, |test| test.chapters(8), Place::Sparse);
}

#[test]
fn the_table_of_requests_in_the_chapter_that_is_being_written() {
    let put_there = |test: &mut User| {
        test.world.holds_keeper = true;
        test.post_new(184 - 120);
        assert_eq!(test.world.zones[0].open_chapter().0, 2);
        assert_eq!(test.world.keeper.window().newest.0, 0);
    };
    table_for(0, put_there, Place::Dense);
}

#[test]
fn requests_wait_while_two_chapters_are_full() {
    let mut test = User::new(1, 0);
    test.world.holds_keeper = true;
    test.post_new(184 + 184);
    for number in 1..=10 {
        let name = test.name(number);
        let data = names::data(number, 1);
        test.world.ask(RequestKind::Post(data), name);
    }
    test.world.run(&mut test.random).expect("all is well");
    assert_eq!(test.world.unanswered(), 10, "there is no room for them");
    test.world.holds_keeper = false;
    test.run();
    assert_eq!(test.world.unanswered(), 0);
    assert_eq!(test.peek(10), found(10, 1, Place::Open));
}

#[test]
fn the_table_of_requests_after_a_clean_stop() {
    table_for(
        0,
        |test| {
            let old = std::mem::replace(test, User::new(1, 0));
            let mut old = old;
            assert!(old.suspend(true));
            *test = old.reopen(1, OpenMode::LoadClean);
        },
        Place::Open,
    );
}

#[test]
fn unknown_names_and_statistics() {
    let mut test = User::new(1, 0);
    let before = test.world.statistics();
    assert_eq!(test.ask(RequestKind::Query, 1), Answer::Absent);
    assert_eq!(test.peek(1), Answer::Absent, "a query makes nothing");
    assert_eq!(test.ask(RequestKind::Delete, 1), Answer::Absent);
    assert_eq!(test.ask(update(1), 1), Answer::Absent);
    assert_eq!(test.ask(update(1), 1), found(1, 2, Place::Open));
    assert_eq!(test.post(1), found(1, 2, Place::Open));
    assert_eq!(test.post(2), Answer::Absent);
    test.chapters(1);
    let filled = test.world.statistics().posts_not_found;
    assert_eq!(test.post(2), found(2, 1, Place::Dense));
    assert_eq!(test.ask(RequestKind::Query, 2), found(2, 1, Place::Open));
    assert_eq!(test.ask(RequestKind::Delete, 2), found(2, 1, Place::Open));
    let after = test.world.statistics();
    assert_eq!(before.requests, 0);
    assert_eq!(after.posts_not_found, filled);
    assert_eq!(
        (
            after.posts_found,
            after.posts_found_open,
            after.posts_found_dense
        ),
        (2, 1, 1)
    );
    assert_eq!((after.updates_found, after.updates_not_found), (1, 1));
    assert_eq!((after.queries_found, after.queries_not_found), (1, 2));
    assert_eq!((after.deletions_found, after.deletions_not_found), (1, 1));
    let kinds = after.posts_found + after.posts_not_found + 2 + 3 + 2;
    assert_eq!(after.requests, kinds);
}

#[test]
fn the_oldest_chapter_expires_when_another_is_written() {
    let mut test = User::new(1, 0);
    test.post(1);
    test.chapters(6);
    assert_eq!(
        test.peek(1),
        found(1, 1, Place::Dense),
        "six chapters are live"
    );
    test.chapters(1);
    assert_eq!(test.peek(1), Answer::Absent);
    assert_eq!(test.world.keeper.window().oldest.0, 2);
    assert_eq!(test.world.tally.lost, 0);
}

#[test]
fn a_full_zone_closes_the_chapter_of_all() {
    let mut test = User::new(3, 0);
    // Names of the first zone only.
    let mut number = 0;
    for _ in 0..400 {
        number += 1;
        let name = test.name(number);
        if test.world.zone_of(name) == 0 {
            let data = names::data(number, 1);
            test.world.ask(RequestKind::Post(data), name);
        }
    }
    test.run();
    let statistics = test.world.statistics();
    assert!(statistics.chapters_filled >= 1);
    assert_eq!(
        statistics.chapters_cut_short,
        2 * statistics.chapters_filled
    );
    assert_eq!(
        test.world.keeper.window().newest.0,
        statistics.chapters_filled
    );
    let open: Vec<u64> = test
        .world
        .zones
        .iter()
        .map(|zone| zone.open_chapter().0)
        .collect();
    assert_eq!(open, vec![statistics.chapters_filled + 1; 3]);
}

#[test]
fn a_failed_write_is_latched() {
    let mut test = User::new(2, 0);
    test.post(1);
    test.chapters(1);
    test.world.disk.fails_writes = true;
    for number in 0..400 {
        let name = test.name(number);
        test.world
            .ask(RequestKind::Post(names::data(number, 1)), name);
    }
    test.run();
    assert!(test.world.failed);
    test.world.disk.fails_writes = false;
    let failed = Answer::Unavailable(Unavailable::Failed);
    assert_eq!(test.peek(1), failed, "also when the disk is well again");
    assert!(!test.suspend(true), "nothing is saved");
    let mut test = test.reopen(2, OpenMode::Load);
    assert_eq!(test.peek(1), found(1, 1, Place::Dense));
}

/// Each write and flush of a run fails in turn: those of chapters, of images, of headers, and those of a save.
#[test]
fn a_failed_write_is_latched_whichever_it_is_and_requests_end() {
    let (mut failures, mut without_save) = (0, 0);
    for good in 0.. {
        let mut test = User::new(2, 3);
        test.world.disk.fails_behind = Some(good);
        test.post_new(400);
        let latched = test.world.failed;
        let answer = test.peek(1001);
        let is_refused = answer == Answer::Unavailable(Unavailable::Failed);
        assert_eq!(is_refused, latched, "write {good}: {answer:?}");
        let saved = test.suspend(true);
        let happened = test.world.disk.fails_behind.is_none();
        assert_eq!(saved, !happened, "write {good}");
        if happened && !latched {
            // Nothing but the save is missing.
            without_save += 1;
            test.world.resume(false);
            assert_ne!(test.peek(1400), Answer::Absent);
            assert!(test.suspend(true));
        }
        let mut test = test.reopen(2, OpenMode::Load);
        test.look_everything_up();
        if !happened {
            break;
        }
        failures += 1;
    }
    assert!(
        failures > 12 && without_save > 1,
        "{failures}, {without_save}"
    );
}

#[test]
fn nothing_is_served_while_loading() {
    let mut test = User::new(1, 0);
    test.post(1);
    test.chapters(2);
    let mut world = test.world.restart(1);
    world.holds_keeper = true;
    world.open(OpenMode::Load);
    let name = world.model.name(1);
    let answer = world.ask_and_run(RequestKind::Peek, name, &mut test.random);
    assert_eq!(answer, Ok(Answer::Unavailable(Unavailable::Loading)));
    world.holds_keeper = false;
    world.run(&mut test.random).expect("all is well");
    test.world = world;
    assert_eq!(test.peek(1), found(1, 1, Place::Dense));
}

#[test]
fn an_index_of_another_size_is_none() {
    let mut test = User::new(2, 0);
    test.chapters(1);
    let mut world = test.world.restart(2);
    world.shape.parameters.dense_chapters += 1;
    let mut test = User {
        world: world.restart(2),
        ..test
    };
    test.world.open(OpenMode::Load);
    test.run();
    assert_eq!(test.world.opened, Some(Err(OpenError::NoIndex)));
}

#[test]
fn suspends_and_resumes_may_come_twice_or_without_need() {
    let mut test = User::new(2, 0);
    test.post(1);
    test.world.resume(false);
    assert_eq!(test.peek(1), found(1, 1, Place::Open), "nothing to resume");
    assert!(test.suspend(true));
    assert!(!test.suspend(true), "it rests already");
    test.world.resume(true);
    test.world.resume(true);
    test.run();
    assert_eq!(test.peek(1), found(1, 1, Place::Open));
    // What was saved and not used is saved anew.
    test.post(2);
    assert!(test.suspend(true));
    let mut test = test.reopen(1, OpenMode::LoadClean);
    assert_eq!(test.peek(2), found(2, 1, Place::Open));
    // It may be stopped for good, without a save, while it rests.
    assert!(!test.suspend(false));
    let test = test.reopen(1, OpenMode::Load);
    assert!(test.world.opened.is_some_and(|opened| opened.is_ok()));
}

#[test]
fn nothing_is_served_while_suspended() {
    let mut test = User::new(2, 0);
    test.post(1);
    assert!(!test.suspend(false));
    let suspended = Answer::Unavailable(Unavailable::Suspended);
    assert_eq!(test.peek(1), suspended);
    test.world.resume(false);
    test.run();
    assert_eq!(test.peek(1), found(1, 1, Place::Open));
}

#[test]
fn other_storage_takes_over_while_suspended() {
    for save in [false, true] {
        let mut test = User::new(2, 0);
        for number in 1..=30 {
            test.post(number);
        }
        test.chapters(1);
        for number in 1..=30 {
            assert_eq!(test.peek(number), found(number, 1, Place::Dense));
        }
        let reads = test.world.statistics().pages_read;
        assert_eq!(test.suspend(save), save);
        test.world.disk = test.world.disk.copy();
        test.world.resume(true);
        for number in 1..=30 {
            assert_eq!(test.peek(number), found(number, 1, Place::Dense));
        }
        assert!(
            test.world.statistics().pages_read > reads,
            "pages of the old storage are not used"
        );
    }
}

#[test]
fn what_was_saved_comes_back_to_any_number_of_zones() {
    for zones in 1..=3 {
        let mut test = User::new(2, 0);
        test.chapters(1);
        for number in 1..=40 {
            test.post(number);
        }
        assert!(test.suspend(true));
        let mut test = test.reopen(zones, OpenMode::Load);
        assert!(test
            .world
            .opened
            .is_some_and(|opened| opened.is_ok_and(|opened| opened.was_clean)));
        for number in 1..=40 {
            assert_eq!(test.peek(number), found(number, 1, Place::Open));
        }
        // It no longer counts once a chapter was written.
        test.chapters(1);
        let test = test.reopen(zones, OpenMode::LoadClean);
        assert_eq!(test.world.opened, Some(Err(OpenError::NotClean)));
    }
}

#[test]
fn a_rebuilt_index_finds_all_durable_names_and_deleted_ones() {
    for filled in [2, 6, 9] {
        let mut test = User::new(2, 0);
        test.chapters(filled);
        test.post(1);
        test.chapters(1);
        assert_eq!(test.ask(RequestKind::Delete, 1), found(1, 1, Place::Dense));
        assert_eq!(test.peek(1), Answer::Absent);
        let mut test = test.reopen(3, OpenMode::Rebuild);
        assert!(test
            .world
            .opened
            .is_some_and(|opened| opened.is_ok_and(|opened| opened.rebuilt)));
        assert_eq!(
            test.peek(1),
            found(1, 1, Place::Dense),
            "a deletion is weak"
        );
        let random = &mut test.random;
        test.world.look_everything_up(random).expect("answers");
        // A zone has more of the names than its share of the volume index is made for.
        assert!(test.world.tally.lost <= test.world.without_room());
        assert_eq!(test.world.tally.older, 0);
        let progress = test.world.keeper.progress();
        assert_eq!(progress.done, progress.total);
        assert_eq!(progress.total, (filled + 1).min(6));
    }
}

#[test]
fn a_rebuild_is_interrupted_and_goes_on_on_other_storage() {
    let mut test = User::new(2, 0);
    test.chapters(6);
    let mut world = test.world.restart(2);
    world.open(OpenMode::Rebuild);
    let mut interruptions = 0;
    while world.opened.is_none() {
        for _ in 0..8 {
            world.step(&mut test.random).expect("all is well");
        }
        world.suspend(false);
        world.run(&mut test.random).expect("all is well");
        assert!(world.suspended.is_some());
        interruptions += 1;
        world.disk = world.disk.copy();
        world.resume(true);
    }
    assert!(interruptions > 1);
    world.run(&mut test.random).expect("all is well");
    world.look_everything_up(&mut test.random).expect("answers");
    assert_eq!(world.tally.lost, 0);
}

#[test]
fn a_read_error_costs_one_lookup() {
    let mut test = User::new(1, 0);
    for number in 1..=20 {
        test.post(number);
    }
    test.chapters(1);
    test.world.bad_reads = 1;
    assert_eq!(test.peek(1), Answer::Absent);
    assert_eq!(test.world.statistics().page_read_errors, 1);
    test.world.bad_reads = 0;
    assert_eq!(
        test.peek(2),
        found(2, 1, Place::Dense),
        "the page was not kept"
    );
}

#[test]
fn requests_for_one_page_join_one_read() {
    let mut test = User::new(1, 0);
    for number in 1..=10 {
        test.post(number);
    }
    test.chapters(1);
    let before = test.world.statistics();
    for number in 1..=10 {
        let name = test.name(number);
        test.world.ask(RequestKind::Peek, name);
    }
    test.run();
    let after = test.world.statistics();
    assert_eq!(
        after.pages_read - before.pages_read,
        1,
        "a chapter has one page"
    );
    assert_eq!(after.queries_found - before.queries_found, 10);
}

#[test]
fn random_runs_keep_the_promise() {
    let mut sum = Tally::default();
    for seed in 1..=20 {
        let tally =
            plan::run(seed, 40, false).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        sum.add(&tally);
    }
    assert!(sum.found > 1000 && sum.chapters > 100 && sum.crashes > 20);
}

#[test]
fn data_tells_its_name_and_version() {
    assert_ne!(names::data(1, 1), names::data(1, 2));
    assert_ne!(names::data(1, 1), names::data(2, 1));
    assert_ne!(names::data(1, 1), Data::default());
}
