// SPDX-License-Identifier: GPL-2.0-only

//! The lookup against a plain map, and with readers on other threads.

use super::{Lookup, Verdict};
use crate::engine::format::Record;
use crate::engine::units::{Lbn, Slot};
use kernel::alloc::flags::GFP_KERNEL;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

const BLOCKS: u64 = 300;

fn open_lookup() -> Lookup {
    let lookup = Lookup::new(BLOCKS, 256, 4, GFP_KERNEL).expect("memory");
    lookup.open();
    lookup
}

/// What one sector deserves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum One {
    Main,
    Slot(u64),
    Hold,
    Poisoned,
}

type Map = BTreeMap<u64, (Option<u32>, u8, bool)>;

fn expected(map: &Map, sector: u64, write: bool) -> One {
    match map.get(&(sector / 8)) {
        None => One::Main,
        Some((_, mask, uncommitted)) if write && (*mask != 0 || *uncommitted) => One::Hold,
        Some((_, mask, _)) if mask & (1 << (sector % 8)) != 0 => One::Poisoned,
        Some((slot, _, _)) => One::Slot(u64::from(slot.unwrap_or(0)) * 8 + sector % 8),
    }
}

fn record() -> impl Strategy<Value = (u64, Option<u32>, u8, bool)> {
    (
        0..BLOCKS,
        proptest::option::weighted(0.8, 1u32..2000),
        any::<u8>(),
        any::<bool>(),
    )
        .prop_map(|(lbn, slot, mask, uncommitted)| {
            // Few poisoned blocks, and no block without a slot that is not all poisoned.
            let mask = if slot.is_none() {
                0xff
            } else if mask > 64 {
                0
            } else {
                mask
            };
            (lbn, slot, mask, uncommitted && mask == 0)
        })
}

proptest! {
    #[test]
    fn every_verdict_is_what_each_of_its_sectors_deserves(
        records in proptest::collection::vec(record(), 0..100),
        asks in proptest::collection::vec((0..BLOCKS * 8, 1u32..100, any::<bool>()), 1..50),
    ) {
        let lookup = open_lookup();
        let mut map = Map::new();
        for (lbn, slot, mask, uncommitted) in records {
            map.insert(lbn, (slot, mask, uncommitted));
            let record = Record { lbn: Lbn(lbn), slot: slot.map(Slot), mask };
            prop_assert!(lookup.publish(&record, uncommitted));
        }
        prop_assert_eq!(lookup.entries(), map.len() as u64);
        for (sector, sectors, write) in asks {
            let (covered, first) = match lookup.decide(sector, sectors, write) {
                Verdict::Main { sectors } => (sectors, One::Main),
                Verdict::Slot { sector_on_spare, sectors } => (sectors, One::Slot(sector_on_spare)),
                Verdict::Hold => (1, One::Hold),
                Verdict::Poisoned { sectors } => (sectors, One::Poisoned),
            };
            prop_assert!(covered >= 1 && covered <= sectors);
            for index in 0..u64::from(covered) {
                let deserved = match expected(&map, sector + index, write) {
                    One::Slot(at) => One::Slot(at - index),
                    other => other,
                };
                prop_assert_eq!(deserved, first, "sector {} of {}", index, covered);
            }
        }
    }

    #[test]
    fn a_busy_range_holds_exactly_what_touches_it(first in 0..BLOCKS, length in 1u64..20, sector in 0..BLOCKS * 8, sectors in 1u32..64) {
        let lookup = open_lookup();
        lookup.set_busy(2, first, first + length - 1);
        let last = sector + u64::from(sectors) - 1;
        let touches = sector / 8 < first + length && last / 8 >= first;
        prop_assert_eq!(lookup.decide(sector, sectors, false) == Verdict::Hold, touches);
        prop_assert_eq!(lookup.locate(sector, sectors, false), Verdict::Main { sectors });
        lookup.clear_busy(2);
        prop_assert_eq!(lookup.decide(sector, sectors, true), Verdict::Main { sectors });
    }
}

#[test]
fn everything_is_held_until_opened_and_after_closed() {
    let lookup = Lookup::new(BLOCKS, 16, 1, GFP_KERNEL).expect("memory");
    assert_eq!(lookup.decide(0, 1, false), Verdict::Hold);
    lookup.open();
    assert_eq!(lookup.decide(0, 1, false), Verdict::Main { sectors: 1 });
    lookup.close();
    assert_eq!(lookup.decide(5, 3, true), Verdict::Hold);
}

#[test]
fn a_full_table_refuses_new_entries_and_still_changes_old_ones() {
    let lookup = Lookup::new(BLOCKS, 8, 1, GFP_KERNEL).expect("memory");
    let entry = |lbn| Record {
        lbn: Lbn(lbn),
        slot: Some(Slot(lbn as u32 + 1)),
        mask: 0,
    };
    assert!((0..8).all(|lbn| lookup.publish(&entry(lbn), false)));
    assert!(!lookup.publish(&entry(8), false));
    assert!(lookup.publish(&entry(3), true));
    assert!(lookup.entry(Lbn(3)).is_some_and(|entry| entry.uncommitted));
    lookup.mark_all_committed();
    assert!(lookup.entry(Lbn(3)).is_some_and(|entry| !entry.uncommitted));
}

#[test]
fn readers_see_an_entry_no_later_than_its_block_is_free_again() {
    let lookup = open_lookup();
    let published = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while published.load(Ordering::Relaxed) < 200 {
                    for lbn in 0..200u64 {
                        let before = published.load(Ordering::Acquire);
                        let verdict = lookup.decide(lbn * 8, 8, true);
                        let slot = Verdict::Slot {
                            sector_on_spare: (lbn + 1000) * 8,
                            sectors: 8,
                        };
                        if lbn < before {
                            assert_eq!(verdict, slot);
                        } else {
                            assert!(
                                verdict == slot
                                    || verdict == Verdict::Hold
                                    || verdict == Verdict::Main { sectors: 8 }
                            );
                        }
                    }
                }
            });
        }
        for lbn in 0..200u64 {
            lookup.set_busy(0, lbn, lbn);
            let record = Record {
                lbn: Lbn(lbn),
                slot: Some(Slot(lbn as u32 + 1000)),
                mask: 0,
            };
            assert!(lookup.publish(&record, false));
            lookup.clear_busy(0);
            published.store(lbn + 1, Ordering::Release);
        }
    });
}
