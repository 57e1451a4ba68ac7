// SPDX-License-Identifier: GPL-2.0-only

//! One contender is filled, kept full for a while, and asked.

use crate::clock::time_of;
use crate::contender::{oldest, Contender, WINDOW};
use crate::workload::Chapters;
use std::hint::black_box;

/// Keys looked up for each figure of a lookup.
const LOOKUPS: usize = 1 << 13;
/// Times that each figure of a lookup is taken; the least counts.
const ROUNDS: usize = 100;
/// Keys looked up together.
const BATCH: usize = 32;

/// What was measured. Times are processor time in nanoseconds.
#[derive(Default)]
pub struct Figures {
    /// A record, while the window fills.
    pub fill: f64,
    /// A record, when the window is full: its entry, and what makes room for it.
    pub apply: f64,
    /// A record, when the window is full: its share of the checkpoint.
    pub checkpoint: f64,
    /// A lookup of an absent key, 32 at a time.
    pub absent_batch: f64,
    /// A lookup of an absent key by itself.
    pub absent: f64,
    /// A lookup of a key that is there, 32 at a time.
    pub present_batch: f64,
    /// Memory for a record of the full window.
    pub bytes: f64,
    /// Absent keys for which a chapter was answered, of a thousand.
    pub false_hits: f64,
    /// Keys left out while the window filled.
    pub lost_filling: u64,
    /// Keys left out when it was full.
    pub lost: u64,
    /// Keys of live chapters, of those looked for, that were not found.
    pub missing: u64,
    /// Memory for a record when so many sixteenths of the window were filled.
    pub growth: Vec<(u64, f64)>,
}

/// Measures one contender; `steady` chapters follow after the window is full.
pub fn measure(contender: &mut dyn Contender, chapters: Chapters, steady: u64) -> Figures {
    let mut figures = Figures::default();
    let records = chapters.records as u64;
    let mut filling = 0;
    for chapter in 1..=WINDOW {
        let keys = chapters.sorted(chapter);
        filling += time_of(|| {
            contender.open(chapter, records);
            contender.apply(chapter, &keys);
        });
        if chapter % (WINDOW / 16) == 0 {
            let bytes = contender.bytes() as f64 / (chapter * records) as f64;
            figures.growth.push((chapter / (WINDOW / 16), bytes));
        }
    }
    figures.fill = filling as f64 / (WINDOW * records) as f64;
    figures.lost_filling = contender.lost();
    let (mut applying, mut checking) = (Vec::new(), Vec::new());
    for chapter in WINDOW + 1..=WINDOW + steady {
        let keys = chapters.sorted(chapter);
        applying.push(time_of(|| {
            contender.open(chapter, records);
            contender.apply(chapter, &keys);
        }));
        checking.push(time_of(|| {
            contender.checkpoint(chapter);
        }));
    }
    figures.apply = typical(applying) / records as f64;
    figures.checkpoint = typical(checking) / records as f64;
    figures.lost = contender.lost() - figures.lost_filling;
    figures.bytes = contender.bytes() as f64 / (WINDOW * records) as f64;
    ask(contender, chapters, WINDOW + steady, &mut figures);
    figures
}

/// The lower quartile: other processes disturb, and nothing speeds up.
fn typical(mut times: Vec<u64>) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 4).map_or(0.0, |time| *time as f64)
}

fn ask(contender: &mut dyn Contender, chapters: Chapters, newest: u64, figures: &mut Figures) {
    let asked = Chapters { records: LOOKUPS };
    let (mut batch, mut single, mut present) = (f64::MAX, f64::MAX, f64::MAX);
    let mut hits = 0;
    for round in 0..ROUNDS as u64 {
        let absent = asked.unsorted((1 << 40) | round);
        let time = time_of(|| {
            for keys in absent.chunks(BATCH) {
                hits += contender.look_up(keys);
            }
        });
        batch = batch.min(time as f64);
        let absent = asked.unsorted((2 << 40) | round);
        let time = time_of(|| {
            for keys in absent.chunks(1) {
                hits += contender.look_up(keys);
            }
        });
        single = single.min(time as f64);
        let live = oldest(newest);
        let there: Vec<u64> = (0..LOOKUPS as u64 / 256)
            .flat_map(|part| {
                let chapter = live + (part * 37 + round * 11) % WINDOW;
                chapters.unsorted(chapter).into_iter().take(256)
            })
            .collect();
        let time = time_of(|| {
            for keys in there.chunks(BATCH) {
                black_box(contender.look_up(keys));
            }
        });
        present = present.min(time as f64 * LOOKUPS as f64 / there.len() as f64);
    }
    let lookups = LOOKUPS as f64;
    figures.absent_batch = batch / lookups;
    figures.absent = single / lookups;
    figures.present_batch = present / lookups;
    figures.false_hits = hits as f64 / (2 * ROUNDS) as f64 / lookups * 1000.0;
    for chapter in (oldest(newest)..=newest).step_by(16) {
        for key in chapters.unsorted(chapter) {
            figures.missing += u64::from(!contender.has(key, chapter));
        }
    }
}
