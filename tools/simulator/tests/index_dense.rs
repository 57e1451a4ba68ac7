// SPDX-License-Identifier: GPL-2.0-only

//! The dense window: a million duplicates in a steady index of a hundred thousand records.

use dm_spare_engine::index::Parameters;
use dm_spare_simulator::index::user::User;
use dm_spare_simulator::index::world::Shape;

/// Looks up all names of the window so many times, five new chapters between; how many were looked up and not found.
fn lost(zones: u32, rounds: u32) -> (u64, u64) {
    let mut user = User::of(Shape {
        parameters: Parameters {
            pages: 8,
            dense_chapters: 64,
            sparse_chapters: 0,
            checkpoint_chapters: 8,
            bucket_bits: 6,
        },
        zones,
        waiting: 64,
        // All pages, so that the test does not consist of reads.
        cache_pages: 64 * 9,
    });
    user.chapters(64);
    let before = user.world.tally.found;
    for _ in 0..rounds {
        user.chapters(5);
        let random = &mut user.random;
        user.world.look_everything_up(random).expect("all is well");
    }
    // All names of the window are different; the volume index has entries of at most one chapter more.
    let geometry = user.world.shape.geometry();
    let window = 64 * geometry.chapter_records;
    let entries = user.world.statistics().entries;
    assert!(
        (window * 9 / 10..=window * 66 / 64).contains(&entries),
        "{entries}"
    );
    let of_zones: u64 = user
        .world
        .zones
        .iter()
        .map(|zone| zone.memory_bytes())
        .sum();
    let memory = of_zones + user.world.keeper.memory_bytes();
    let promised = geometry.memory_bytes();
    assert!(
        memory <= promised * 11 / 10,
        "{memory} bytes for {promised}"
    );
    let tally = user.world.tally;
    assert_eq!(tally.older, 0);
    (tally.found - before + tally.lost, tally.lost)
}

#[test]
fn of_a_million_duplicates_inside_the_dense_window_at_most_one_is_not_found() {
    let (asked, lost_alone) = lost(1, 7);
    let (asked_by_two, lost_by_two) = lost(2, 5);
    let asked = asked + asked_by_two;
    let lost = lost_alone + lost_by_two;
    assert!(asked > 1_000_000, "only {asked}");
    assert!(lost <= 1, "{lost} of {asked} were not found");
}
