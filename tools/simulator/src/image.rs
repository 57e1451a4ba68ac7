// SPDX-License-Identifier: GPL-2.0-only

//! Crash images: the states in which a crash can leave both disks.

use crate::disk::{Disk, Sector};
use crate::rng::Rng;

/// Both disks: main and the spare.
pub type Disks = [Disk; 2];

/// Up to about `cap` of the states in which a crash now can leave the disks. All of them if they are few;
/// otherwise all old, all newest, each sector alone old or new, and random ones.
pub fn crash_images(disks: &Disks, cap: usize, rng: &mut Rng) -> Vec<Disks> {
    let undecided: [Vec<(u64, Vec<Sector>)>; 2] = [disks[0].undecided(), disks[1].undecided()];
    let places: Vec<(usize, u64, &Vec<Sector>)> = undecided
        .iter()
        .enumerate()
        .flat_map(|(leg, list)| list.iter().map(move |(at, states)| (leg, *at, states)))
        .collect();
    let combinations = places
        .iter()
        .try_fold(1usize, |product, place| product.checked_mul(place.2.len()));
    let mut choices: Vec<Vec<usize>> = Vec::new();
    match combinations {
        Some(count) if count <= cap => {
            for mut number in 0..count {
                choices.push(
                    places
                        .iter()
                        .map(|place| {
                            let choice = number % place.2.len();
                            number /= place.2.len();
                            choice
                        })
                        .collect(),
                );
            }
        }
        _ => {
            let newest: Vec<usize> = places.iter().map(|place| place.2.len() - 1).collect();
            choices.push(vec![0; places.len()]);
            choices.push(newest.clone());
            let stride = (2 * places.len()).div_ceil(cap).max(1);
            for index in (0..places.len()).step_by(stride) {
                let mut alone = vec![0; places.len()];
                alone[index] = newest[index];
                choices.push(alone);
                let mut missing = newest.clone();
                missing[index] = 0;
                choices.push(missing);
            }
            for _ in 0..cap / 4 {
                choices.push(
                    places
                        .iter()
                        .map(|place| rng.below(place.2.len()))
                        .collect(),
                );
            }
        }
    }
    choices
        .into_iter()
        .map(|choice| {
            let mut decided: [Vec<(u64, Sector)>; 2] = [Vec::new(), Vec::new()];
            for (place, state) in places.iter().zip(choice) {
                decided[place.0].push((place.1, place.2[state].clone()));
            }
            [disks[0].crashed(&decided[0]), disks[1].crashed(&decided[1])]
        })
        .collect()
}

/// One of the states in which a crash now can leave the disks, drawn at random.
pub fn random_image(disks: &Disks, rng: &mut Rng) -> Disks {
    std::array::from_fn(|leg| {
        let decided: Vec<(u64, Sector)> = disks[leg]
            .undecided()
            .into_iter()
            .map(|(at, mut states)| (at, states.swap_remove(rng.below(states.len()))))
            .collect();
        disks[leg].crashed(&decided)
    })
}
