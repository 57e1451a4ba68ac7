// SPDX-License-Identifier: GPL-2.0-only

//! What is measured: filling, the steady state, duplicates, queries, and loading after a crash.

use super::alone::Alone;
use super::file::{CalledFile, Storage};
use super::map::MappedFile;
use super::names;
use crate::clock::time_of;
use crate::workload::Numbers;
use dm_spare_engine::index::{Geometry, OpenMode, Request, RequestId, RequestKind};
use std::io;
use std::path::Path;

/// Requests handed in together.
const BATCH: u64 = 64;
/// Points of the curve while the index fills.
const POINTS: u64 = 32;
/// Queries for each figure of queries.
const QUERIES: u64 = 1 << 20;

/// How the file is read and written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// It is mapped.
    Mapped,
    /// By system calls.
    Calls,
}

impl Access {
    fn open(self, path: &Path, blocks: u64) -> io::Result<Box<dyn Storage>> {
        Ok(match self {
            Self::Mapped => Box::new(MappedFile::open(path, blocks)?),
            Self::Calls => Box::new(CalledFile::open(path, blocks)?),
        })
    }
}

/// A point of the curve.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// The share of the window that is filled.
    pub fill: f64,
    /// Nanoseconds a record since the last point.
    pub nanoseconds: f64,
    /// Bytes of memory a record.
    pub bytes: f64,
}

/// All figures. Times are processor time.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// While the index fills.
    pub curve: Vec<Point>,
    /// Nanoseconds a record while the index fills.
    pub fill: f64,
    /// The same when it is full, with one expiry a chapter.
    pub steady: f64,
    /// Nanoseconds a request, of which half are duplicates from all over the window.
    pub duplicates: f64,
    /// Of the duplicates those that were not found.
    pub duplicates_lost: u64,
    /// How many there were.
    pub duplicates_asked: u64,
    /// Nanoseconds a query of a name in the open chapter.
    pub query_open: f64,
    /// Nanoseconds a query of an absent name.
    pub query_absent: f64,
    /// Pages read by a thousand queries of absent names.
    pub absent_reads: f64,
    /// Bytes read by a hit in a closed chapter.
    pub hit_bytes: f64,
    /// Bytes of memory a record of the full index.
    pub memory: f64,
    /// Bytes of disk a record of the window.
    pub disk: f64,
    /// Bytes read until the index answers after a crash, of those that the volume holds.
    pub load_share: f64,
    /// The same, with all segments of the volume index.
    pub load_share_complete: f64,
    /// Milliseconds of processor time until it answers.
    pub load: f64,
    /// Recent names, those of the open chapter left out, that were not found after the crash.
    pub load_lost: u64,
    /// How many were looked for.
    pub load_asked: u64,
    /// Records that the volume index had no room for.
    pub discarded: u64,
}

struct Run<'a> {
    index: Alone<'a>,
    next: u64,
    batch: Vec<Request>,
}

impl Run<'_> {
    fn ask(&mut self, kind: RequestKind, number: u64) {
        self.batch.push(Request {
            id: RequestId(number as u32),
            kind,
            name: names::name(number),
        });
        if self.batch.len() as u64 == BATCH {
            self.submit();
        }
    }

    fn submit(&mut self) {
        self.index.submit(&self.batch);
        self.batch.clear();
    }

    fn post(&mut self, count: u64) {
        for _ in 0..count {
            let number = self.next;
            self.next += 1;
            self.ask(RequestKind::Post(names::data(number)), number);
        }
        self.submit();
    }

    /// What it takes to make the names of so many requests, which a user of the index has already.
    fn naming(&self, count: u64) -> u64 {
        time_of(|| {
            let mut sum = 0u64;
            for number in 0..count.min(1 << 22) {
                let name = names::name(number);
                sum ^= name.key ^ name.rest;
            }
            std::hint::black_box(sum);
        }) * count
            / count.min(1 << 22)
    }
}

