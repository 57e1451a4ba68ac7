// SPDX-License-Identifier: GPL-2.0-only

//! The status line of a spare target, read; and the counters that it tells on request.

use crate::failure::Failure;
use crate::mapper::{spare_target, Mapper, TargetLine};
use serde::Serialize;
use std::collections::BTreeMap;

/// Part of a whole: slots used of all slots, good copies of all copies, mapped blocks of all blocks.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize)]
pub struct Share {
    /// The part.
    pub part: u64,
    /// The whole.
    pub whole: u64,
}

/// What a target says of itself. Fields that this program does not know are kept as they are.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TargetStatus {
    /// Length in sectors.
    pub sectors: u64,
    /// `remap` or `dedup`.
    pub mode: String,
    /// One word: in remap mode `ok`, `degraded`, `failing`, `read_only`, `failed`, `inactive` or `refused`, in dedup mode
    /// `ok`, `full`, `read_only`, `inactive`, `activating` or `refused`.
    pub state: String,
    /// Fields `name=NUMBER`.
    pub counts: BTreeMap<String, u64>,
    /// Fields `name=PART/WHOLE`.
    pub shares: BTreeMap<String, Share>,
    /// Fields `name=NUMBER%`.
    pub percents: BTreeMap<String, u64>,
    /// Fields `name=WORD`: the states of the legs.
    pub words: BTreeMap<String, String>,
    /// Every counter, in dedup mode; none if they could not be had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stats: Option<BTreeMap<String, u64>>,
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
            percents: BTreeMap::new(),
            words: BTreeMap::new(),
            stats: None,
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
            } else if let Some(percent) = parse_percent(value) {
                status.percents.insert(name, percent);
            } else {
                status.words.insert(name, value.to_owned());
            }
        }
        Ok(status)
    }

    /// Whether it is a volume of dedup mode.
    pub fn is_dedup(&self) -> bool {
        self.mode == "dedup"
    }

    /// A count; 0 if the line does not have it.
    pub fn count(&self, name: &str) -> u64 {
        self.counts.get(name).copied().unwrap_or(0)
    }

    /// A share; 0 of 0 if the line does not have it.
    pub fn share(&self, name: &str) -> Share {
        self.shares.get(name).copied().unwrap_or_default()
    }

    /// A percentage; 0 if the line does not have it.
    pub fn percent(&self, name: &str) -> u64 {
        self.percents.get(name).copied().unwrap_or(0)
    }

    /// A word; `unknown` if the line does not have it.
    pub fn word(&self, name: &str) -> &str {
        self.words.get(name).map_or("unknown", String::as_str)
    }

    /// A counter; none if there are none, or not this one.
    pub fn stat(&self, name: &str) -> Option<u64> {
        self.stats.as_ref()?.get(name).copied()
    }
}

/// What the status line of a device says.
///
/// # Errors
///
/// The device does not exist or is no spare device.
pub fn read_line(mapper: &dyn Mapper, name: &str) -> Result<TargetStatus, Failure> {
    TargetStatus::parse(&spare_target(mapper, name)?)
}

/// The same, and in dedup mode every counter. That these cannot be had makes the status line no less true: then, why.
///
/// # Errors
///
/// The device does not exist or is no spare device.
pub fn read_whole(
    mapper: &dyn Mapper,
    name: &str,
) -> Result<(TargetStatus, Option<Failure>), Failure> {
    let line = spare_target(mapper, name)?;
    let mut status = TargetStatus::parse(&line)?;
    if !status.is_dedup() {
        return Ok((status, None));
    }
    let reply = mapper.message(name, line.start, "stats json");
    match reply.and_then(|reply| parse_stats(&reply)) {
        Ok(stats) => {
            status.stats = Some(stats);
            Ok((status, None))
        }
        Err(failure) => Ok((
            status,
            Some(Failure::new(format!("there are no counters: {failure}"))),
        )),
    }
}

/// Reads the reply to the message `stats json`: one object. What is no whole number in it is passed over.
///
/// # Errors
///
/// The reply is no JSON object.
pub fn parse_stats(reply: &str) -> Result<BTreeMap<String, u64>, Failure> {
    let values: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(reply).map_err(|error| {
            Failure::new(format!(
                "the reply `{}` to the message `stats json` is no JSON object ({error}): use the sparectl that came with the module",
                reply.trim()
            ))
        })?;
    Ok(values
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_u64()?)))
        .collect())
}

fn parse_percent(value: &str) -> Option<u64> {
    value.strip_suffix('%')?.parse().ok()
}

fn parse_share(value: &str) -> Option<Share> {
    let (part, whole) = value.split_once('/')?;
    Some(Share {
        part: part.parse().ok()?,
        whole: whole.parse().ok()?,
    })
}
