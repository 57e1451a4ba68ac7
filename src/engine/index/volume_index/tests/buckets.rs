// SPDX-License-Identifier: GPL-2.0-only

//! One bucket against a list of entries, in every shape and with any number of words.

use crate::engine::index::units::{Chapter, Window};
use crate::engine::index::volume_index::bucket::{count, find, Bucket};
use crate::engine::index::volume_index::codes::Codes;
use crate::engine::index::volume_index::shape::{Shape, Tag, STRIDE_MAXIMUM};
use proptest::prelude::*;

fn sorted(bucket: &Bucket, layout: &super::super::shape::BucketLayout) -> Vec<(usize, u64, u64)> {
    let mut list: Vec<_> = bucket
        .entries(layout)
        .map(|entry| (entry.tag.mini_bucket, entry.tag.remainder, entry.code))
        .collect();
    list.sort_unstable();
    list
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_bucket_is_a_list(
        code_bits in 1u32..17,
        stride in 1usize..=STRIDE_MAXIMUM,
        few_tags in any::<bool>(),
        steps in prop::collection::vec((any::<bool>(), any::<u64>(), any::<u64>()), 0..90),
        oldest in any::<u64>(),
        span in any::<u64>(),
    ) {
        let shape = Shape::new(1000, code_bits, 3).expect("a shape");
        let layout = shape.layout(stride);
        let mut bucket = Bucket::empty(layout);
        let mut model: Vec<(usize, u64, u64)> = Vec::new();
        let remainders = 1u64 << (layout.entry_bits - layout.code_bits);
        for (remove, tag, code) in steps {
            let code = code & ((1 << code_bits) - 1);
            let tag = Tag {
                mini_bucket: (tag >> 32) as usize % layout.mini_buckets,
                remainder: if few_tags { remainders - 1 - (tag & 1) } else { tag % remainders },
            };
            if remove && !model.is_empty() {
                let (mini_bucket, remainder, old) = model.swap_remove(code as usize % model.len());
                let tag = Tag { mini_bucket, remainder };
                let found = bucket.find(layout, tag, old).expect("an entry");
                if code & 1 == 0 {
                    bucket.remove(layout, found.entry, found.bit);
                } else {
                    bucket.set_code(layout, found.entry, code);
                    model.push((mini_bucket, remainder, code));
                }
            } else if model.len() < layout.slots {
                bucket.insert(layout, tag, code);
                model.push((tag.mini_bucket, tag.remainder, code));
            }
            model.sort_unstable();
            prop_assert_eq!(sorted(&bucket, layout), model.clone());
            prop_assert_eq!(bucket.count(layout), model.len());
            prop_assert_eq!(count(bucket.words[0], layout), model.len());
            prop_assert!(bucket.is_valid(layout));
            prop_assert!(bucket.words[stride..].iter().all(|word| *word == 0));
            let mut found = Vec::new();
            find(&bucket.words, layout, tag, &mut |code| found.push(code));
            found.sort_unstable();
            let expected: Vec<u64> = model
                .iter()
                .filter(|entry| (entry.0, entry.1) == (tag.mini_bucket, tag.remainder))
                .map(|entry| entry.2)
                .collect();
            prop_assert_eq!(found, expected);
        }
        if stride < STRIDE_MAXIMUM {
            let wider = shape.layout(stride + 1);
            let wide = bucket.widened(layout, wider);
            prop_assert_eq!(sorted(&wide, wider), model.clone());
            prop_assert!(wide.is_valid(wider));
        }
        let widest = shape.layout(STRIDE_MAXIMUM);
        prop_assert_eq!(sorted(&bucket.widened(layout, widest), widest), model.clone());
        let oldest = oldest >> 4;
        let window = Window {
            oldest: Chapter(oldest),
            newest: Chapter((oldest + span % ((1 << code_bits) + 1)).saturating_sub(1)),
        };
        let codes = Codes::new(code_bits).moved_to(window);
        let mut dropped = Vec::new();
        bucket.purge(layout, &codes, |code| dropped.push(code));
        let (kept, mut gone): (Vec<_>, Vec<_>) = model
            .into_iter()
            .partition(|entry| codes.chapter(entry.2).is_some());
        prop_assert_eq!(sorted(&bucket, layout), kept);
        prop_assert!(bucket.is_valid(layout));
        dropped.sort_unstable();
        gone.sort_unstable_by_key(|entry| entry.2);
        prop_assert_eq!(dropped, gone.iter().map(|entry| entry.2).collect::<Vec<_>>());
    }
}
