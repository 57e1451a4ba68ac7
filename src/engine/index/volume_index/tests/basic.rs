// SPDX-License-Identifier: GPL-2.0-only

//! Filling, expiry, early expiry, growth: what a window of chapters holds.

use super::{empty_index, window, Keys};
use crate::engine::index::units::Chapter;
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
