// SPDX-License-Identifier: GPL-2.0-only

//! What the parts of the index cost that belong to one chapter: open, closed, packed, searched.

use crate::cpu_time::nanoseconds;
use dm_spare_engine::format::Checksum;
use dm_spare_engine::index::format::{record_page, Place, RecordPage};
use dm_spare_engine::index::{
    Bounds, Chapter, Data, Geometry, KeyRange, MemorySize, Name, OpenChapter, PagePacker, Pbn,
};
use dm_spare_engine::Block;
use kernel::alloc::flags::GFP_KERNEL;
use kernel::sync::Arc;
use std::hint::black_box;

/// Rounds, of which the fastest counts.
const ROUNDS: usize = 15;
/// Names whose first cache misses overlap.
const BATCH: usize = 32;
/// The chapter that all pages belong to.
const CHAPTER: Chapter = Chapter(77);
/// The index that they belong to.
const UUID: [u8; 16] = [7; 16];

/// Prints a list of {figure, unit, value} as JSON.
pub(crate) fn print() -> Result<(), String> {
    let size = MemorySize::from_mebibytes(256).ok_or("the size has no name")?;
    let geometry = Geometry::of_size(size, false).ok_or("the size makes no index")?;
    let count = geometry.chapter_records as usize;
    let mut best = Best::default();
    for round in 0..ROUNDS as u64 {
        run(&geometry, count, round, &mut best)?;
    }
    println!(
        "{}",
        serde_json::to_string_pretty(&best.figures()).map_err(|error| error.to_string())?
    );
    Ok(())
}

/// The fastest round of each figure, in nanoseconds.
#[derive(Default)]
struct Best(Vec<(&'static str, f64)>);

impl Best {
    /// Measures `work`, which does `count` operations.
    fn measure<T>(&mut self, figure: &'static str, count: usize, work: impl FnOnce() -> T) -> T {
        let begin = nanoseconds();
        let result = black_box(work());
        let each = (nanoseconds() - begin) as f64 / count as f64;
        match self.0.iter_mut().find(|(name, _)| *name == figure) {
            Some((_, best)) => *best = best.min(each),
            None => self.0.push((figure, each)),
        }
        result
    }

    fn figures(&self) -> Vec<serde_json::Value> {
        let rounded = |value: f64| (value * 10.0).round() / 10.0;
        let figure = |(name, value): &(&str, f64)| serde_json::json!({"figure": name, "unit": "ns", "value": rounded(*value)});
        self.0.iter().map(figure).collect()
    }
}

fn run(geometry: &Geometry, count: usize, round: u64, best: &mut Best) -> Result<(), String> {
    let failed = |_| "too little memory".to_owned();
    let names: Vec<Name> = (0..count as u64).map(|index| name(round, index)).collect();
    let absent: Vec<Name> = (0..count as u64)
        .map(|index| name(round + 1000, index))
        .collect();
    // In another order than that of the puts.
    let asked: Vec<Name> = (0..count)
        .map(|index| names[index * 7919 % count])
        .collect();
    let mut open = OpenChapter::new(count, KeyRange::ALL, GFP_KERNEL).map_err(failed)?;
    let data = Data::new(Pbn(12345), 1).ok_or("data")?;
    // The second chapter: the memory of both was used before.
    for name in &absent {
        let _ = open.put(*name, data, None);
    }
    let first = open.freeze().ok_or("no second table")?;
    let _ = open.give_back(first);

    let stored = best.measure("put of a new name in an open chapter", count, || {
        let mut stored = 0;
        for batch in names.chunks(BATCH) {
            batch.iter().for_each(|name| {
                black_box(open.touch(*name));
            });
            for name in batch {
                stored += usize::from(open.put(*name, data, None).is_ok());
            }
        }
        stored
    });
    if stored != count {
        return Err(format!("{stored} of {count} records were stored"));
    }
    let mut find = |figure, names: &[Name]| {
        best.measure(figure, count, || {
            let mut found = 0;
            for batch in names.chunks(BATCH) {
                batch.iter().for_each(|name| {
                    black_box(open.touch(*name));
                });
                for name in batch {
                    found += usize::from(open.find(*name).is_some());
                }
            }
            found
        })
    };
    find("find of a name in a full open chapter", &asked);
    find("find of an absent name in a full open chapter", &absent);

    let mut pages: Vec<Block> = (0..geometry.page_blocks)
        .map(|_| Block([0; 4096]))
        .collect();
    let bounds = Bounds::new(2, geometry.page_blocks, GFP_KERNEL).map_err(failed)?;
    let records = best.measure("freeze, pack and seal, a record", count, || {
        let Some(frozen) = open.freeze() else {
            return 0;
        };
        let shares: [Arc<_>; 1] = [frozen];
        let mut packer = PagePacker::new(geometry.page_blocks);
        for block in &mut pages {
            let Some(packed) = packer.next_page(&shares, block) else {
                break;
            };
            bounds.add(CHAPTER, core::iter::once(packed.bound));
            let place = place(packed.page.0);
            record_page::seal(
                block,
                place,
                CHAPTER,
                packed.page,
                packed.count,
                crc32c::crc32c,
            );
        }
        let [frozen] = shares;
        packer.records() + u64::from(!open.give_back(frozen))
    });
    if records != count as u64 {
        return Err(format!("{records} of {count} records are on pages"));
    }
    // A page whose cache lines a search has just used.
    let page = RecordPage::of_checked(&pages[3]);
    let on_page: Vec<Name> = page.records().map(|(name, _)| name).collect();
    let searches = on_page.len() * BATCH;
    let found = best.measure("find in a page in cache", searches, || {
        let mut found = 0;
        for round in 0..BATCH {
            for index in 0..on_page.len() {
                let name = on_page[(index * 61 + round) % on_page.len()];
                found += usize::from(page.find(black_box(name)).is_some());
            }
        }
        found
    });
    if found != searches {
        return Err(format!("{found} of {searches} names were found"));
    }
    let found = best.measure("bound, check and find in a page, a record", count, || {
        find_in_pages(&bounds, &pages, &asked, Some(crc32c::crc32c))
    });
    let found_again = best.measure("bound and find in a checked page, a record", count, || {
        find_in_pages(&bounds, &pages, &asked, None)
    });
    if found != count || found_again != count {
        return Err(format!("{found} of {count} records were found"));
    }
    Ok(())
}

fn find_in_pages(
    bounds: &Bounds,
    pages: &[Block],
    names: &[Name],
    checksum: Option<Checksum>,
) -> usize {
    let mut found = 0;
    for name in names {
        let Some(number) = bounds.page(CHAPTER, *name) else {
            continue;
        };
        let block = &pages[number.0 as usize];
        let page = match checksum {
            Some(checksum) => {
                RecordPage::open(&block.0, &place(number.0), CHAPTER, number, checksum)
            }
            None => Ok(RecordPage::of_checked(block)),
        };
        found += usize::from(page.is_ok_and(|page| page.find(*name).is_some()));
    }
    found
}

fn place(page: u32) -> Place {
    Place {
        address: u64::from(page),
        uuid: UUID,
    }
}

/// A name that looks random: the finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) of two numbers.
fn name(round: u64, index: u64) -> Name {
    let mix = |seed: u64| {
        let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    Name {
        key: mix((round << 40) + 2 * index + 1),
        rest: mix((round << 40) + 2 * index + 2),
    }
}
