// SPDX-License-Identifier: GPL-2.0-only

//! A short turn of the simulation, for every run of the tests; the simulator itself runs the long ones.

use dm_spare_simulator::exhaustive::{self, Depth};
use dm_spare_simulator::random;

#[test]
fn every_single_operation_survives_every_crash() {
    let depth = Depth {
        images: 12,
        images_in_recovery: 2,
    };
    let tally = exhaustive::run(1, depth, 0, 1).expect("nothing promised is lost");
    assert_eq!(
        tally.cases,
        (exhaustive::alphabet().len() * exhaustive::cases().len()) as u64
    );
}

#[test]
fn random_runs_keep_every_promise() {
    let mut commits = 0;
    for seed in 1..40 {
        commits += random::run(seed, 400, false)
            .unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"))
            .commits;
    }
    assert!(
        commits > 100,
        "the runs have hardly done anything: {commits} commits"
    );
}
