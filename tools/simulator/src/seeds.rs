// SPDX-License-Identifier: GPL-2.0-only

//! Seed after seed, in several threads, until the time is over or one of them fails.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Which seeds, where, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Seeds {
    /// The first seed.
    pub first: u64,
    /// No seed is begun later than this.
    pub limit: Duration,
    /// Threads.
    pub threads: usize,
}

impl Seeds {
    /// Runs every seed through `one` and adds the results up; how many there were, and the sum.
    ///
    /// # Errors
    ///
    /// What a failing seed says, or that a thread has panicked.
    pub fn run<T: Default + Send>(
        &self,
        one: impl Fn(u64) -> Result<T, String> + Sync,
        add: impl Fn(&mut T, &T) + Sync,
    ) -> Result<(u64, T), String> {
        let begin = Instant::now();
        let stop = AtomicBool::new(false);
        // CAST: 64 bits fit.
        let threads = self.threads.max(1) as u64;
        let work = |part: u64| {
            let mut total = (0, T::default());
            for seed in (self.first + part..).step_by(self.threads.max(1)) {
                if begin.elapsed() >= self.limit || stop.load(Ordering::Relaxed) {
                    break;
                }
                let result = one(seed).inspect_err(|_| stop.store(true, Ordering::Relaxed))?;
                add(&mut total.1, &result);
                total.0 += 1;
            }
            Ok::<_, String>(total)
        };
        thread::scope(|scope| {
            let work = &work;
            let workers: Vec<_> = (0..threads)
                .map(|part| scope.spawn(move || work(part)))
                .collect();
            let mut sum = (0, T::default());
            for worker in workers {
                let (count, total) = worker.join().map_err(|_| "a worker has panicked")??;
                sum.0 += count;
                add(&mut sum.1, &total);
            }
            Ok(sum)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seeds(limit: Duration) -> Seeds {
        Seeds {
            first: 5,
            limit,
            threads: 3,
        }
    }

    #[test]
    fn the_seed_that_fails_ends_all_others() {
        let fails = |seed| if seed == 40 { Err("40") } else { Ok(1) };
        let one = |seed| fails(seed).map_err(str::to_owned);
        let result = seeds(Duration::from_secs(60)).run(one, |sum, more: &u64| *sum += more);
        assert_eq!(result, Err("40".to_owned()));
    }

    #[test]
    fn all_results_are_added_up() {
        let limit = Duration::from_millis(20);
        let result = seeds(limit).run(|_| Ok(2), |sum, more: &u64| *sum += more);
        let (count, sum) = result.expect("none fails");
        assert!(count > 0 && sum == 2 * count);
        let none = seeds(Duration::ZERO).run(Ok, |sum, more: &u64| *sum += more);
        assert_eq!(none, Ok((0, 0)));
    }
}
