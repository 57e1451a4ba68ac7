// SPDX-License-Identifier: GPL-2.0-only

//! Measures the whole index on a file in memory, and prints the figures beside those of UDS.

use clap::Parser;
use dm_spare_engine::index::{Geometry, MemorySize};
use index_bench::whole::file::CalledFile;
use index_bench::whole::phases::{self, Access};
use index_bench::whole::{report, threads};
use std::path::PathBuf;
use std::process::ExitCode;

/// Measures the deduplication index.
#[derive(Parser)]
struct Options {
    /// Memory of the index in MiB: 16, 32, 64, 128, 256, 512, 768, or whole GiB
    #[arg(long, default_value_t = 256)]
    memory: u32,
    /// Chapters that follow when the index is full
    #[arg(long, default_value_t = 100)]
    steady: u64,
    /// The file, in a file system in memory
    #[arg(long, default_value = "/dev/shm/dm-spare-index-bench")]
    file: PathBuf,
    /// Where the list of figures and the plot go
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Compares two zones in two threads with one, which needs two idle cores
    #[arg(long)]
    two_zones: bool,
    /// Reads and writes the file by system calls, instead of mapping it
    #[arg(long)]
    calls: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let result = measure(&options);
    let _ = std::fs::remove_file(&options.file);
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> std::io::Result<bool> {
    let geometry = MemorySize::from_mebibytes(options.memory)
        .and_then(|size| Geometry::of_size(size, false))
        .ok_or_else(|| std::io::Error::other("there is no such size"))?;
    let access = if options.calls {
        Access::Calls
    } else {
        Access::Mapped
    };
    let figures = phases::run(geometry, &options.file, access, options.steady)?;
    let speedup = if options.two_zones {
        Some(speedup(options, geometry)?)
    } else {
        None
    };
    let metrics = report::metrics(&figures, speedup);
    print!("{}", report::table(&metrics));
    println!(
        "{} records, {} not indexed for lack of room; loaded in {:.0} ms; with all segments {:.1} % of the volume are read",
        geometry.records(),
        figures.discarded,
        figures.load,
        figures.load_share_complete * 100.0
    );
    if let Some(folder) = &options.folder {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("index.json"), report::json(&metrics))?;
        std::fs::write(folder.join("index.svg"), report::plot(&figures.curve))?;
    }
    Ok(metrics.iter().all(|metric| metric.value <= metric.bound))
}

fn speedup(options: &Options, geometry: Geometry) -> std::io::Result<f64> {
    let requests = geometry.records() / 4;
    let mut times = Vec::new();
    for zones in [1, 2] {
        let _ = std::fs::remove_file(&options.file);
        let file = CalledFile::open(&options.file, geometry.disk_blocks())?;
        let filled = threads::fill(geometry, &file, zones, requests);
        let seconds = |nanoseconds| nanoseconds as f64 / 1e9;
        println!(
            "{zones} zones: {:.2} s, processor time {:.2} s of zones and {:.2} s of the keeper",
            filled.elapsed.as_secs_f64(),
            seconds(filled.zones),
            seconds(filled.keeper)
        );
        times.push(filled.elapsed.as_secs_f64());
    }
    Ok(times[0] / times[1])
}
