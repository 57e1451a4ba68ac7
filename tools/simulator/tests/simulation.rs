// SPDX-License-Identifier: GPL-2.0-only

//! A short turn of the simulation, for every run of the tests; the simulator itself runs the long ones.

use dm_spare_simulator::exhaustive::{self, Depth};
use dm_spare_simulator::operation::alphabet;
use dm_spare_simulator::random;
use std::sync::atomic::AtomicUsize;

#[test]
fn every_single_operation_survives_every_crash() {
    let depth = Depth {
        length: 1,
        length_with_lies: 1,
        sample: 16,
    };
    let tally = exhaustive::run(depth, &AtomicUsize::new(0)).expect("nothing promised is lost");
    assert_eq!(
        tally.sequences,
        (alphabet().len() * exhaustive::cases().len()) as u64
    );
}

#[test]
fn random_runs_keep_every_promise() {
    let steps: Vec<u32> = (0..400).collect();
    let mut commits = 0;
    for seed in 1..40 {
        commits += random::run(seed, &steps, false)
            .unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"))
            .commits;
    }
    assert!(
        commits > 100,
        "the runs have hardly done anything: {commits} commits"
    );
}
