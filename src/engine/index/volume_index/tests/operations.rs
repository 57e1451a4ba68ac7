// SPDX-License-Identifier: GPL-2.0-only

//! Any sequence of operations on any keys, weak ones above all.

use super::model::Model;
use super::{empty_index, window, Keys};
use crate::engine::index::units::{Chapter, Segment};
use crate::engine::index::volume_index::{Change, NotIndexed, Shape, Tail, VolumeIndex};
use kernel::alloc::flags::GFP_KERNEL;
use proptest::prelude::*;

/// Keys that differ in a few bits only, wherever these are.
#[derive(Clone, Debug)]
struct Weak {
    fixed: u64,
    bits: Vec<u32>,
}

impl Weak {
    fn any() -> impl Strategy<Value = Self> {
        let bits = prop::collection::vec(0u32..64, 4..17);
        (any::<u64>(), bits).prop_map(|(fixed, bits)| Self { fixed, bits })
    }

    fn key(&self, number: u64) -> u64 {
        self.bits
            .iter()
            .enumerate()
            .fold(self.fixed, |key, (index, bit)| {
                let set = (number >> index) & 1;
                key & !(1 << bit) | (set << bit)
            })
    }
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    /// Inserts a name so many chapters before the newest.
    Insert(u64, u64),
    /// Moves one from so many chapters before the newest to the newest.
    Move(u64, u64),
    Remove(u64, u64),
    /// A chapter with so many names, of which those of the second number replace older ones.
    Close(u64, u64),
    /// Lets the newest and the oldest chapter of the window go on.
    Window(u64, u64),
    Sweep(u32),
    Reload(u32),
    Prepare,
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    use Operation::*;
    let one = prop_oneof![
        6 => (any::<u64>(), 0u64..8).prop_map(|(key, age)| Insert(key, age)),
        2 => (any::<u64>(), 0u64..8).prop_map(|(key, age)| Move(key, age)),
        2 => (any::<u64>(), 0u64..8).prop_map(|(key, age)| Remove(key, age)),
        3 => (any::<u64>(), any::<u64>()).prop_map(|(new, old)| Close(new, old)),
        2 => (0u64..3, 0u64..3).prop_map(|(newest, oldest)| Window(newest, oldest)),
        1 => (0u64..20, 0u64..20).prop_map(|(newest, oldest)| Window(newest, oldest)),
        2 => any::<u32>().prop_map(Sweep),
        1 => any::<u32>().prop_map(Reload),
        2 => Just(Prepare),
    ];
    prop::collection::vec(one, 1..120)
}

/// The image of a segment loads into another index that then makes the same image.
fn reload(index: &mut VolumeIndex, segment: u32) -> VolumeIndex {
    let shape = *index.shape();
    let newest = index.window();
    let mut other = VolumeIndex::new(shape, 0..shape.segments(), GFP_KERNEL).expect("memory");
    other.set_window(newest);
    let mut images = [vec![0; shape.image_bytes()], vec![0; shape.image_bytes()]];
    for number in 0..shape.segments() {
        let [first, second] = &mut images;
        let length = index.image(Segment(number), first).expect("resident");
        let loaded = other.load_image(
            Segment(number),
            &first[..length],
            newest.newest,
            &Tail::new(),
            GFP_KERNEL,
        );
        loaded.expect("a good image");
        if number == segment {
            assert_eq!(other.image(Segment(number), second), Some(length));
            assert_eq!(first[..length], second[..length]);
        }
    }
    other
}

