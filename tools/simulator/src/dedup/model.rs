// SPDX-License-Identifier: GPL-2.0-only

//! What was promised: which values a block may have, now and after a crash.
//!
//! Each block has a history of writes with the times at which they began and were acknowledged. A write is overwritten
//! for certain only by one that began after its acknowledgement; of two that overlap, either may win.

use super::content::Value;
use std::collections::{BTreeMap, HashMap};

/// A write of one block.
#[derive(Clone, Copy, Debug)]
struct Version {
    request: u32,
    value: Value,
    began: u64,
    acknowledged: Option<u64>,
    /// It survives every crash from now on, or what overwrites it does.
    durable: bool,
}

/// The model.
#[derive(Clone, Debug, Default)]
pub struct Model {
    clock: u64,
    blocks: BTreeMap<u64, Vec<Version>>,
    /// What requests under way write.
    under_way: HashMap<u32, Vec<u64>>,
}

impl Model {
    /// The time.
    pub fn now(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// Blocks that were ever written.
    pub fn blocks(&self) -> impl Iterator<Item = u64> + '_ {
        self.blocks.keys().copied()
    }

    /// A request begins to write a block.
    pub fn begin(&mut self, request: u32, lbn: u64, value: Value) {
        let began = self.now();
        self.under_way.entry(request).or_default().push(lbn);
        let first = Version {
            request: 0,
            value: Value::Zero,
            began: 0,
            acknowledged: Some(0),
            durable: true,
        };
        let history = self.blocks.entry(lbn).or_insert_with(|| vec![first]);
        history.push(Version {
            request,
            value,
            began,
            acknowledged: None,
            durable: false,
        });
    }

    /// A request has been completed; with FUA it is durable.
    pub fn acknowledge(&mut self, request: u32, durable: bool) {
        let now = self.now();
        for lbn in self.under_way.remove(&request).unwrap_or_default() {
            let history = self.blocks.entry(lbn).or_default();
            for version in history.iter_mut().filter(|one| one.request == request) {
                version.acknowledged = Some(now);
                version.durable = durable;
            }
        }
    }

    /// A request has failed without an effect.
    pub fn withdraw(&mut self, request: u32) {
        for lbn in self.under_way.remove(&request).unwrap_or_default() {
            let history = self.blocks.entry(lbn).or_default();
            history.retain(|version| version.request != request);
        }
    }

    /// A flush that began at this time has been completed.
    pub fn flushed(&mut self, began: u64) {
        for history in self.blocks.values_mut() {
            for version in history.iter_mut() {
                version.durable |= version.acknowledged.is_some_and(|time| time < began);
            }
        }
    }

    /// Whether a read that began at this time and ends now may see a value.
    pub fn may_read(&self, lbn: u64, value: Value, began: u64) -> bool {
        let Some(history) = self.blocks.get(&lbn) else {
            return value == Value::Zero;
        };
        history.iter().any(|version| {
            let overwritten = history.iter().any(|other| {
                let ended = other.acknowledged.is_some_and(|time| time < began);
                ended && version.acknowledged.is_some_and(|time| time < other.began)
            });
            version.value == value && !overwritten
        })
    }

    /// Whether a value may be there after a crash now.
    pub fn may_survive(&self, lbn: u64, value: Value) -> bool {
        let Some(history) = self.blocks.get(&lbn) else {
            return value == Value::Zero;
        };
        history.iter().any(|version| {
            let overwritten = history.iter().any(|other| {
                other.durable && version.acknowledged.is_some_and(|time| time < other.began)
            });
            version.value == value && !overwritten
        })
    }

    /// After a crash this is what a block holds, for good.
    pub fn settle(&mut self, lbn: u64, value: Value) {
        let version = Version {
            request: 0,
            value,
            began: 0,
            acknowledged: Some(0),
            durable: true,
        };
        self.blocks.insert(lbn, vec![version]);
    }

    /// What a block may be now, for messages.
    pub fn describe(&self, lbn: u64) -> String {
        format!("{:?}", self.blocks.get(&lbn))
    }
}
