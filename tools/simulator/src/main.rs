// SPDX-License-Identifier: GPL-2.0-only

//! Runs the simulation: the exhaustive part, then random seeds.

use clap::Parser;
use dm_spare_simulator::exhaustive::{self, Depth};
use dm_spare_simulator::random;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
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
    /// Of so many crash images one is also recovered with the users' own data.
    #[arg(long, default_value_t = 64)]
    sample: u64,
    /// Seconds of random runs.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Runs this one seed and nothing else.
    #[arg(long)]
    seed: Option<u64>,
    /// Prints everything that happens in the run of `--seed`.
    #[arg(long)]
    trace: bool,
    /// First seed of the random runs.
    #[arg(long, default_value_t = 1)]
    first_seed: u64,
    /// Steps of one random run.
    #[arg(long, default_value_t = 400)]
    steps: usize,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let result = match options.seed {
        Some(seed) => one_seed(&options, seed),
        None => exhaustive_part(&options).and_then(|()| random_part(&options)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            eprintln!("FAILED: {wrong}");
            ExitCode::FAILURE
        }
    }
}

fn one_seed(options: &Options, seed: u64) -> Result<(), String> {
    let tally = random::run(seed, options.steps, options.trace)
        .map_err(|wrong| format!("seed {seed}: {wrong}"))?;
    println!("seed {seed}: {tally:?}");
    Ok(())
}

fn exhaustive_part(options: &Options) -> Result<(), String> {
    if options.length == 0 {
        return Ok(());
    }
    let depth = Depth {
        length: options.length,
        length_with_lies: options.length_with_lies,
        sample: options.sample.max(1),
    };
    let begin = Instant::now();
    let threads = options.threads.max(1);
    let workers: Vec<_> = (0..threads)
        .map(|part| std::thread::spawn(move || exhaustive::run(depth, part, threads)))
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
    let limit = Duration::from_secs(options.seconds);
    let threads = options.threads.max(1) as u64;
    let (first, steps) = (options.first_seed, options.steps);
    let stop = Arc::new(AtomicBool::new(false));
    let workers: Vec<_> = (0..threads)
        .map(|part| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                let mut seed = first + part;
                let mut total = (0u64, random::Tally::default());
                while begin.elapsed() < limit && !stop.load(Ordering::Relaxed) {
                    let tally = random::run(seed, steps, false)
                        .inspect_err(|_| stop.store(true, Ordering::Relaxed))
                        .map_err(|wrong| {
                            format!(
                            "seed {seed} (run again with --seed {seed} --steps {steps}): {wrong}"
                        )
                        })?;
                    total.0 += 1;
                    total.1.operations += tally.operations;
                    total.1.crashes += tally.crashes;
                    total.1.commits += tally.commits;
                    total.1.checkpoints += tally.checkpoints;
                    seed += threads;
                }
                Ok::<_, String>(total)
            })
        })
        .collect();
    let mut sum = (0u64, random::Tally::default());
    for worker in workers {
        let (seeds, tally) = worker.join().map_err(|_| "a worker has panicked")??;
        sum.0 += seeds;
        sum.1.operations += tally.operations;
        sum.1.crashes += tally.crashes;
        sum.1.commits += tally.commits;
        sum.1.checkpoints += tally.checkpoints;
    }
    println!(
        "random: {} seeds from {first}, {} operations, {} crashes, {} commits, {} checkpoints, {:.1} s",
        sum.0,
        sum.1.operations,
        sum.1.crashes,
        sum.1.commits,
        sum.1.checkpoints,
        begin.elapsed().as_secs_f64()
    );
    Ok(())
}
