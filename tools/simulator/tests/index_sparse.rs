// SPDX-License-Identifier: GPL-2.0-only

//! Sparse chapters: what hooks make known, in which zones, from when on, and what is lost all the same.

use dm_spare_engine::index::{Answer, Parameters, Place, RequestKind};
use dm_spare_simulator::index::user::{found, User};
use dm_spare_simulator::index::world::Shape;

#[test]
fn a_hook_makes_the_names_of_an_old_chapter_known() {
    let mut test = User::new(2, 20);
    let (mut hook, mut others) = (None, Vec::new());
    for number in 1..=120 {
        test.post(number);
        if test.name(number).is_hook() {
            hook = Some(number);
        } else {
            others.push(number);
        }
    }
    let hook = hook.expect("one in 32");
    test.chapters(8);
    for number in &others {
        assert_eq!(test.peek(*number), Answer::Absent, "its chapter is sparse");
    }
    assert_eq!(test.peek(hook), found(hook, 1, Place::Sparse));
    for number in &others {
        assert_eq!(test.peek(*number), found(*number, 1, Place::Sparse));
    }
    assert_eq!(
        test.ask(RequestKind::Query, others[0]),
        found(others[0], 1, Place::Sparse)
    );
    assert_eq!(test.peek(others[0]), found(others[0], 1, Place::Open));
    test.chapters(20);
    assert_eq!(
        test.peek(others[1]),
        Answer::Absent,
        "the chapter has expired"
    );
    assert_eq!(test.peek(hook), Answer::Absent);
}

/// An index of so many zones, with sparse chapters of 368 records, numbered from 1 on, and a request that waits never
/// keeps others out.
fn filled(zones: u32, chapters: u64) -> User {
    let mut user = User::of(Shape {
        parameters: Parameters {
            pages: 2,
            dense_chapters: 4,
            sparse_chapters: 400,
            checkpoint_chapters: 3,
            bucket_bits: 3,
        },
        zones,
        waiting: 400,
        cache_pages: 60,
    });
    user.next = 0;
    user.chapters(chapters);
    user
}

#[test]
fn names_that_come_after_a_hook_are_found_in_every_zone() {
    for zones in 1..=4 {
        let mut user = filled(zones, 12);
        let mut hooks = (30..300).filter(|number| user.name(*number).is_hook());
        let hook = hooks.next().expect("one in 32");
        let numbers: Vec<u64> = (1..=300).filter(|number| *number != hook).collect();
        let before = user.world.tally.found;
        // Nothing is read, and no message arrives, before all of them are handed in.
        for number in [hook].into_iter().chain(numbers.iter().copied()) {
            let name = user.name(number);
            assert!(user.world.ask_now(RequestKind::Peek, name));
        }
        user.run();
        let found = user.world.tally.found - before;
        assert_eq!(found, 300, "of {zones} zones");
    }
}

#[test]
fn the_filters_of_seven_chapters_are_kept() {
    let mut user = filled(2, 20);
    let of_chapter = |chapter: u64| 368 * chapter + 40..368 * chapter + 320;
    for chapter in 0..8 {
        let mut numbers = of_chapter(chapter);
        let hook = numbers.find(|number| user.name(*number).is_hook());
        user.peek(hook.expect("one in 32"));
    }
    let mut known = |chapter: u64| {
        let mut numbers = of_chapter(chapter);
        let other = numbers.find(|number| !user.name(*number).is_hook());
        user.peek(other.expect("most are none")) != Answer::Absent
    };
    assert!((1..8).all(&mut known));
    assert!(!known(0), "it was of no use for the longest time");
}

/// With many requests under way, in several zones, the loss is that of one request after another.
#[test]
fn a_sparse_chapter_loses_31_records_on_average() {
    for zones in [1, 3] {
        let mut user = filled(zones, 254);
        // The first zone that is full closes the chapter of all, so it has fewer than 368 records.
        let length = user.next as f64 / 254.0;
        let (mut lost, mut asked) = (0, 0);
        // In the order in which they were written.
        for start in (368..240 * 300).step_by(300) {
            let before = user.world.tally.found;
            for number in start..start + 300 {
                let name = user.name(number);
                assert!(user.world.ask_now(RequestKind::Peek, name));
            }
            user.run();
            lost += 300 - (user.world.tally.found - before);
            asked += 300;
        }
        let mean = lost as f64 / (f64::from(asked) / length);
        println!("{zones} zones: {mean} records a chapter are lost");
        // The mean of so many has a standard deviation of 2.
        assert!((31.0 * 0.75..=31.0 * 1.25).contains(&mean), "{mean}");
    }
}
