// SPDX-License-Identifier: GPL-2.0-only

//! What was counted at which moment, and the rates that follow.

use crate::mapper::Traffic;
use crate::status_line::TargetStatus;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Blocks that were read from the device, among the counters of a sample. The target's own names have no blanks.
pub const READ: &str = "blocks read";
/// Blocks that were written to the device.
pub const WRITTEN: &str = "blocks written";

/// What was counted at one moment.
#[derive(Clone, PartialEq, Debug)]
pub struct Sample {
    at: Duration,
    counters: BTreeMap<String, u64>,
    saving: Option<f64>,
}

impl Sample {
    /// What a device says `at` this time after the first sample.
    pub fn new(at: Duration, status: &TargetStatus, traffic: Option<Traffic>) -> Self {
        let mut counters = status.stats.clone().unwrap_or_default();
        counters.extend(
            status
                .counts
                .iter()
                .map(|(name, value)| (name.clone(), *value)),
        );
        if let Some(traffic) = traffic {
            counters.insert(READ.to_owned(), traffic.read);
            counters.insert(WRITTEN.to_owned(), traffic.written);
        }
        Self {
            at,
            counters,
            saving: saving(status),
        }
    }

    /// A counter, if there is one of this name.
    pub fn count(&self, name: &str) -> Option<u64> {
        self.counters.get(name).copied()
    }
}

/// Percent of the mapped blocks that need no block of their own, finer than the status line has it; none in remap mode.
pub fn saving(status: &TargetStatus) -> Option<f64> {
    let mapped = status.shares.get("mapped")?.part;
    let used = status.shares.get("used")?.part;
    if mapped == 0 {
        return Some(0.0);
    }
    Some(mapped.saturating_sub(used) as f64 * 100.0 / mapped as f64)
}

/// The newest samples, oldest first.
#[derive(Debug)]
pub struct History {
    samples: VecDeque<Sample>,
    most: usize,
}

impl History {
    /// An empty history that keeps `most` samples.
    pub fn new(most: usize) -> Self {
        Self {
            samples: VecDeque::new(),
            most,
        }
    }

    /// Adds the newest sample; the oldest one may be forgotten.
    pub fn push(&mut self, sample: Sample) {
        self.samples.push_back(sample);
        while self.samples.len() > self.most {
            self.samples.pop_front();
        }
    }

    /// The newest sample.
    pub fn newest(&self) -> Option<&Sample> {
        self.samples.back()
    }

    /// By how much a counter has grown in a second, between the two newest samples; none if there is no such pair, or if the
    /// counter has shrunk, as when the device was created anew.
    pub fn rate(&self, name: &str) -> Option<f64> {
        let mut newest = self.samples.iter().rev();
        let (new, old) = (newest.next()?, newest.next()?);
        growth(old, new, name)
    }

    /// The rates of a counter, each with its age in seconds as a negative number.
    pub fn rates(&self, name: &str) -> Vec<(f64, f64)> {
        self.samples
            .iter()
            .zip(self.samples.iter().skip(1))
            .filter_map(|(old, new)| Some((self.age(new), growth(old, new, name)?)))
            .collect()
    }

    /// The values of a counter, with their ages.
    pub fn values(&self, name: &str) -> Vec<(f64, f64)> {
        self.samples
            .iter()
            .filter_map(|sample| Some((self.age(sample), sample.count(name)? as f64)))
            .collect()
    }

    /// The saving in percent, with ages.
    pub fn savings(&self) -> Vec<(f64, f64)> {
        self.samples
            .iter()
            .filter_map(|sample| Some((self.age(sample), sample.saving?)))
            .collect()
    }

    /// Seconds from the oldest to the newest sample.
    pub fn seconds(&self) -> f64 {
        self.samples.front().map_or(0.0, |oldest| -self.age(oldest))
    }

    fn age(&self, sample: &Sample) -> f64 {
        let newest = self.newest().map_or(sample.at, |newest| newest.at);
        sample.at.as_secs_f64() - newest.as_secs_f64()
    }
}

fn growth(old: &Sample, new: &Sample, name: &str) -> Option<f64> {
    let seconds = new.at.checked_sub(old.at)?.as_secs_f64();
    let more = new.count(name)?.checked_sub(old.count(name)?)?;
    (seconds > 0.0).then(|| more as f64 / seconds)
}
