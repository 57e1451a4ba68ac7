// SPDX-License-Identifier: GPL-2.0-only

//! Open chapters against a model, and from there to pages on which every record is found again.

use dm_spare_engine::index::format::record_page::RECORDS_PER_PAGE;
use dm_spare_engine::index::format::{filter_page, record_page, FilterPage, Place, RecordPage};
use dm_spare_engine::index::{
    Bounds, Chapter, ChapterCode, Data, Entry, FrozenChapter, KeyRange, Name, OpenChapter,
    PagePacker, Pbn, Refused,
};
use dm_spare_engine::Block;
use kernel::alloc::flags::GFP_KERNEL;
use kernel::sync::Arc;
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap};

const CHAPTER: Chapter = Chapter(5);
const UUID: [u8; 16] = [3; 16];

fn data(number: u64) -> Data {
    Data::new(Pbn(number % (1 << 44)), (number % 16) as u8).expect("fits")
}

fn open(capacity: usize, range: KeyRange) -> OpenChapter {
    OpenChapter::new(capacity, range, GFP_KERNEL).expect("memory")
}

/// Names that collide in every way: a few bits that vary, at places that decide about page, slot, and order.
fn weak_name() -> BoxedStrategy<Name> {
    (any::<u8>(), any::<u8>(), any::<u8>(), 0..5u8)
        .prop_map(|(high, low, rest, form)| {
            let (high, low, rest) = (u64::from(high), u64::from(low), u64::from(rest));
            match form {
                0 => Name {
                    key: high << 56,
                    rest: 0,
                },
                1 => Name {
                    key: u64::MAX - (high & 3),
                    rest: rest & 7,
                },
                2 => Name {
                    key: ((high & 15) << 60) | (low & 3),
                    rest: rest & 3,
                },
                3 => Name { key: low & 3, rest },
                _ => Name {
                    key: (high << 56) | (low << 32) | rest,
                    rest: high ^ low,
                },
            }
        })
        .boxed()
}

/// Names as fingerprints are.
fn strong_name() -> BoxedStrategy<Name> {
    (any::<u64>(), any::<u64>())
        .prop_map(|(key, rest)| Name { key, rest })
        .boxed()
}

#[derive(Clone, Debug)]
enum Step {
    Put(Name, u64, Option<u16>),
    Delete(Name),
    Hide(Name, Option<u16>),
    Find(Name),
}

fn step(name: BoxedStrategy<Name>) -> impl Strategy<Value = Step> {
    let code = proptest::option::of(0..ChapterCode::LIMIT);
    prop_oneof![
        6 => (name.clone(), any::<u64>(), code.clone()).prop_map(|(name, number, code)| Step::Put(name, number, code)),
        2 => name.clone().prop_map(Step::Delete),
        1 => (name.clone(), code).prop_map(|(name, code)| Step::Hide(name, code)),
        3 => name.prop_map(Step::Find),
    ]
}

/// What an open chapter must do, in the plainest way.
struct Model {
    entries: HashMap<Name, Entry>,
    capacity: usize,
}

impl Model {
    fn store(&mut self, entry: Entry) -> Result<usize, Refused> {
        let full = self.entries.len() == self.capacity;
        match self.entries.get_mut(&entry.name) {
            Some(known) => {
                let replaces = known.replaces.or(entry.replaces);
                *known = Entry { replaces, ..entry };
            }
            None if full => return Err(Refused::Full),
            None => {
                self.entries.insert(entry.name, entry);
            }
        }
        Ok(self.capacity - self.entries.len())
    }

    fn delete(&mut self, name: Name) -> Option<Entry> {
        let known = self.entries.get_mut(&name).filter(|entry| !entry.deleted)?;
        let before = *known;
        known.deleted = true;
        Some(before)
    }
}

