// SPDX-License-Identifier: GPL-2.0-only

//! Filling, expiry, early expiry, growth: what a window of chapters holds.

use super::{empty_index, window, Keys};
use crate::engine::index::units::{Chapter, Segment};
use crate::engine::index::volume_index::{Change, Shape};
use kernel::alloc::flags::GFP_KERNEL;

#[test]
fn everything_in_the_window_is_found_and_nothing_else() {
    let shape = Shape::new(50_000, 6, 7).expect("a shape");
    let mut index = empty_index(shape);
    let (chapters, records) = (50, 1_000);
    let keys = |chapter: u64| {
        let mut source = Keys(chapter << 32);
        (0..records).map(move |_| source.next())
    };
    for chapter in 1..200 {
        let oldest = (chapter + 1u64).saturating_sub(chapters).max(1);
        index.prepare(records, GFP_KERNEL).expect("memory");
        index.set_window(window(oldest, chapter));
        let change = |key| Change {
            key,
            replaces: None,
        };
        let applied = index.apply(Chapter(chapter), keys(chapter).map(change));
        assert_eq!(applied.inserted, records);
        for old in [oldest, (oldest + chapter) / 2, chapter] {
            for key in keys(old) {
                let found = index.candidates(key);
                assert!(
                    found.as_slice().contains(&Chapter(old)),
                    "{old} of {chapter}"
                );
            }
        }
        if let Some(old) = oldest.checked_sub(1) {
            let wrong: usize = keys(old)
                .map(|key| index.candidates(key).as_slice().len())
                .sum();
            assert!(wrong < 10, "{wrong} found of {old}");
        }
        let counters = index.counters();
        assert_eq!(counters.entries, (chapter + 1 - oldest) * records);
        assert_eq!(counters.not_indexed + counters.early_expired, 0);
    }
    assert!(index.counters().forced_sweeps > 0);
}

/// A full-sized segment, filled as it is planned and kept full: nothing is left out, false hits are rare.
#[test]
fn a_full_window_stays_whole() {
    let shape = Shape::new(21_000 * 3, 10, 10).expect("a shape");
    let mut index = empty_index(shape);
    let (live, each) = (
        960u64,
        u64::from(shape.segments()) * shape.segment_records() / 960,
    );
    let mut keys = Keys(11);
    let segments = u64::from(shape.segments());
    for chapter in 1..=3 * live {
        index.prepare(each, GFP_KERNEL).expect("memory");
        index.set_window(window((chapter + 1).saturating_sub(live).max(1), chapter));
        let change = |key| Change {
            key,
            replaces: None,
        };
        let list: Vec<u64> = (0..each).map(|_| keys.next()).collect();
        let applied = index.apply(Chapter(chapter), list.iter().copied().map(change));
        assert_eq!(applied.inserted, each);
        // Each segment is swept once in 48 chapters.
        let due = segments * chapter / 48 - segments * (chapter - 1) / 48;
        for number in 0..due {
            let number = (segments * (chapter - 1) / 48 + number) % segments;
            index.sweep(Segment(number as u32));
        }
    }
    let counters = index.counters();
    assert_eq!(
        counters.not_indexed + counters.early_expired + counters.forced_sweeps,
        0
    );
    let lookups = 200_000;
    let wrong: usize = (0..lookups)
        .map(|_| index.candidates(keys.next()).as_slice().len())
        .sum();
    assert!(wrong <= lookups / 1000, "{wrong} of {lookups}");
    let bytes = index.memory_bytes() as f64 / (live * each) as f64;
    assert!(bytes < 3.2, "{bytes}");
}
