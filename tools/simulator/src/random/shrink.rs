// SPDX-License-Identifier: GPL-2.0-only

//! Makes a failing run shorter: leaves steps out for as long as it still fails.

use super::run;
use crate::world::Wrong;

/// Most runs that are spent on it.
const RUNS_MAXIMUM: u32 = 600;

/// The steps that are left of a failing run, and what is wrong with them.
pub fn shrink(seed: u64, steps: &[u32], wrong: Wrong) -> (Vec<u32>, Wrong) {
    let mut best = (steps.to_vec(), wrong);
    let mut runs = 0;
    let mut size = best.0.len().div_ceil(2);
    while size != 0 {
        let mut at = 0;
        let mut shorter = false;
        while at < best.0.len() && runs < RUNS_MAXIMUM {
            let mut fewer = best.0.clone();
            fewer.drain(at..(at + size).min(fewer.len()));
            runs += 1;
            match run(seed, &fewer, false) {
                Err(wrong) => {
                    best = (fewer, wrong);
                    shorter = true;
                }
                Ok(_) => at += size,
            }
        }
        if !(shorter && size == 1) {
            size /= 2;
        }
    }
    best
}

/// Steps as a list with ranges, as `--keep` takes them.
pub fn list(steps: &[u32]) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut rest = steps;
    while let Some(first) = rest.first() {
        let run = rest
            .iter()
            .zip(*first..)
            .take_while(|(step, expected)| **step == *expected)
            .count();
        let last = rest[run - 1];
        words.push(if run == 1 {
            first.to_string()
        } else {
            format!("{first}-{last}")
        });
        rest = &rest[run..];
    }
    words.join(",")
}

/// Reads such a list.
///
/// # Errors
///
/// Names the word that is neither a number nor a range.
pub fn parse(text: &str) -> Result<Vec<u32>, String> {
    let mut steps = Vec::new();
    for word in text.split(',').filter(|word| !word.is_empty()) {
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        match (first.parse::<u32>(), last.parse::<u32>()) {
            (Ok(first), Ok(last)) if first <= last => steps.extend(first..=last),
            _ => {
                return Err(format!(
                    "`{word}` is no step: give numbers and ranges such as 3,9-12"
                ))
            }
        }
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::{list, parse};

    #[test]
    fn a_list_that_is_printed_is_read_again() {
        for (steps, text) in [
            (vec![], ""),
            (vec![3], "3"),
            (vec![0, 1, 2, 9, 11, 12], "0-2,9,11-12"),
        ] {
            assert_eq!(list(&steps), text);
            assert_eq!(parse(text), Ok(steps));
        }
        assert!(parse("3-1").is_err() && parse("x").is_err());
    }
}
