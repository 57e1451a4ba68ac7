// SPDX-License-Identifier: GPL-2.0-only

//! Too little memory, at every allocation in turn: making an index, opening it in every way, and closing chapters.

use dm_spare_engine::index::{OpenMode, Statistics};
use dm_spare_simulator::index::disk::Disk;
use dm_spare_simulator::index::model::Model;
use dm_spare_simulator::index::user::{model, shape, User};
use dm_spare_simulator::index::world::World;
use dm_spare_simulator::rng::Rng;
use kernel::alloc::failure;

const CREATE: OpenMode = OpenMode::Create { uuid: [9; 16] };

/// What is on the disk, and what may be known of it.
struct Before {
    disk: Disk,
    model: Model,
    next: u64,
}

impl Before {
    fn nothing(sparse_chapters: u32) -> Self {
        Self {
            disk: Disk::default(),
            model: model(shape(2, sparse_chapters)),
            next: 0,
        }
    }

    /// A full index, which was stopped by saving it.
    fn full(sparse_chapters: u32) -> Self {
        let mut user = User::new(2, sparse_chapters);
        user.chapters(12);
        assert!(user.suspend(true));
        user.world.disk.settle_all();
        Self {
            disk: user.world.disk.copy(),
            model: user.world.model,
            next: user.next,
        }
    }

    fn user(&self, sparse_chapters: u32) -> User {
        let disk = self.disk.copy();
        User {
            world: World::new(shape(2, sparse_chapters), self.model.clone(), disk),
            random: Rng::new(1),
            next: self.next,
        }
    }
}

/// What says that names were left out for lack of memory.
fn counted(statistics: &Statistics) -> u64 {
    statistics.segments_without_memory + statistics.tail_dropped + statistics.discarded
}

/// Opens the index and fills two chapters while allocations from this one on fail; whether there are so many, and how
/// many names were lost, and counters of that.
fn open_and_fill(
    before: &Before,
    sparse_chapters: u32,
    mode: OpenMode,
    range: std::ops::Range<u64>,
) -> (u64, u64, u64) {
    let mut user = before.user(sparse_chapters);
    failure::fail(range);
    let opened = user.world.open_and_run(mode, &mut user.random);
    opened.expect("it is opened, perhaps with less in memory");
    user.chapters(2);
    let failed = failure::stop();
    // It goes on when there is memory again, and nothing that is wrong was answered.
    user.chapters(1);
    let random = &mut user.random;
    user.world.look_everything_up(random).expect("all is well");
    let counted = counted(&user.world.statistics()) + user.world.without_room();
    (failed, user.world.tally.lost, counted)
}

fn every_allocation_fails_once(before: &Before, sparse_chapters: u32, mode: OpenMode) {
    let mut count = 0;
    loop {
        let (failed, lost, counted) =
            open_and_fill(before, sparse_chapters, mode, count..count + 1);
        let what = format!("allocation {count} of {mode:?}, {sparse_chapters} sparse chapters");
        assert!(counted != 0 || lost == 0, "{what}: {lost} names are lost");
        if failed == 0 {
            break;
        }
        count += 1;
    }
    println!("{mode:?} with {sparse_chapters} sparse chapters: {count} allocations");
    assert!(count > 5);
    for count in (0..count).step_by(9) {
        let (failed, lost, counted) = open_and_fill(before, sparse_chapters, mode, count..u64::MAX);
        assert!(failed != 0 && (counted != 0 || lost == 0));
    }
}

#[test]
fn an_index_for_which_there_is_too_little_memory_is_not_made() {
    for sparse_chapters in [0, 3] {
        let mut count = 0;
        loop {
            let before = Before::nothing(sparse_chapters);
            failure::fail(count..count + 1);
            let world = World::try_new(shape(2, sparse_chapters), before.model, before.disk);
            let failed = failure::stop();
            assert_eq!(world.is_err(), failed == 1, "allocation {count}");
            if failed == 0 {
                break;
            }
            count += 1;
        }
        assert!(count > 20, "only {count} allocations");
    }
}

#[test]
fn allocations_fail_while_an_index_is_created_and_filled() {
    for sparse_chapters in [0, 3] {
        let before = Before::nothing(sparse_chapters);
        every_allocation_fails_once(&before, sparse_chapters, CREATE);
    }
}

#[test]
fn allocations_fail_while_an_index_is_loaded_and_filled() {
    for sparse_chapters in [0, 3] {
        let before = Before::full(sparse_chapters);
        every_allocation_fails_once(&before, sparse_chapters, OpenMode::Load);
    }
}

#[test]
fn allocations_fail_while_an_index_is_rebuilt_and_filled() {
    for sparse_chapters in [0, 3] {
        let before = Before::full(sparse_chapters);
        every_allocation_fails_once(&before, sparse_chapters, OpenMode::Rebuild);
    }
}
