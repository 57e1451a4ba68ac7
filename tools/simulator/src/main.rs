// SPDX-License-Identifier: GPL-2.0-only

//! Runs the simulation: the exhaustive part, then random seeds.

use clap::Parser;
use dm_spare_simulator::dedup;
use dm_spare_simulator::dedup::album::Album;
use dm_spare_simulator::exhaustive::{self, Depth};
use dm_spare_simulator::index::{crashes, plan, world};
use dm_spare_simulator::index_samples;
use dm_spare_simulator::random::{self, shrink};
use dm_spare_simulator::seeds::Seeds;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Simulates the engine of dm-spare on adversarial disks.
#[derive(Parser)]
struct Options {
    /// Operations of the longest sequences in the exhaustive part; 0 leaves it out.
    #[arg(long, default_value_t = 3)]
    length: usize,
    /// Operations of the longest sequences that are run again for each write about which a copy can lie.
    #[arg(long, default_value_t = 2)]
    length_with_lies: usize,
    /// The sequences of all lengths are run again for each lie, which takes some minutes.
    #[arg(long)]
    full: bool,
    /// Of so many crash images one is also recovered with the users' own data.
    #[arg(long, default_value_t = 64)]
    sample: u64,
    /// Seconds of random runs.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Runs this one seed and nothing else.
    #[arg(long)]
    seed: Option<u64>,
    /// Only these steps of `--seed`, such as 3,9-12.
    #[arg(long, requires = "seed")]
    keep: Option<String>,
    /// Prints everything that happens in the run of `--seed` or `--index-seed`.
    #[arg(long)]
    trace: bool,
    /// First seed of the random runs.
    #[arg(long, default_value_t = 1)]
    first_seed: u64,
    /// Steps of one random run.
    #[arg(long, default_value_t = 400)]
    steps: u32,
    /// Leaves a failing run as long as it is.
    #[arg(long)]
    no_shrink: bool,
    /// Writes one block of each kind of the index, and two whole indexes, to this folder, and does nothing else.
    #[arg(long, value_name = "FOLDER")]
    index_samples: Option<PathBuf>,
    /// Writes one block of each kind of a deduplicated volume to this folder, and does nothing else.
    #[arg(long, value_name = "FOLDER")]
    dedup_samples: Option<PathBuf>,
    /// Writes the legs of a volume, as they are before and behind each activation of the run of `--dedup-seed`, to this folder.
    #[arg(long, value_name = "FOLDER", requires = "dedup_seed")]
    dedup_album: Option<PathBuf>,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// The bug that the engine has on purpose.
    #[cfg(feature = "seeded-bugs")]
    #[arg(long)]
    seeded_bug: Option<String>,
    /// Short runs of the deduplication index with all their crashes, then so many seconds of random ones, instead of all
    /// else.
    #[arg(long)]
    index_seconds: Option<u64>,
    /// Runs this one seed of the index and nothing else.
    #[arg(long)]
    index_seed: Option<u64>,
    /// Steps of one random run of the index.
    #[arg(long, default_value_t = 60)]
    index_steps: u32,
    /// Seconds of random runs of dedup mode, behind its exhaustive part, instead of all else.
    #[arg(long)]
    dedup_seconds: Option<u64>,
    /// Operations of the longest sequences in the exhaustive part of dedup mode.
    #[arg(long, default_value_t = 2)]
    dedup_length: usize,
    /// Runs this one seed of dedup mode and nothing else.
    #[arg(long)]
    dedup_seed: Option<u64>,
    /// Steps of one random run of dedup mode.
    #[arg(long, default_value_t = 2000)]
    dedup_steps: u32,
}

/// Writes all samples of a kind to a folder.
type WriteSamples = fn(&Path) -> io::Result<()>;

