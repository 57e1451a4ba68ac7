// SPDX-License-Identifier: GPL-2.0-only

//! Old images and the keys of later chapters, segment by segment and in any order, make what was there before.

use super::{empty_index, window, Keys};
use crate::engine::index::units::{Chapter, Segment};
use crate::engine::index::volume_index::{Change, Shape, Tail, VolumeIndex};
use kernel::alloc::{flags::GFP_KERNEL, KVVec};
use proptest::prelude::*;

fn keys(chapter: u64, count: u64, mask: u64) -> Vec<u64> {
    let mut source = Keys(chapter << 32);
    let mut keys: Vec<u64> = (0..count).map(|_| source.next() & mask).collect();
    keys.sort_unstable();
    keys
}

fn apply(index: &mut VolumeIndex, chapter: u64, keys: &[u64]) {
    index
        .prepare(keys.len() as u64, GFP_KERNEL)
        .expect("memory");
    index.set_window(window(chapter.saturating_sub(30).max(1), chapter));
    let changes = keys.iter().map(|key| Change {
        key: *key,
        replaces: None,
    });
    index.apply(Chapter(chapter), changes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn lazy_equals_eager(
        chapters in 1u64..60,
        back in 0u64..8,
        weak in any::<bool>(),
        order in any::<u64>(),
    ) {
        let shape = Shape::new(3_000, 6, 4).expect("a shape");
        let mask = if weak { 0xff00_000f_0000_0000 } else { u64::MAX };
        let mut eager = empty_index(shape);
        let mut images = vec![(0, Vec::new()); shape.segments() as usize];
        for chapter in 1..=chapters {
            apply(&mut eager, chapter, &keys(chapter, 70, mask));
            // One or more segments each, so that the marks differ.
            for part in 0..2 {
                let number = (chapter as u32 * 2 + part) % shape.segments();
                if chapter + back <= chapters {
                    let mut image = vec![0; shape.image_bytes()];
                    let length = eager.image(Segment(number), &mut image).expect("resident");
                    image.truncate(length);
                    images[number as usize] = (chapter, image);
                }
            }
        }
        let mut tail = Tail::new();
        for chapter in 1..=chapters {
            let mut list = KVVec::with_capacity(70, GFP_KERNEL).expect("memory");
            for key in keys(chapter, 70, mask) {
                list.push(key, GFP_KERNEL).expect("memory");
            }
            tail.push(Chapter(chapter), list, GFP_KERNEL).expect("memory");
        }
        let mut lazy = VolumeIndex::new(shape, 0..shape.segments(), GFP_KERNEL).expect("memory");
        lazy.set_window(eager.window());
        let mut numbers: Vec<u32> = (0..shape.segments()).collect();
        let mut source = Keys(order);
        numbers.sort_by_cached_key(|_| source.next());
        for number in numbers {
            let (mark, image) = &images[number as usize];
            prop_assert!(!lazy.is_segment_resident(Segment(number)));
            if image.is_empty() {
                lazy.make_empty(Segment(number), &tail, GFP_KERNEL).expect("memory");
            } else {
                lazy.load_image(Segment(number), image, Chapter(*mark), &tail, GFP_KERNEL)
                    .expect("a good image");
            }
        }
        let (lost, missed) = (eager.counters().not_indexed, lazy.counters().not_indexed);
        if lost == 0 && missed == 0 {
            prop_assert_eq!(lazy.counters().entries, eager.counters().entries);
            for chapter in 1..=chapters {
                for key in keys(chapter, 70, mask) {
                    prop_assert_eq!(lazy.candidates(key), eager.candidates(key));
                }
            }
        } else {
            prop_assert!(weak);
        }
    }
}

#[test]
fn names_of_absent_segments_are_told_of() {
    let shape = Shape::new(3_000, 6, 4).expect("a shape");
    let mut index = VolumeIndex::new(shape, 0..shape.segments(), GFP_KERNEL).expect("memory");
    let first = Segment(0);
    index
        .make_empty(first, &Tail::new(), GFP_KERNEL)
        .expect("memory");
    index.prepare(500, GFP_KERNEL).expect("memory");
    index.set_window(window(1, 1));
    let keys = keys(1, 500, u64::MAX);
    let changes = keys.iter().map(|key| Change {
        key: *key,
        replaces: None,
    });
    let applied = index.apply(Chapter(1), changes);
    let here = keys.iter().filter(|key| index.is_resident(**key)).count() as u64;
    assert_eq!(applied.inserted, here);
    assert_eq!(applied.not_resident, 500 - here);
    assert!(keys
        .iter()
        .filter(|key| !index.is_resident(**key))
        .all(|key| index.candidates(*key).is_empty()));
}
