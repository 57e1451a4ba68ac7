// SPDX-License-Identifier: GPL-2.0-only

//! A short turn of the simulation of dedup mode, for every run of the tests.

use dm_spare_simulator::dedup::world::Tally;
use dm_spare_simulator::dedup::{exhaustive, plan, scenario};
use std::sync::atomic::AtomicUsize;

#[test]
fn every_single_operation_survives_every_crash() {
    let tally = exhaustive::run(1, &AtomicUsize::new(0)).expect("nothing promised is lost");
    assert_eq!(tally.sequences, exhaustive::alphabet().len() as u64);
}

#[test]
fn what_hardly_ever_happens_breaks_nothing() {
    scenario::run_all().expect("nothing is reused too early");
}

#[test]
fn random_runs_keep_every_promise() {
    let mut sum = Tally::default();
    for seed in 1..60 {
        let tally =
            plan::run(seed, 2000, false).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        sum.add(&tally);
    }
    println!("{sum:?}");
    assert!(sum.joined > 0 && sum.collisions > 0 && sum.without_space > 0 && sum.replayed > 0);
}