fn behaves_like_the_model(steps: &[Step], capacity: usize) -> Result<(), TestCaseError> {
    let mut chapter = open(capacity, KeyRange::ALL);
    let mut model = Model {
        entries: HashMap::new(),
        capacity,
    };
    for step in steps {
        match *step {
            Step::Put(name, number, code) => {
                let replaces = code.map(ChapterCode);
                let entry = Entry {
                    name,
                    data: data(number),
                    replaces,
                    deleted: false,
                };
                prop_assert_eq!(
                    chapter.put(name, data(number), replaces),
                    model.store(entry)
                );
            }
            Step::Hide(name, code) => {
                let entry = Entry {
                    name,
                    data: data(0),
                    replaces: code.map(ChapterCode),
                    deleted: true,
                };
                prop_assert_eq!(chapter.store(entry), model.store(entry));
            }
            Step::Delete(name) => prop_assert_eq!(chapter.delete(name), model.delete(name)),
            Step::Find(name) => {
                prop_assert_eq!(chapter.find(name), model.entries.get(&name).copied())
            }
        }
        let live = model
            .entries
            .values()
            .filter(|entry| !entry.deleted)
            .count();
        prop_assert_eq!(
            (chapter.live(), chapter.remaining()),
            (live, capacity - model.entries.len())
        );
    }
    let frozen = chapter.freeze().expect("the other table");
    let sorted: BTreeMap<Name, Entry> = model
        .entries
        .iter()
        .map(|(name, entry)| (*name, *entry))
        .collect();
    let entries: Vec<Entry> = frozen.entries_from(0).map(|(_, entry)| entry).collect();
    prop_assert_eq!(&entries, &sorted.into_values().collect::<Vec<_>>());
    // From every place on the rest follows.
    let mut place = 0;
    for entry in entries {
        let (behind, next) = frozen.entries_from(place).next().expect("one more");
        prop_assert_eq!(next, entry);
        prop_assert_eq!(frozen.find(entry.name), Some(entry));
        place = behind;
    }
    prop_assert!(frozen.entries_from(place).next().is_none());
    Ok(())
}

/// Packs the shares and returns blocks and bounds.
fn pack(shares: &[Arc<FrozenChapter>], page_blocks: u32) -> (Vec<Box<Block>>, Bounds, PagePacker) {
    let bounds = Bounds::new(2, page_blocks, GFP_KERNEL).expect("memory");
    let mut packer = PagePacker::new(page_blocks);
    let mut blocks = Vec::new();
    loop {
        let mut block = Box::new(Block([0xee; 4096]));
        let Some(packed) = packer.next_page(shares, &mut block) else {
            break;
        };
        assert_eq!(packed.page.0 as usize, blocks.len());
        record_page::seal(
            &mut block,
            place(packed.page.0),
            CHAPTER,
            packed.page,
            packed.count,
            crc32c::crc32c,
        );
        bounds.add(CHAPTER, core::iter::once(packed.bound));
        blocks.push(block);
    }
    assert_eq!(packer.pages() as usize, blocks.len());
    (blocks, bounds, packer)
}

fn place(page: u32) -> Place {
    Place {
        address: 100 + u64::from(page),
        uuid: UUID,
    }
}

fn page<'a>(blocks: &'a [Box<Block>], bounds: &Bounds, name: Name) -> Option<RecordPage<'a>> {
    let page = bounds.page(CHAPTER, name)?;
    let block = &blocks[page.0 as usize];
    Some(RecordPage::open(&block.0, &place(page.0), CHAPTER, page, crc32c::crc32c).expect("valid"))
}

