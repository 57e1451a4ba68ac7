// SPDX-License-Identifier: GPL-2.0-only

//! Tests of the page cache.

use super::*;
use kernel::alloc::flags::GFP_KERNEL;

fn key(chapter: u64, page: u32) -> PageKey {
    PageKey {
        chapter: Chapter(chapter),
        page: Page(page),
    }
}

fn read(cache: &mut PageCache, key: PageKey) -> usize {
    let (index, mut memory) = cache.begin(key).expect("a slot");
    memory.blocks_mut()[0].0[0] = key.page.0 as u8;
    cache.finish(index, memory, true);
    index
}

#[test]
fn a_page_is_read_once_and_found_until_it_is_evicted() {
    let mut cache = PageCache::new(2, GFP_KERNEL).expect("memory");
    assert_eq!(cache.find(key(1, 1)), Lookup::Absent);
    let (index, memory) = cache.begin(key(1, 1)).expect("a slot");
    assert_eq!(cache.find(key(1, 1)), Lookup::Reading(index));
    cache.finish(index, memory, true);
    assert_eq!(cache.find(key(1, 1)), Lookup::Cached(index));
    let other = read(&mut cache, key(1, 2));
    assert_eq!(cache.page(other).map(|page| page.0[0]), Some(2));
    // All have been used: the hand passes over each once, then takes the one that it came to first.
    let third = read(&mut cache, key(1, 3));
    assert_eq!(third, index);
    assert_eq!(cache.find(key(1, 1)), Lookup::Absent);
    // Page 2 was not used since the hand passed; page 3 was.
    assert_eq!(read(&mut cache, key(1, 4)), other);
}

#[test]
fn pages_that_are_looked_at_once_do_not_drive_others_out() {
    let mut cache = PageCache::new(8, GFP_KERNEL).expect("memory");
    for page in 1..=3 {
        read(&mut cache, key(1, page));
        cache.find(key(1, page));
        cache.find(key(1, page));
    }
    for page in 100..200 {
        read(&mut cache, key(1, page));
        cache.find(key(1, page));
    }
    for page in 1..=3 {
        assert!(
            matches!(cache.find(key(1, page)), Lookup::Cached(_)),
            "page {page}"
        );
        let Lookup::Cached(index) = cache.find(key(1, page)) else {
            continue;
        };
        assert_eq!(cache.page(index).map(|page| page.0[0]), Some(page as u8));
    }
}

#[test]
fn pages_that_are_being_read_are_no_victims() {
    let mut cache = PageCache::new(2, GFP_KERNEL).expect("memory");
    let (first, memory) = cache.begin(key(1, 1)).expect("a slot");
    let (_second, _away) = cache.begin(key(1, 2)).expect("a slot");
    assert!(cache.begin(key(1, 3)).is_none());
    cache.finish(first, memory, false);
    assert_eq!(
        cache.find(key(1, 1)),
        Lookup::Absent,
        "a bad page stays out"
    );
    assert!(cache.begin(key(1, 3)).is_some());
}

#[test]
fn expired_pages_go_even_those_that_are_on_their_way() {
    let mut cache = PageCache::new(3, GFP_KERNEL).expect("memory");
    read(&mut cache, key(1, 1));
    let stays = read(&mut cache, key(2, 1));
    let (index, memory) = cache.begin(key(1, 2)).expect("a slot");
    cache.forget_before(Chapter(2));
    assert_eq!(cache.find(key(1, 1)), Lookup::Absent);
    assert_eq!(cache.find(key(2, 1)), Lookup::Cached(stays));
    assert_eq!(cache.find(key(1, 2)), Lookup::Reading(index));
    cache.finish(index, memory, true);
    assert_eq!(cache.find(key(1, 2)), Lookup::Absent);
    cache.forget_all();
    assert_eq!(cache.find(key(2, 1)), Lookup::Absent);
}

/// Against a plain model: what is said to be cached holds the page asked for, and nothing is held twice.
#[test]
fn the_table_never_loses_or_doubles_a_page() {
    let mut cache = PageCache::new(7, GFP_KERNEL).expect("memory");
    let mut state = 1u64;
    let mut draw = |bound: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % bound
    };
    let mut away: Vec<(usize, Extent)> = Vec::new();
    let mut oldest = 1;
    for round in 0..20_000u64 {
        let wanted = key(oldest + draw(4), draw(5) as u32);
        match cache.find(wanted) {
            Lookup::Cached(index) => {
                assert_eq!(cache.key(index), Some(wanted));
                assert!(away.iter().all(|(other, _)| *other != index));
            }
            Lookup::Reading(index) => {
                assert!(away.iter().any(|(other, _)| *other == index));
            }
            Lookup::Absent => match cache.begin(wanted) {
                Some(begun) => away.push(begun),
                None => assert_eq!(away.len(), 7),
            },
        }
        if !away.is_empty() && draw(3) == 0 {
            let (index, memory) = away.swap_remove(draw(away.len() as u64) as usize);
            cache.finish(index, memory, draw(5) != 0);
        }
        if round % 97 == 0 {
            oldest += 1;
            cache.forget_before(Chapter(oldest));
        }
        assert_eq!(cache.reading(), away.len());
        let mut keys: Vec<_> = (0..7)
            .filter(|index| cache.slots[*index].state != State::Free)
            .map(|index| (cache.slots[index].key.chapter, cache.slots[index].key.page))
            .collect();
        assert_eq!(
            cache.table.iter().filter(|entry| **entry != 0).count(),
            keys.len()
        );
        keys.sort();
        keys.dedup();
        assert_eq!(
            cache.table.iter().filter(|entry| **entry != 0).count(),
            keys.len()
        );
    }
}
