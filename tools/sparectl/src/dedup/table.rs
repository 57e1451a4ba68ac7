// SPDX-License-Identifier: GPL-2.0-only

//! The option words of a table line of dedup mode.

use super::sizes::{index_mebibytes, journal_mebibytes};
use dm_spare_engine::dedup::format::Geometry;

/// The options that may change with every table; those that are not given keep the target's default.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct TableOptions {
    /// Memory for pages of the map and the pool, in MiB.
    pub cache_mb: Option<u32>,
    /// Milliseconds after which changes are committed for which nobody has asked.
    pub commit_ms: Option<u32>,
    /// The user is told when fewer blocks than this are free.
    pub low_water: Option<u64>,
    /// Blocks that are read are compared with their fingerprints.
    pub check_reads: bool,
}

impl TableOptions {
    /// The option words, without the mode.
    pub fn words(&self) -> Vec<String> {
        let numbers = [
            ("cache_mb", self.cache_mb.map(u64::from)),
            ("commit_ms", self.commit_ms.map(u64::from)),
            ("low_water", self.low_water),
        ];
        let numbers = numbers
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?.to_string())));
        let switches = self.check_reads.then(|| ("check_reads", "on".to_owned()));
        numbers
            .chain(switches)
            .flat_map(|(name, value)| [name.to_owned(), value])
            .collect()
    }
}

/// All words of a volume's table line: the mode, `given`, and what belongs to the volume, unless it is among those.
pub fn words(geometry: &Geometry, given: &[String]) -> Vec<String> {
    let mut words = vec!["mode".to_owned(), "dedup".to_owned()];
    words.extend(given.iter().cloned());
    let of_volume = [
        ("journal_mb", journal_mebibytes(geometry)),
        ("index_memory", index_mebibytes(geometry).map(u64::from)),
    ];
    for (name, value) in of_volume {
        // A name is followed by its value, and no value is a name.
        let is_given = given.iter().any(|word| word == name);
        if let Some(value) = value.filter(|_| !is_given) {
            words.extend([name.to_owned(), value.to_string()]);
        }
    }
    words
}
