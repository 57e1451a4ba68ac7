// SPDX-License-Identifier: GPL-2.0-only

//! Measures volume indexes side by side. `--help` tells what can be chosen.

use clap::Parser;
use index_bench::contender::{Contender, CuckooFilter, DeltaLists, TwoChoice, WINDOW};
use index_bench::measure::{measure, Figures};
use index_bench::workload::Chapters;

/// Measures structures for the volume index side by side.
#[derive(Parser)]
struct Options {
    /// Records of the window, in units of 1,048,576
    #[arg(long, default_value_t = 64.0)]
    records: f64,
    /// Chapters that follow after the window is full
    #[arg(long, default_value_t = 100)]
    steady: u64,
    /// Which: two-choice, cuckoo, delta-lists; all without it
    #[arg(long)]
    only: Option<String>,
}

fn main() {
    let options = Options::parse();
    // CAST: a number of records, whose fraction does not matter.
    let records = (options.records * f64::from(1 << 20)) as u64;
    let chapters = Chapters {
        records: records.div_ceil(WINDOW) as usize,
    };
    type Make = fn(u64) -> Box<dyn Contender>;
    let contenders: [(&str, Make); 3] = [
        ("two-choice", |records| Box::new(TwoChoice::new(records))),
        ("cuckoo", |records| Box::new(CuckooFilter::new(records))),
        ("delta-lists", |records| Box::new(DeltaLists::new(records))),
    ];
    println!("{}", heading());
    for (name, make) in contenders {
        if options.only.as_deref().is_none_or(|only| only == name) {
            let mut contender = make(chapters.records as u64 * WINDOW);
            let figures = measure(contender.as_mut(), chapters, options.steady);
            println!("{}", row(contender.name(), &figures));
            let growth: Vec<String> = figures
                .growth
                .iter()
                .map(|(part, bytes)| format!("{part}/16 {bytes:.2}"))
                .collect();
            println!("  bytes a record while filling: {}", growth.join(", "));
        }
    }
}

fn heading() -> String {
    [
        "structure         ",
        "fill ns",
        "apply ns",
        "sweep+image ns",
        "absent x32 ns",
        "absent ns",
        "present x32 ns",
        "bytes",
        "false hits/1000",
        "lost filling",
        "lost",
        "missing",
    ]
    .join(" | ")
}

fn row(name: &str, figures: &Figures) -> String {
    format!(
        "{name:18} | {:7.1} | {:8.1} | {:14.1} | {:13.1} | {:9.1} | {:14.1} | {:5.3} | {:15.3} | {:12} | {:4} | {:7}",
        figures.fill,
        figures.apply,
        figures.checkpoint,
        figures.absent_batch,
        figures.absent,
        figures.present_batch,
        figures.bytes,
        figures.false_hits,
        figures.lost_filling,
        figures.lost,
        figures.missing,
    )
}
