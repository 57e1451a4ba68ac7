// SPDX-License-Identifier: GPL-2.0-only

//! The table against a plain map, full and with entries that go, and under the eyes of readers.

use super::Table;
use kernel::alloc::flags::GFP_KERNEL;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

fn table(capacity: u64) -> Table {
    Table::new(capacity, GFP_KERNEL).expect("memory")
}

/// What a caller may do with an entry.
#[derive(Clone, Copy, Debug)]
enum Change {
    Put,
    Vacate,
    Remove,
    Sweep,
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => Just(Change::Put),
        3 => Just(Change::Vacate),
        3 => Just(Change::Remove),
        1 => Just(Change::Sweep),
    ]
}

proptest! {
    #[test]
    fn it_holds_what_a_map_holds(
        capacity in 1u64..40,
        changes in proptest::collection::vec((change(), 0u64..60, 1u64..1000), 0..400),
    ) {
        let table = table(capacity);
        let mut map = BTreeMap::new();
        let mut kept = BTreeSet::new();
        for (change, lbn, value) in changes {
            match change {
                Change::Put => {
                    let has_place = map.contains_key(&lbn) || kept.contains(&lbn);
                    let room = has_place || (map.len() + kept.len()) < capacity as usize;
                    prop_assert_eq!(table.has_place(lbn), has_place);
                    prop_assert_eq!(table.put(lbn, value), room);
                    if room {
                        map.insert(lbn, value);
                        kept.remove(&lbn);
                    }
                }
                Change::Vacate => {
                    table.vacate(lbn);
                    if map.remove(&lbn).is_some() {
                        kept.insert(lbn);
                    }
                }
                Change::Remove => {
                    table.remove(lbn);
                    map.remove(&lbn);
                    kept.remove(&lbn);
                }
                Change::Sweep => {
                    table.sweep();
                    kept.clear();
                }
            }
            prop_assert_eq!(table.len(), (map.len() + kept.len()) as u64);
            for lbn in 0..60 {
                prop_assert_eq!(table.get(lbn).filter(|value| *value != 0), map.get(&lbn).copied());
            }
            let listed: BTreeMap<u64, u64> = (0..table.positions())
                .filter_map(|position| table.at(position))
                .filter(|(_, value)| *value != 0)
                .collect();
            prop_assert_eq!(&listed, &map);
        }
    }
}

#[test]
fn a_full_table_has_room_for_others_for_ever() {
    const CAPACITY: u64 = 500;
    let table = table(CAPACITY);
    assert!((0..CAPACITY).all(|lbn| table.put(lbn, 1)));
    for lbn in CAPACITY..100 * CAPACITY {
        assert!(!table.put(lbn, 1));
        table.remove(lbn - CAPACITY);
        assert!(table.put(lbn, 1), "no room for block {lbn}");
    }
    // Searches that fail end as soon as in a table that never held anything else.
    let free = (0..table.positions()).filter(|position| table.at(*position).is_none());
    assert_eq!(free.count() as u64, table.positions() as u64 - CAPACITY);
}

#[test]
fn readers_find_what_stays_and_nothing_wrong_while_others_move() {
    const CAPACITY: u64 = 48;
    const STAYING: u64 = 16;
    let table = table(CAPACITY);
    let value = |lbn: u64, turn: u64| (turn << 16) | (lbn + 1);
    assert!((0..STAYING).all(|lbn| table.put(lbn, value(lbn, 0))));
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    for lbn in 0..CAPACITY * 2 {
                        let found = table.get(lbn).filter(|value| *value != 0);
                        if lbn < STAYING {
                            assert_eq!(found, Some(value(lbn, 0)), "block {lbn} stays");
                        } else if let Some(found) = found {
                            assert_eq!(found & 0xffff, lbn + 1, "the value of another block");
                        }
                    }
                }
            });
        }
        // Blocks come and go; of those that hash alike some are always in the way of others.
        let mut state = 88_172_645_463_325_252u64;
        for turn in 0..200_000u64 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let lbn = STAYING + state % (CAPACITY * 2 - STAYING);
            if table.has_place(lbn) {
                table.remove(lbn);
            } else {
                table.put(lbn, value(lbn, turn));
            }
        }
        ended.store(true, Ordering::Relaxed);
    });
}

#[test]
fn readers_find_entries_that_move_towards_them() {
    const CHAIN: u64 = 24;
    let table = table(1000);
    // All of them begin their search at one place, so that all others move up each time the first one goes.
    let home = table.home(1);
    let chain: Vec<u64> = (1..)
        .filter(|lbn| table.home(*lbn) == home)
        .take(CHAIN as usize)
        .collect();
    assert!(chain.iter().all(|lbn| table.put(*lbn, *lbn)));
    let turn = AtomicU64::new(0);
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..10_000 {
                for lbn in &chain {
                    // It comes back as the last.
                    table.remove(*lbn);
                    table.put(*lbn, *lbn);
                    turn.fetch_add(1, Ordering::SeqCst);
                }
            }
            ended.store(true, Ordering::SeqCst);
        });
        while !ended.load(Ordering::SeqCst) {
            for (number, lbn) in (0..).zip(&chain) {
                let before = turn.load(Ordering::SeqCst);
                let found = table.get(*lbn);
                let after = turn.load(Ordering::SeqCst);
                let was_away = (before..=after).any(|turn| turn % CHAIN == number);
                assert!(
                    found == Some(*lbn) || was_away,
                    "block {lbn}: {found:?}, turns {before} to {after}"
                );
            }
        }
    });
}