fn run(shape: Shape, weak: &Weak, operations: &[Operation]) {
    let mut index = empty_index(shape);
    let mut model = Model::new(shape);
    let span = 1 << shape.code_bits();
    let mut asked = std::collections::BTreeSet::new();
    let move_window = |index: &mut VolumeIndex, model: &mut Model, newest: u64, oldest: u64| {
        let window = window(oldest, newest);
        index.set_window(window);
        model.window = index.window();
        assert_eq!(model.window.newest, Chapter(newest));
        assert!(model.window.oldest >= window.oldest);
        assert!(model.window.chapters() <= span);
    };
    move_window(&mut index, &mut model, 3, 1);
    for operation in operations {
        let (oldest, newest) = (model.window.oldest.0, model.window.newest.0);
        let insert = |index: &mut VolumeIndex, model: &mut Model, key, chapter| {
            let live = model.window.contains(Chapter(chapter));
            match index.insert(key, Chapter(chapter)) {
                Ok(()) => {
                    assert!(live);
                    model.insert(key, chapter);
                }
                Err(NotIndexed::Expired) => assert!(!live),
                Err(reason) => assert_eq!(reason, NotIndexed::Full),
            }
        };
        match *operation {
            Operation::Insert(key, age) => {
                let key = weak.key(key);
                asked.insert(key);
                insert(&mut index, &mut model, key, newest.saturating_sub(age));
            }
            Operation::Move(key, age) => {
                let key = weak.key(key);
                asked.insert(key);
                let from = newest.saturating_sub(age);
                let to = Chapter(newest);
                let moves = model.window.contains(to) && model.remove(key, from);
                assert_eq!(index.move_entry(key, Chapter(from), to), moves);
                if moves {
                    model.insert(key, newest);
                }
            }
            Operation::Remove(key, age) => {
                let key = weak.key(key);
                asked.insert(key);
                let chapter = newest.saturating_sub(age);
                let removed = model.remove(key, chapter);
                assert_eq!(index.remove(key, Chapter(chapter)), removed);
            }
            Operation::Close(new, old) => {
                index.prepare(100, GFP_KERNEL).expect("memory");
                move_window(&mut index, &mut model, newest + 1, oldest);
                let mut keys = Keys(new);
                let mut changes: Vec<Change> = (0..70)
                    .map(|number| Change {
                        key: weak.key(keys.next()),
                        replaces: (number < old % 70).then_some(Chapter(newest)),
                    })
                    .collect();
                changes.sort_by_key(|change| change.key);
                let before = index.counters();
                for change in &changes {
                    // One at a time, so that the model knows which are left out.
                    let applied = index.apply(Chapter(newest + 1), [*change]);
                    let replaced = change
                        .replaces
                        .is_some_and(|from| model.remove(change.key, from.0));
                    assert_eq!(applied.moved == 1, replaced);
                    if applied.moved + applied.inserted == 1 {
                        model.insert(change.key, newest + 1);
                    }
                    asked.insert(change.key);
                }
                let after = index.counters();
                let seen = (after.inserted - before.inserted)
                    + (after.moved - before.moved)
                    + (after.not_indexed - before.not_indexed);
                assert_eq!(seen, changes.len() as u64);
            }
            Operation::Window(more, less) => {
                let oldest = (oldest + less).min(newest + more + 1);
                move_window(&mut index, &mut model, newest + more, oldest);
            }
            Operation::Sweep(segment) => index.sweep(Segment(segment % shape.segments())),
            Operation::Reload(segment) => {
                index = reload(&mut index, segment % shape.segments());
            }
            Operation::Prepare => {
                index.prepare(100, GFP_KERNEL).expect("memory");
                model.window = index.window();
            }
        }
        model.window = index.window();
        let counters = index.counters();
        assert_eq!(counters.entries, model.len());
        assert!(counters.stored >= counters.entries);
    }
    for key in asked {
        let found = index.candidates(key);
        assert_eq!(found.as_slice(), model.candidates(key));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn weak_keys(
        weak in Weak::any(),
        records in 1u64..3_000,
        code_bits in 3u32..12,
        bucket_bits in 1u32..6,
        operations in operations(),
    ) {
        let shape = Shape::new(records, code_bits, bucket_bits).expect("a shape");
        run(shape, &weak, &operations);
    }
}
