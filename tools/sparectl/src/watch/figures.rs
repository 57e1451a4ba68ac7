// SPDX-License-Identifier: GPL-2.0-only

//! What is shown of a device, by mode.

use super::history::{saving, History, READ, WRITTEN};
use crate::status_line::{Share, TargetStatus};

/// A counter, and its rate.
#[derive(Clone, PartialEq, Debug)]
pub struct Figure {
    /// What it counts.
    pub label: &'static str,
    /// How many.
    pub value: u64,
    /// How many more in a second; none as long as that is not known.
    pub rate: Option<f64>,
}

/// A line of a graph.
#[derive(Clone, PartialEq, Debug)]
pub struct Curve {
    /// What it shows.
    pub label: &'static str,
    /// Age in seconds, as a negative number, and value.
    pub points: Vec<(f64, f64)>,
}

/// Lines with a common scale.
#[derive(Clone, PartialEq, Debug)]
pub struct Graph {
    /// What is counted.
    pub unit: &'static str,
    /// The lines.
    pub curves: Vec<Curve>,
    /// The end of the scale, if it is not the largest value.
    pub end: Option<f64>,
}

/// Counters of remap mode, and their labels.
const REMAP: [(&str, &str); 7] = [
    ("read", READ),
    ("written", WRITTEN),
    ("remapped", "remapped"),
    ("poisoned", "poisoned"),
    ("media errors", "media_errors"),
    ("other errors", "other_errors"),
    ("commits", "commits"),
];
/// Counters of dedup mode, and their labels.
const DEDUP: [(&str, &str); 11] = [
    ("read", READ),
    ("written", WRITTEN),
    ("hits", "hits"),
    ("stored", "stored"),
    ("zeros", "zero_blocks"),
    ("without space", "without_space"),
    ("main errors", "main_errors"),
    ("spare errors", "spare_errors"),
    ("verify failures", "verify_failures"),
    ("check failures", "read_check_failures"),
    ("commits", "batches"),
];

/// Part of each whole that is taken.
pub fn fills(status: &TargetStatus) -> Vec<(&'static str, Share)> {
    let of_line =
        |label: &'static str, name: &str| Some((label, status.shares.get(name).copied()?));
    if !status.is_dedup() {
        return of_line("slots", "slots").into_iter().collect();
    }
    let journal = || {
        let share = Share {
            part: status.stat("journal_taken")?,
            whole: status.stat("journal_blocks")?,
        };
        Some(("journal", share))
    };
    [
        of_line("logical", "mapped"),
        of_line("physical", "used"),
        journal(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What else is said of the device, in one line.
pub fn words(status: &TargetStatus) -> String {
    let mut parts = Vec::new();
    if let Some(saving) = saving(status) {
        parts.push(format!("saving {saving:.1}%"));
    }
    if let Some(copies) = status.shares.get("copies") {
        parts.push(format!("copies {} of {}", copies.part, copies.whole));
    }
    for (name, word) in &status.words {
        parts.push(format!("{} {word}", name.replace('_', " ")));
    }
    parts.join("   ")
}

/// The counters that there are.
pub fn figures(status: &TargetStatus, history: &History) -> Vec<Figure> {
    let names: &[(&'static str, &str)] = if status.is_dedup() { &DEDUP } else { &REMAP };
    names
        .iter()
        .filter_map(|&(label, name)| {
            Some(Figure {
                label,
                value: history.newest()?.count(name)?,
                rate: history.rate(name),
            })
        })
        .collect()
}

/// What is drawn over time: rates, and what they lead to.
pub fn graphs(status: &TargetStatus, history: &History) -> [Graph; 2] {
    let rate = |label, name| Curve {
        label,
        points: history.rates(name),
    };
    let value = |label, name| Curve {
        label,
        points: history.values(name),
    };
    let mut rates = Graph {
        unit: "blocks/s",
        curves: vec![rate("read", READ), rate("written", WRITTEN)],
        end: None,
    };
    if !status.is_dedup() {
        let moved = Graph {
            unit: "blocks",
            curves: vec![
                value("remapped", "remapped"),
                value("poisoned", "poisoned"),
                value("media errors", "media_errors"),
            ],
            end: None,
        };
        return [rates, moved];
    }
    rates.curves.push(rate("hits", "hits"));
    let saving = Graph {
        unit: "%",
        curves: vec![Curve {
            label: "saving",
            points: history.savings(),
        }],
        end: Some(100.0),
    };
    [rates, saving]
}
