// SPDX-License-Identifier: GPL-2.0-only

//! The index under a short turn of its simulation.

use dm_spare_simulator::index::plan;
use dm_spare_simulator::index::world::Tally;

#[test]
fn random_runs_keep_the_promise() {
    let mut sum = Tally::default();
    for seed in 1..=60 {
        let tally = plan::run(seed, 60, false).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        sum.add(&tally);
    }
    println!("{sum:?}");
    assert!(sum.found > 1000 && sum.chapters > 100 && sum.crashes > 50);
}