/// Runs everything on a file, in one thread.
///
/// # Errors
///
/// The file's.
pub fn run(
    geometry: Geometry,
    path: &Path,
    access: Access,
    steady_chapters: u64,
) -> io::Result<Figures> {
    let blocks = geometry.disk_blocks();
    let storage = access.open(path, blocks)?;
    let mut figures = Figures::default();
    let records = geometry.records();
    let mut run = Run {
        index: Alone::new(geometry, &*storage),
        next: 0,
        batch: Vec::new(),
    };
    run.index.open(OpenMode::Create { uuid: [1; 16] });
    let mut filling = 0;
    for point in 1..=POINTS {
        let count = records * point / POINTS - records * (point - 1) / POINTS;
        let time = time_of(|| run.post(count)).saturating_sub(run.naming(count));
        filling += time;
        figures.curve.push(Point {
            fill: point as f64 / POINTS as f64,
            nanoseconds: time as f64 / count as f64,
            bytes: run.index.memory_bytes() as f64 / (records * point / POINTS) as f64,
        });
    }
    figures.fill = filling as f64 / records as f64;
    let count = steady_chapters * geometry.chapter_records;
    let time = time_of(|| run.post(count)).saturating_sub(run.naming(count));
    figures.steady = time as f64 / count as f64;
    figures.memory = run.index.memory_bytes() as f64 / records as f64;
    figures.disk = blocks as f64 * 4096.0 / records as f64;
    duplicates(&mut run, &geometry, &*storage, &mut figures);
    queries(&mut run, &mut figures);
    figures.discarded = run.index.statistics().discarded;
    let last = run.next;
    drop(run);
    reload(geometry, path, access, last, &mut figures)?;
    Ok(figures)
}

fn duplicates(
    run: &mut Run<'_>,
    geometry: &Geometry,
    storage: &dyn Storage,
    figures: &mut Figures,
) {
    let mut numbers = Numbers::new(7);
    let count = 40 * geometry.chapter_records;
    let first = run.next;
    // One chapter at each end stays out: what has expired, and what is being closed meanwhile.
    let window = geometry.records() - 80 * geometry.chapter_records;
    let found = run.index.answers.found;
    let read = storage.bytes_read();
    let mut asked = 0;
    let time = time_of(|| {
        for _ in 0..count / 2 {
            let old = first - geometry.chapter_records - 1 - numbers.draw() % window;
            run.ask(RequestKind::Post(names::data(old)), old);
            run.post_one();
            asked += 1;
        }
        run.submit();
    });
    let time = time.saturating_sub(run.naming(count));
    figures.duplicates = time as f64 / count as f64;
    figures.duplicates_asked = asked;
    figures.duplicates_lost = asked - (run.index.answers.found - found);
    figures.hit_bytes = (storage.bytes_read() - read) as f64 / asked as f64;
}

impl Run<'_> {
    fn post_one(&mut self) {
        let number = self.next;
        self.next += 1;
        self.ask(RequestKind::Post(names::data(number)), number);
    }
}

fn queries(run: &mut Run<'_>, figures: &mut Figures) {
    let naming = run.naming(QUERIES) as f64;
    // The newest names: fewer than a chapter's beginning, so all of them are in the open one.
    run.index.finish();
    let recent = 1 << 13;
    run.post(recent);
    let last = run.next;
    let mut numbers = Numbers::new(9);
    let found = run.index.answers.found;
    let time = time_of(|| {
        for _ in 0..QUERIES {
            let number = last - 1 - numbers.draw() % recent;
            run.ask(RequestKind::Peek, number);
        }
        run.submit();
    });
    assert_eq!(run.index.answers.found - found, QUERIES);
    figures.query_open = (time as f64 - naming) / QUERIES as f64;
    let read = run.index.statistics().pages_read;
    let time = time_of(|| {
        for number in 0..QUERIES {
            run.ask(RequestKind::Peek, number + (1 << 50));
        }
        run.submit();
    });
    figures.query_absent = (time as f64 - naming) / QUERIES as f64;
    let reads = run.index.statistics().pages_read - read;
    figures.absent_reads = reads as f64 * 1000.0 / QUERIES as f64;
}

/// What is in memory is lost, and the index is opened again.
fn reload(
    geometry: Geometry,
    path: &Path,
    access: Access,
    last: u64,
    figures: &mut Figures,
) -> io::Result<()> {
    let blocks = geometry.disk_blocks();
    let storage = access.open(path, blocks)?;
    let mut index = Alone::new(geometry, &*storage);
    let time = time_of(|| {
        index.open(OpenMode::Load);
    });
    let all = blocks as f64 * 4096.0;
    figures.load = time as f64 / 1e6;
    figures.load_share = storage.bytes_read() as f64 / all;
    index.finish();
    figures.load_share_complete = storage.bytes_read() as f64 / all;
    let mut run = Run {
        index,
        next: 0,
        batch: Vec::new(),
    };
    let mut numbers = Numbers::new(11);
    let found = run.index.answers.found;
    figures.load_asked = 1 << 16;
    for _ in 0..figures.load_asked {
        // Behind the open chapter and the one that may have been closing.
        let age = 2 * geometry.chapter_records + numbers.draw() % (40 * geometry.chapter_records);
        run.ask(RequestKind::Peek, last - 1 - age);
    }
    run.submit();
    figures.load_lost = figures.load_asked - (run.index.answers.found - found);
    Ok(())
}