fn main() -> ExitCode {
    let options = Options::parse();
    #[cfg(feature = "seeded-bugs")]
    if let Some(name) = options.seeded_bug.clone() {
        kernel::seeded_bug::want(name);
    }
    let samples: [(_, WriteSamples); 2] = [
        (&options.index_samples, index_samples::write),
        (&options.dedup_samples, dedup::samples::write),
    ];
    for (folder, write) in samples {
        let Some(folder) = folder else { continue };
        return match write(folder) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("cannot write to {}: {error}", folder.display());
                ExitCode::FAILURE
            }
        };
    }
    let result = if let Some(seed) = options.dedup_seed {
        one_dedup_seed(&options, seed)
    } else if let Some(seconds) = options.dedup_seconds {
        dedup_part(&options, seconds)
    } else {
        remap_and_index(&options)
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            eprintln!("FAILED: {wrong}");
            ExitCode::FAILURE
        }
    }
}

fn remap_and_index(options: &Options) -> Result<(), String> {
    match (options.seed, options.index_seed, options.index_seconds) {
        (_, Some(seed), _) => one_index_seed(options, seed),
        (_, None, Some(seconds)) => index_part(options, seconds),
        (Some(seed), None, None) => one_seed(options, seed),
        (None, None, None) => exhaustive_part(options)
            .and_then(|()| random_part(options))
            .and_then(|()| index_part(options, options.seconds))
            .and_then(|()| dedup_part(options, options.seconds)),
    }
}

fn one_dedup_seed(options: &Options, seed: u64) -> Result<(), String> {
    let result = match &options.dedup_album {
        Some(folder) => {
            let album = Album::new(folder, &format!("{seed:04}"));
            dedup::plan::run_for_album(seed, options.dedup_steps, album)
        }
        None => dedup::plan::run(seed, options.dedup_steps, options.trace),
    };
    let tally = result.map_err(|wrong| format!("dedup seed {seed}: {wrong}"))?;
    println!("dedup seed {seed}: {tally:?}");
    Ok(())
}

/// All short sequences of dedup mode, then random runs until the time is over.
fn dedup_part(options: &Options, seconds: u64) -> Result<(), String> {
    let threads = options.threads.max(1);
    let begin = Instant::now();
    dedup::scenario::run_all()?;
    for length in 1..=options.dedup_length {
        let taken = Arc::new(AtomicUsize::new(0));
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let taken = Arc::clone(&taken);
                std::thread::spawn(move || dedup::exhaustive::run(length, &taken))
            })
            .collect();
        let mut tally = dedup::exhaustive::Tally::default();
        for worker in workers {
            tally.add(&worker.join().map_err(|_| "a worker has panicked")??);
        }
        println!(
            "dedup, exhaustive: {} sequences of {length}, {} crashes, {} more in recoveries, {:.1} s",
            tally.sequences,
            tally.crashes,
            tally.crashes_in_recovery,
            begin.elapsed().as_secs_f64()
        );
    }
    let begin = Instant::now();
    let one = |seed| {
        dedup::plan::run(seed, options.dedup_steps, false).map_err(|wrong| {
            format!("dedup seed {seed}: {wrong}; run again with --dedup-seed {seed} --trace")
        })
    };
    let (count, sum) = seeds(options, seconds).run(one, dedup::world::Tally::add)?;
    println!(
        "dedup: {count} seeds from {}, {} answers, {} shared, {} joined, {} batches, {} checkpoints, {} blocks replayed, {} reads outside, {} of rot, {} crashes, {:.1} s",
        options.first_seed,
        sum.answers,
        sum.shared,
        sum.joined,
        sum.batches,
        sum.checkpoints,
        sum.replayed,
        sum.outside_reads,
        sum.mismatches,
        sum.crashes,
        begin.elapsed().as_secs_f64()
    );
    Ok(())
}

fn one_seed(options: &Options, seed: u64) -> Result<(), String> {
    let steps = match options.keep.as_deref() {
        Some(list) => shrink::parse(list)?,
        None => (0..options.steps).collect(),
    };
    let tally = random::run(seed, &steps, options.trace)
        .map_err(|wrong| format!("seed {seed}: {wrong}"))?;
    println!("seed {seed}: {tally:?}");
    Ok(())
}

fn one_index_seed(options: &Options, seed: u64) -> Result<(), String> {
    let tally = plan::run(seed, options.index_steps, options.trace)
        .map_err(|wrong| format!("index seed {seed}: {wrong}"))?;
    println!("index seed {seed}: {tally:?}");
    Ok(())
}

