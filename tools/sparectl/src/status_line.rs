// SPDX-License-Identifier: GPL-2.0-only

//! The status line of a spare target, read.

use crate::failure::Failure;
use crate::mapper::TargetLine;
use serde::Serialize;
use std::collections::BTreeMap;

/// Part of a whole: slots used of all slots, good copies of all copies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Share {
    /// The part.
    pub part: u64,
    /// The whole.
    pub whole: u64,
}

/// What a status line says. Fields that this program does not know are kept as they are.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TargetStatus {
    /// Length in sectors.
    pub sectors: u64,
    /// `remap`.
    pub mode: String,
    /// `ok`, `degraded`, `failing`, `read_only`, `failed`, `inactive` or `refused`.
    pub state: String,
    /// Fields `name=NUMBER`.
    pub counts: BTreeMap<String, u64>,
    /// Fields `name=PART/WHOLE`.
    pub shares: BTreeMap<String, Share>,
    /// Fields `name=WORD`: the states of the legs.
    pub words: BTreeMap<String, String>,
}

impl TargetStatus {
    /// Reads a status line.
    ///
    /// # Errors
    ///
    /// A line without mode and state, or with a word that is no field.
    pub fn parse(line: &TargetLine) -> Result<Self, Failure> {
        let wrong = |what: &str| {
            Failure::new(format!(
                "the status line `{}` {what}: use the sparectl that came with the module",
                line.words
            ))
        };
        let mut words = line.words.split_whitespace();
        let (Some(mode), Some(state)) = (words.next(), words.next()) else {
            return Err(wrong("has no mode and state"));
        };
        let mut status = Self {
            sectors: line.length,
            mode: mode.to_owned(),
            state: state.to_owned(),
            counts: BTreeMap::new(),
            shares: BTreeMap::new(),
            words: BTreeMap::new(),
        };
        for word in words {
            let Some((name, value)) = word.split_once('=') else {
                return Err(wrong(&format!("holds `{word}`, which is no field")));
            };
            let name = name.to_owned();
            if let Ok(number) = value.parse() {
                status.counts.insert(name, number);
            } else if let Some(share) = parse_share(value) {
                status.shares.insert(name, share);
            } else {
                status.words.insert(name, value.to_owned());
            }
        }
        Ok(status)
    }

    /// A count; 0 if the line does not have it.
    pub fn count(&self, name: &str) -> u64 {
        self.counts.get(name).copied().unwrap_or(0)
    }
}

fn parse_share(value: &str) -> Option<Share> {
    let (part, whole) = value.split_once('/')?;
    Some(Share {
        part: part.parse().ok()?,
        whole: whole.parse().ok()?,
    })
}
