// SPDX-License-Identifier: GPL-2.0-only

//! Whole indexes that an earlier build wrote are loaded, in every way, into any number of zones.

use dm_spare_engine::index::{Answer, OpenMode, Place};
use dm_spare_simulator::index::names;
use dm_spare_simulator::index::user::{found, model, User};
use dm_spare_simulator::index::whole::{self, CHAPTER, CHAPTERS, DELETED, LAST, UPDATED};
use dm_spare_simulator::index::world::World;
use dm_spare_simulator::index_samples::WHOLE;
use dm_spare_simulator::rng::Rng;
use std::path::Path;

fn kept(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/images/index");
    std::fs::read(folder.join(name)).expect("an image that is kept")
}

/// The kept index, opened; nobody promises anything about it but that no name has what it never had.
fn open(name: &str, is_sparse: bool, zones: u32, mode: OpenMode) -> User {
    let shape = whole::shape(is_sparse, zones);
    let mut model = model(shape);
    for number in 1..=LAST {
        model.had(number, names::data(number, 1));
    }
    model.had(UPDATED, names::data(UPDATED, 2));
    let mut user = User {
        world: World::new(shape, model, whole::disk(&kept(name))),
        random: Rng::new(u64::from(zones)),
        next: LAST,
    };
    let opened = user.world.open_and_run(mode, &mut user.random);
    let opened = opened.expect("it is loaded");
    assert_eq!(opened.window.newest.0, CHAPTERS);
    assert!(opened.was_clean);
    assert_eq!(opened.rebuilt, mode == OpenMode::Rebuild);
    user
}

fn check_newest(user: &mut User) {
    let closed = CHAPTERS * CHAPTER;
    // Requests that waited may have changed places with others at the borders of chapters.
    for number in closed - 2 * CHAPTER + 20..=LAST {
        let answer = user.peek(number);
        let is_found = |version| {
            let places = [Place::Open, Place::Dense];
            places.map(|place| found(number, version, place))
        };
        match number {
            UPDATED => assert_eq!(answer, found(number, 2, Place::Open)),
            DELETED => assert_eq!(answer, Answer::Absent),
            _ => assert!(is_found(1).contains(&answer), "{number}: {answer:?}"),
        }
    }
}

fn modes() -> impl Iterator<Item = (u32, OpenMode)> {
    let modes = [OpenMode::LoadClean, OpenMode::Load, OpenMode::Rebuild];
    (1..=3).flat_map(move |zones| modes.map(|mode| (zones, mode)))
}

#[test]
fn a_dense_index_that_an_earlier_build_wrote_is_loaded() {
    for (zones, mode) in modes() {
        let mut user = open("whole-dense", false, zones, mode);
        check_newest(&mut user);
        for number in 1..=(CHAPTERS - 3) * CHAPTER - 20 {
            assert_eq!(user.peek(number), Answer::Absent, "{number} has expired");
        }
        assert_eq!(user.world.statistics().invalid_pages, 0);
        assert_eq!(user.world.statistics().segments_lost, 0);
        // It goes on.
        user.chapters(4);
        assert_eq!(user.post(1), Answer::Absent);
        user.chapters(1);
        assert_eq!(user.peek(1), found(1, 1, Place::Dense));
    }
}

#[test]
fn a_sparse_index_that_an_earlier_build_wrote_is_loaded() {
    for (zones, mode) in modes() {
        let mut user = open("whole-sparse", true, zones, mode);
        check_newest(&mut user);
        let sparse = (CHAPTERS - 5) * CHAPTER + 20..=(CHAPTERS - 2) * CHAPTER - 20;
        let hooks: Vec<u64> = sparse.clone().filter(|n| user.name(*n).is_hook()).collect();
        assert!(hooks.len() > 3);
        for number in hooks.into_iter().chain(sparse) {
            assert_eq!(user.peek(number), found(number, 1, Place::Sparse));
        }
        let statistics = user.world.statistics();
        assert_eq!(
            (statistics.invalid_pages, statistics.invalid_filters),
            (0, 0)
        );
    }
}

#[test]
fn a_whole_index_is_always_made_the_same() {
    for (name, is_sparse) in WHOLE {
        let bytes = whole::bytes(is_sparse);
        assert_eq!(bytes.len(), kept(name).len());
        assert!(bytes == whole::bytes(is_sparse), "{name}");
    }
}
