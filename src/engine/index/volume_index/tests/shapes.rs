// SPDX-License-Identifier: GPL-2.0-only

//! Shapes: what they promise, and how memory follows the fill.

use super::{empty_index, window, Keys};
use crate::engine::index::units::{Chapter, Segment};
use crate::engine::index::volume_index::shape::STRIDE_MAXIMUM;
use crate::engine::index::volume_index::{Shape, BUCKET_BITS_MAXIMUM, CODE_BITS_MAXIMUM};
use kernel::alloc::flags::GFP_KERNEL;
use proptest::prelude::*;

#[test]
fn every_code_has_a_shape_with_rare_false_hits() {
    for code_bits in 1..=CODE_BITS_MAXIMUM {
        let shape = Shape::new(1 << 26, code_bits, BUCKET_BITS_MAXIMUM).expect("a shape");
        let layout = shape.layout(STRIDE_MAXIMUM);
        let used = layout.entries_at + layout.slots * layout.entry_bits;
        assert!(used <= 512 && layout.entries_at < 64);
        let compared = 2.0 * 0.95 * layout.slots as f64;
        let tags =
            layout.mini_buckets as f64 * 2f64.powi((layout.entry_bits - layout.code_bits) as i32);
        assert!(
            compared / tags <= 1.01 / 1000.0,
            "{code_bits}: {}",
            tags / compared
        );
        for stride in 1..STRIDE_MAXIMUM {
            let narrow = shape.layout(stride);
            assert!(narrow.entries_at + narrow.slots * narrow.entry_bits <= 64 * stride);
            assert!(narrow.slots <= shape.layout(stride + 1).slots);
        }
    }
}

#[test]
fn the_usual_shape_takes_a_little_more_than_three_bytes() {
    let shape = Shape::new(1 << 26, 10, BUCKET_BITS_MAXIMUM).expect("a shape");
    assert_eq!(shape.layout(STRIDE_MAXIMUM).slots, 22);
    let bytes = f64::from(shape.segments()) * shape.segment_bytes() as f64 / (1 << 26) as f64;
    assert!((3.0..3.07).contains(&bytes), "{bytes}");
}

#[test]
fn impossible_shapes_are_refused() {
    for (records, code_bits, bucket_bits) in [
        (0, 10, 10),
        (1, 0, 10),
        (1, 17, 10),
        (1, 10, 0),
        (1, 10, 11),
        (u64::MAX, 10, 10),
    ] {
        assert_eq!(Shape::new(records, code_bits, bucket_bits), None);
    }
}

proptest! {
    #[test]
    fn places_grow_with_the_key(
        one in any::<u64>(),
        other in any::<u64>(),
        near in 0u64..1 << 40,
        records in 1u64..1 << 30,
        code_bits in 1u32..17,
        bucket_bits in 1u32..11,
    ) {
        let shape = Shape::new(records, code_bits, bucket_bits).expect("a shape");
        for other in [other, one.wrapping_add(near), one ^ 1] {
            let (low, high) = (shape.place(one.min(other)), shape.place(one.max(other)));
            let order = |place: super::super::shape::Place| {
                (place.segment, place.first, place.tag.mini_bucket, place.tag.remainder)
            };
            prop_assert!(order(low) <= order(high));
            for place in [low, high] {
                prop_assert!(place.segment.0 < shape.segments());
                prop_assert!(place.first < shape.buckets() && place.second < shape.buckets());
                prop_assert_ne!(place.first, place.second);
                prop_assert_eq!(shape.other_bucket(place.second, place.tag), place.first);
            }
            let segment = low.segment;
            let first = shape.first_key(segment).expect("a key");
            prop_assert!(first <= one.min(other));
            let end = shape.first_key(Segment(segment.0 + 1));
            prop_assert!(end.is_none_or(|end| end > one.min(other)));
            prop_assert_eq!(end.is_none(), segment.0 + 1 == shape.segments());
        }
    }
}

#[test]
fn memory_follows_the_fill() {
    let records = 120_000u64;
    let shape = Shape::new(records, 7, 8).expect("a shape");
    let mut index = empty_index(shape);
    let full = u64::from(shape.segments()) * shape.segment_bytes() as u64;
    let chapters = 120;
    let mut keys = Keys(9);
    for chapter in 1..=chapters {
        let each = records / chapters;
        index.prepare(each, GFP_KERNEL).expect("memory");
        index.set_window(window(1, chapter));
        for _ in 0..each {
            index.insert(keys.next(), Chapter(chapter)).expect("room");
        }
        // In eighths of the full size, and never more than a quarter of it ahead of the fill.
        let fill = chapter as f64 / chapters as f64;
        let bytes = index.memory_bytes() as f64 / full as f64;
        assert!(
            bytes <= fill + 0.26,
            "{bytes:.3} of all memory at {fill:.3}"
        );
    }
    assert!(index.counters().grown > 0);
}

#[test]
fn chapters_expire_early_only_when_there_are_too_many_names() {
    let records = 100_000u64;
    let shape = Shape::new(records, 7, 7).expect("a shape");
    let mut index = empty_index(shape);
    let mut keys = Keys(10);
    let mut fill =
        |index: &mut super::VolumeIndex, chapters: std::ops::RangeInclusive<u64>, each| {
            for chapter in chapters {
                index.prepare(each, GFP_KERNEL).expect("memory");
                index.set_window(window((chapter + 1).saturating_sub(100).max(1), chapter));
                for _ in 0..each {
                    let _ = index.insert(keys.next(), Chapter(chapter));
                }
            }
        };
    fill(&mut index, 1..=200, records / 100);
    assert_eq!(index.counters().early_expired, 0);
    assert_eq!(index.counters().not_indexed, 0);
    fill(&mut index, 201..=400, records / 100 * 9 / 8);
    assert!(index.counters().early_expired > 0);
    assert_eq!(index.counters().not_indexed, 0);
}
