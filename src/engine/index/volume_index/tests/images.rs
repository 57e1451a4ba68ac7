// SPDX-License-Identifier: GPL-2.0-only

//! Images of segments that are damaged, cut short, foreign or old.

use super::{empty_index, window, Keys};
use crate::engine::index::units::{Chapter, Segment};
use crate::engine::index::volume_index::{Damage, LoadError, Shape, Tail, VolumeIndex};
use kernel::alloc::flags::GFP_KERNEL;
use proptest::prelude::*;

/// An index of one segment with entries of chapters 1 to `chapters`.
fn filled(shape: Shape, chapters: u64, each: u64, seed: u64) -> VolumeIndex {
    let mut index = empty_index(shape);
    let mut keys = Keys(seed);
    for chapter in 1..=chapters {
        index.prepare(each, GFP_KERNEL).expect("memory");
        index.set_window(window(1, chapter));
        for _ in 0..each {
            index.insert(keys.next(), Chapter(chapter)).expect("room");
        }
    }
    index
}

fn image(index: &mut VolumeIndex) -> Vec<u8> {
    let mut image = vec![0; index.shape().image_bytes()];
    let length = index.image(Segment(0), &mut image).expect("resident");
    image.truncate(length);
    image
}

fn load(shape: Shape, newest: u64, image: &[u8], mark: u64) -> Result<VolumeIndex, LoadError> {
    let mut index = VolumeIndex::new(shape, 0..1, GFP_KERNEL).expect("memory");
    index.set_window(window(1, newest));
    let tail = Tail::new();
    index.load_image(Segment(0), image, Chapter(mark), &tail, GFP_KERNEL)?;
    Ok(index)
}

fn shape() -> Shape {
    Shape::new(200, 6, 4).expect("a shape")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn changed_bytes_are_refused_or_make_another_good_segment(
        seed in any::<u64>(),
        chapters in 1u64..20,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        length in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut good = image(&mut filled(shape(), chapters, 10, seed));
        for (at, value) in changes {
            let at = at.index(good.len());
            good[at] = value;
        }
        if cut {
            good.truncate(length.index(good.len()));
        }
        match load(shape(), chapters, &good, chapters) {
            Ok(mut index) => {
                let again = image(&mut index);
                // What was believed is a segment like any other.
                let entries = index.counters().entries;
                let twice = load(shape(), chapters, &again, chapters).expect("a good image");
                prop_assert_eq!(twice.counters().entries, entries);
                index.set_window(window(chapters + 1, chapters + 1));
                index.sweep(Segment(0));
                prop_assert_eq!(index.counters().stored, 0);
            }
            Err(LoadError::Damage(damage)) => prop_assert!(!damage.to_string().is_empty()),
            Err(LoadError::Memory(_)) => prop_assert!(false),
        }
    }

    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        prop_assert!(load(shape(), 5, &bytes, 5).is_err());
    }
}

#[test]
fn an_old_image_loses_what_has_expired_since() {
    let mut index = filled(shape(), 20, 8, 3);
    let old = image(&mut index);
    let mut later = VolumeIndex::new(shape(), 0..1, GFP_KERNEL).expect("memory");
    later.set_window(window(15, 40));
    let loaded = later
        .load_image(Segment(0), &old, Chapter(20), &Tail::new(), GFP_KERNEL)
        .expect("a good image");
    assert_eq!(loaded.entries, 6 * 8);
    assert_eq!(later.counters().entries, 6 * 8);
}

#[test]
fn foreign_and_future_images_are_refused() {
    let good = image(&mut filled(shape(), 5, 10, 1));
    let other = Shape::new(200, 7, 4).expect("a shape");
    let refused = |result: Result<VolumeIndex, LoadError>| match result {
        Err(LoadError::Damage(damage)) => damage,
        _ => panic!("believed"),
    };
    assert_eq!(refused(load(other, 5, &good, 5)), Damage::Shape);
    assert_eq!(refused(load(shape(), 4, &good, 5)), Damage::Mark);
    assert_eq!(refused(load(shape(), 5, &good[1..], 5)), Damage::Shape);
    let short = &good[..good.len() - 1];
    assert_eq!(refused(load(shape(), 5, short, 5)), Damage::Length);
    let mut miscounted = good.clone();
    miscounted[8] ^= 1;
    assert_eq!(refused(load(shape(), 5, &miscounted, 5)), Damage::Entries);
    let mut torn = good.clone();
    let half = torn.len() / 2;
    torn[half..].fill(0);
    assert!(matches!(
        refused(load(shape(), 5, &torn, 5)),
        Damage::Bucket(_)
    ));
}

#[test]
fn damage_is_counted_and_leaves_the_segment_absent() {
    let mut index = VolumeIndex::new(shape(), 0..1, GFP_KERNEL).expect("memory");
    let result = index.load_image(Segment(0), &[], Chapter(0), &Tail::new(), GFP_KERNEL);
    assert_eq!(result, Err(LoadError::Damage(Damage::Length)));
    assert_eq!(index.counters().damaged_images, 1);
    assert!(!index.is_resident(7));
    index
        .make_empty(Segment(0), &Tail::new(), GFP_KERNEL)
        .expect("memory");
    assert!(index.is_resident(7));
}