fn seeds(options: &Options, seconds: u64) -> Seeds {
    Seeds {
        first: options.first_seed,
        limit: Duration::from_secs(seconds),
        threads: options.threads,
    }
}

fn index_part(options: &Options, seconds: u64) -> Result<(), String> {
    let begin = Instant::now();
    let mut sum = crashes::Tally::default();
    for shape in crashes::shapes() {
        let tally = crashes::run(shape).map_err(|wrong| {
            let sparse = shape.parameters.sparse_chapters;
            format!(
                "index of {} zones, {sparse} sparse chapters: {wrong}",
                shape.zones
            )
        })?;
        sum.add(&tally);
    }
    println!(
        "index: {} crashes at {} moments of short runs, {} names found again, {:.1} s",
        sum.crashes,
        sum.moments,
        sum.found,
        begin.elapsed().as_secs_f64()
    );
    let begin = Instant::now();
    let one = |seed| {
        plan::run(seed, options.index_steps, false).map_err(|wrong| {
            format!("index seed {seed}: {wrong}; run again with --index-seed {seed} --trace")
        })
    };
    let (count, sum) = seeds(options, seconds).run(one, world::Tally::add)?;
    println!(
        "index: {count} seeds from {}, {} answers, {} found, {} chapters, {} crashes, {} times opened, {:.1} s",
        options.first_seed,
        sum.answers,
        sum.found,
        sum.chapters,
        sum.crashes,
        sum.opens,
        begin.elapsed().as_secs_f64()
    );
    Ok(())
}

fn exhaustive_part(options: &Options) -> Result<(), String> {
    if options.length == 0 {
        return Ok(());
    }
    let depth = Depth {
        length: options.length,
        length_with_lies: if options.full {
            options.length
        } else {
            options.length_with_lies
        },
        sample: options.sample.max(1),
    };
    let begin = Instant::now();
    let taken = Arc::new(AtomicUsize::new(0));
    let workers: Vec<_> = (0..options.threads.max(1))
        .map(|_| {
            let taken = Arc::clone(&taken);
            std::thread::spawn(move || exhaustive::run(depth, &taken))
        })
        .collect();
    let mut tally = exhaustive::Tally::default();
    for worker in workers {
        tally.add(&worker.join().map_err(|_| "a worker has panicked")??);
    }
    println!(
        "exhaustive: {} sequences of up to {} operations, {} again with lies, {} crashes, {} images for {:.1e} subsets, {} states, {} recoveries, {} samples, {:.1} s",
        tally.sequences,
        options.length,
        tally.lies,
        tally.crashes,
        tally.images,
        tally.subsets,
        tally.states,
        tally.recoveries,
        tally.samples,
        begin.elapsed().as_secs_f64()
    );
    Ok(())
}

fn random_part(options: &Options) -> Result<(), String> {
    let begin = Instant::now();
    let steps: Vec<u32> = (0..options.steps).collect();
    let one = |seed| {
        random::run(seed, &steps, false).map_err(|wrong| {
            if options.no_shrink {
                format!("seed {seed}: {wrong}; run again with --seed {seed} --trace")
            } else {
                shortest(seed, &steps, wrong)
            }
        })
    };
    let (count, sum) = seeds(options, options.seconds).run(one, random::Tally::add)?;
    println!(
        "random: {count} seeds from {}, {} operations, {} crashes, {} commits, {} checkpoints, {:.1} s",
        options.first_seed,
        sum.operations,
        sum.crashes,
        sum.commits,
        sum.checkpoints,
        begin.elapsed().as_secs_f64()
    );
    Ok(())
}

/// The fewest steps of a failing run that still fail, and how to run them again.
fn shortest(seed: u64, steps: &[u32], wrong: String) -> String {
    let (left, wrong) = shrink::shrink(seed, steps, wrong);
    format!(
        "seed {seed}, {} of {} steps: {wrong}; run again with --seed {seed} --keep '{}' --trace",
        left.len(),
        steps.len(),
        shrink::list(&left)
    )
}
