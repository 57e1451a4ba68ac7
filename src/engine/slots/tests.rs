// SPDX-License-Identifier: GPL-2.0-only

//! Slots against a plain set.

use super::Slots;
use crate::engine::format::Layout;
use crate::engine::units::Slot;
use kernel::alloc::flags::GFP_KERNEL;
use std::collections::BTreeSet;

const BLOCKS: u64 = 130;

fn fresh() -> (Slots, Layout) {
    let layout = Layout::new(BLOCKS, 2).expect("large enough");
    let mut slots = Slots::new(BLOCKS, GFP_KERNEL).expect("memory");
    slots.reset(&layout);
    (slots, layout)
}

#[test]
fn every_slot_is_given_once_and_no_metadata_block_is() {
    let (mut slots, layout) = fresh();
    let mut given = BTreeSet::new();
    while let Some(slot) = slots.allocate() {
        assert!(layout.is_slot(slot), "{slot:?} is no slot");
        assert!(given.insert(slot), "{slot:?} is given twice");
    }
    let expected = (0..BLOCKS as u32)
        .filter(|block| layout.is_slot(Slot(*block)))
        .count();
    assert_eq!(given.len(), expected);
    assert_eq!(slots.left(), 0);
    assert_eq!(slots.used(), slots.total());
}

#[test]
fn a_released_slot_comes_back_and_a_bad_one_does_not() {
    let (mut slots, _) = fresh();
    let all: Vec<Slot> = std::iter::from_fn(|| slots.allocate()).collect();
    slots.release(all[3]);
    slots.mark_bad(all[5]);
    assert_eq!(slots.allocate(), Some(all[3]));
    assert_eq!(slots.allocate(), None);
    assert_eq!(slots.bad(), 1);
    assert_eq!(slots.left(), 0);
}

#[test]
fn a_slot_of_the_table_cannot_be_claimed_twice() {
    let (mut slots, layout) = fresh();
    let slot = (0..BLOCKS as u32)
        .map(Slot)
        .find(|slot| layout.is_slot(*slot))
        .expect("a slot");
    assert!(slots.claim(slot));
    assert!(!slots.claim(slot));
    assert!(!slots.claim(Slot(0)), "block 0 is metadata");
}

#[test]
fn skipping_leaves_no_slot_out_in_the_end() {
    let (mut slots, _) = fresh();
    let mut given = BTreeSet::new();
    let mut blocks = 1;
    while let Some(slot) = slots.allocate() {
        assert!(given.insert(slot), "{slot:?} is given twice");
        slots.skip(blocks);
        blocks = blocks.wrapping_mul(8);
    }
    assert_eq!(given.len() as u64, slots.total());
}