/// Freezes shares of `zones` zones with these records and asks for each on the pages; how many were dropped.
fn everything_is_found(names: &[Name], zones: u32, page_blocks: u32) -> Result<u64, TestCaseError> {
    let segments = 64;
    let mut shares = Vec::new();
    let mut model = BTreeMap::new();
    for zone in 0..zones {
        let range = KeyRange::of_segments(
            zone * segments / zones,
            (zone + 1) * segments / zones,
            segments,
        )
        .expect("segments");
        let mut chapter = open(names.len(), range);
        for (number, name) in names
            .iter()
            .enumerate()
            .filter(|(_, name)| range.contains(name.key))
        {
            if chapter.put(*name, data(number as u64), None).is_ok() {
                model.insert(*name, data(number as u64));
            }
            if number % 7 == 3 {
                chapter.delete(*name);
                model.remove(name);
            }
        }
        shares.push(chapter.freeze().expect("the other table"));
    }
    let (blocks, bounds, packer) = pack(&shares, page_blocks);
    let mut on_pages = Vec::new();
    for (number, block) in blocks.iter().enumerate() {
        let number = number as u32;
        let page = RecordPage::open(
            &block.0,
            &place(number),
            CHAPTER,
            dm_spare_engine::index::Page(number),
            crc32c::crc32c,
        )
        .expect("valid");
        on_pages.extend(page.records());
    }
    prop_assert!(
        on_pages.windows(2).all(|pair| pair[0].0 < pair[1].0),
        "the names ascend"
    );
    prop_assert_eq!(on_pages.len() as u64, packer.records());
    prop_assert_eq!(packer.records() + packer.dropped(), model.len() as u64);
    for (name, data) in &on_pages {
        let found = page(&blocks, &bounds, *name).and_then(|page| page.find(*name));
        prop_assert_eq!(found, Some(*data));
        prop_assert_eq!(model.get(name), Some(data));
    }
    // Neighbours of what is there are not.
    for name in names {
        for key in [name.key.wrapping_sub(1), name.key, name.key.wrapping_add(1)] {
            for rest in [
                name.rest.wrapping_sub(1),
                name.rest,
                name.rest.wrapping_add(1),
            ] {
                let near = Name { key, rest };
                let found = page(&blocks, &bounds, near).and_then(|page| page.find(near));
                prop_assert!(found.is_none() || found == model.get(&near).copied());
            }
        }
    }
    Ok(packer.dropped())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn an_open_chapter_is_a_map_of_weak_names(steps in proptest::collection::vec(step(weak_name()), 0..400), capacity in 1..300usize) {
        behaves_like_the_model(&steps, capacity)?;
    }

    #[test]
    fn an_open_chapter_is_a_map_of_strong_names(steps in proptest::collection::vec(step(strong_name()), 0..400), capacity in 1..300usize) {
        behaves_like_the_model(&steps, capacity)?;
    }

    #[test]
    fn weak_names_are_found_on_pages(names in proptest::collection::vec(weak_name(), 1..900), zones in 1..5u32) {
        everything_is_found(&names, zones, 40)?;
    }

    #[test]
    fn strong_names_are_found_on_pages(names in proptest::collection::vec(strong_name(), 1..900), zones in 1..17u32) {
        let pages = names.len().div_ceil(RECORDS_PER_PAGE) as u32;
        prop_assert_eq!(everything_is_found(&names, zones, pages + 1)?, 0);
    }

    #[test]
    fn too_few_pages_drop_the_rest(names in proptest::collection::vec(strong_name(), 400..900), pages in 0..2u32) {
        let dropped = everything_is_found(&names, 2, pages)?;
        prop_assert!(dropped > 0);
    }

    #[test]
    fn keys_belong_to_one_zone(segments in 1..70_000u32, cut in any::<u32>(), key in any::<u64>()) {
        let cut = cut % segments;
        let low = KeyRange::of_segments(0, cut, segments);
        let high = KeyRange::of_segments(cut, segments, segments).expect("segments");
        let segment = ((u128::from(key) * u128::from(segments)) >> 64) as u32;
        prop_assert_eq!(low.is_some_and(|low| low.contains(key)), segment < cut);
        prop_assert_eq!(high.contains(key), segment >= cut);
    }

    #[test]
    fn a_filter_knows_its_names(names in proptest::collection::vec(prop_oneof![weak_name(), strong_name()], 0..=RECORDS_PER_PAGE), index in 0..11usize) {
        let mut block = Block([0xff; 4096]);
        for other in 0..11 {
            filter_page::fill(&mut block, other, core::iter::empty());
        }
        filter_page::fill(&mut block, index, names.iter().copied());
        filter_page::seal(&mut block, place(0), CHAPTER, 4, index + 1, crc32c::crc32c);
        let page = FilterPage::open(&block.0, &place(0), CHAPTER, 4, crc32c::crc32c).expect("valid");
        for name in &names {
            prop_assert!(page.may_contain(index, *name));
            prop_assert!(index == 0 || !page.may_contain(index - 1, *name));
            prop_assert!(!page.may_contain(index + 1, *name));
        }
    }
}

/// A sequence of names that look random (SplitMix64; Steele, Lea, Flood, OOPSLA 2014).
fn names(seed: u64, count: u64) -> Vec<Name> {
    let mix = |number: u64| {
        let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let key = |number: u64| mix((seed << 40) + number);
    (1..=count)
        .map(|number| Name {
            key: key(2 * number),
            rest: key(2 * number + 1),
        })
        .collect()
}

#[test]
fn a_chapter_of_full_size_takes_exactly_its_capacity() {
    let names = names(1, 69_921);
    let mut chapter = open(69_920, KeyRange::ALL);
    for (number, name) in names.iter().enumerate().take(69_920) {
        assert_eq!(
            chapter.put(*name, data(number as u64), None),
            Ok(69_919 - number)
        );
    }
    assert_eq!(
        chapter.put(names[69_920], data(0), None),
        Err(Refused::Full)
    );
    assert_eq!(
        chapter.put(names[7], data(1), None),
        Ok(0),
        "a known name needs no room"
    );
    assert_eq!(chapter.find(names[69_920]), None);
    let shares = [chapter.freeze().expect("the other table")];
    let (blocks, bounds, packer) = pack(&shares, 381);
    assert_eq!((packer.records(), packer.dropped()), (69_920, 0));
    assert!((380..=381).contains(&packer.pages()));
    for (number, name) in names.iter().enumerate() {
        let found = page(&blocks, &bounds, *name).and_then(|page| page.find(*name));
        let expected = match number {
            69_920 => None,
            7 => Some(data(1)),
            _ => Some(data(number as u64)),
        };
        assert_eq!(found, expected);
    }
}

#[test]
fn names_that_crowd_are_refused_and_break_nothing() {
    // All in one place of the table, at the end of the range, more than may be moved aside.
    let mut chapter = open(5000, KeyRange::ALL);
    let crowd = |number: u64| Name {
        key: u64::MAX - number % 3,
        rest: number,
    };
    let mut stored = Vec::new();
    for number in 0..5000 {
        match chapter.put(crowd(number), data(number), None) {
            Ok(_) => stored.push(number),
            Err(refused) => assert_eq!(refused, Refused::Crowded),
        }
    }
    assert_eq!(stored.len(), 1024);
    for name in names(2, 3000) {
        assert!(chapter.put(name, data(1), None).is_ok());
    }
    for number in stored {
        assert_eq!(
            chapter.find(crowd(number)).map(|entry| entry.data),
            Some(data(number))
        );
    }
    assert_eq!(chapter.live(), 4024);
}

#[test]
fn closing_needs_the_memory_of_the_chapter_before() {
    let mut chapter = open(10, KeyRange::ALL);
    let names = names(3, 30);
    let mut last = None;
    for round in 0..5 {
        for name in &names[round..round + 10] {
            assert!(chapter.put(*name, data(round as u64), None).is_ok());
        }
        if let Some(frozen) = last.take() {
            assert!(!chapter.can_freeze());
            assert!(chapter.freeze().is_none());
            assert_eq!(chapter.live(), 10, "nothing changed");
            assert!(chapter.give_back(frozen));
        }
        let frozen = chapter.freeze().expect("the other table");
        assert_eq!((chapter.live(), chapter.remaining()), (0, 10));
        assert_eq!(chapter.find(names[round]), None);
        assert_eq!(
            frozen.find(names[round]).map(|entry| entry.data),
            Some(data(round as u64))
        );
        last = Some(frozen);
    }
    let shared = last.take().expect("the last");
    let other = shared.clone();
    assert!(!chapter.give_back(shared), "another reference is left");
    assert_eq!(other.live(), 10);
}

#[test]
fn more_records_of_one_prefix_than_fit_on_a_page_are_dropped() {
    let mut chapter = open(1000, KeyRange::ALL);
    let same = |number: u64| Name {
        key: 0x1234_5678_0000_0000 + number,
        rest: number,
    };
    for number in 0..500 {
        assert!(chapter.put(same(number), data(number), None).is_ok());
    }
    let others = names(4, 300);
    for name in &others {
        assert!(chapter.put(*name, data(9), None).is_ok());
    }
    let shares = [chapter.freeze().expect("the other table")];
    let (blocks, bounds, packer) = pack(&shares, 10);
    assert_eq!(packer.dropped(), 500 - RECORDS_PER_PAGE as u64);
    for name in &others {
        let found = page(&blocks, &bounds, *name).and_then(|page| page.find(*name));
        assert_eq!(found, Some(data(9)));
    }
    let found = (0..500).filter(|number| {
        page(&blocks, &bounds, same(*number)).is_some_and(|page| page.find(same(*number)).is_some())
    });
    assert_eq!(found.count(), RECORDS_PER_PAGE);
}

#[test]
fn a_group_of_equal_prefixes_moves_to_the_next_page() {
    for group in 1..=RECORDS_PER_PAGE as u64 {
        let mut chapter = open(400, KeyRange::ALL);
        // The group begins before the end of the first page and would end on the second.
        let before = RECORDS_PER_PAGE as u64 - group / 2 - 1;
        for number in 0..before {
            assert!(chapter
                .put(
                    Name {
                        key: number << 32,
                        rest: 0
                    },
                    data(number),
                    None
                )
                .is_ok());
        }
        for number in 0..group {
            assert!(chapter
                .put(
                    Name {
                        key: before << 32,
                        rest: number
                    },
                    data(number),
                    None
                )
                .is_ok());
        }
        let shares = [chapter.freeze().expect("the other table")];
        let (blocks, bounds, packer) = pack(&shares, 3);
        assert_eq!((packer.dropped(), packer.records()), (0, before + group));
        for number in 0..group {
            let name = Name {
                key: before << 32,
                rest: number,
            };
            assert_eq!(
                page(&blocks, &bounds, name).and_then(|page| page.find(name)),
                Some(data(number))
            );
        }
    }
}

#[test]
fn a_filter_believes_few_absent_names() {
    let mut block = Block([0; 4096]);
    let (there, absent) = (names(5, 184), names(6, 400_000));
    filter_page::fill(&mut block, 0, there.iter().copied());
    filter_page::seal(&mut block, place(0), CHAPTER, 0, 1, crc32c::crc32c);
    let page = FilterPage::of_checked(&block);
    let believed = absent
        .iter()
        .filter(|name| page.may_contain(0, **name))
        .count();
    // One in 2^14 is expected: 24 of 400,000; a hundred are 15 standard deviations more.
    assert!(believed < 100, "{believed}");
}

#[test]
fn bounds_of_a_slot_belong_to_its_newest_chapter() {
    let bounds = Bounds::new(4, 3, GFP_KERNEL).expect("memory");
    bounds.add(Chapter(5), [10, 20].into_iter());
    bounds.add(Chapter(5), [30, 40].into_iter());
    assert!(
        bounds.of(Chapter(5)).eq([10, 20, 30]),
        "a chapter has at most three pages"
    );
    assert_eq!(bounds.of(Chapter(1)).len(), 0);
    bounds.forget(Chapter(1));
    let at = |bounds: &Bounds, chapter, prefix: u64| {
        bounds
            .page(
                Chapter(chapter),
                Name {
                    key: prefix << 32,
                    rest: 0,
                },
            )
            .map(|page| page.0)
    };
    assert_eq!(
        [9, 10, 19, 20, 30, 0xffff_ffff].map(|prefix| at(&bounds, 5, prefix)),
        [None, Some(0), Some(0), Some(1), Some(2), Some(2)]
    );
    bounds.add(Chapter(9), [7].into_iter());
    assert_eq!(at(&bounds, 5, 20), None);
    assert_eq!(at(&bounds, 9, 20), Some(0));
    bounds.forget(Chapter(9));
    assert_eq!(at(&bounds, 9, 20), None);
}
