// SPDX-License-Identifier: GPL-2.0-only

//! What the user was promised, sector by sector.
//!
//! While nothing crashes a read returns the last acknowledged write, or one that is not acknowledged, or failed,
//! since. After a crash it may also return what was acknowledged since the last flush, or the state of that flush.

/// What a sector can hold: the mark of the write it came from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Value {
    /// The content with this mark.
    Mark(u64),
    /// Known to be lost: reads fail.
    Lost,
}

/// The operation that faults go under.
const FAULT: usize = usize::MAX - 1;

#[derive(Clone, Debug)]
struct Written {
    operation: usize,
    value: Value,
    acknowledged: bool,
}

#[derive(Clone, Debug)]
struct SectorModel {
    /// What a crash may go back to.
    floor: Vec<Value>,
    since: Vec<Written>,
}

/// The promise for every sector of main.
#[derive(Clone, Debug)]
pub struct Model {
    sectors: Vec<SectorModel>,
}

impl Model {
    /// Every sector holds what `initial` says.
    pub fn new(sectors: u64, initial: impl Fn(u64) -> Vec<Value>) -> Self {
        Self {
            sectors: (0..sectors)
                .map(|at| SectorModel {
                    floor: initial(at),
                    since: Vec::new(),
                })
                .collect(),
        }
    }

    /// A write has been submitted.
    pub fn submit(&mut self, operation: usize, at: u64, value: Value) {
        self.sectors[at as usize].since.push(Written {
            operation,
            value,
            acknowledged: false,
        });
    }

    /// A write has been acknowledged.
    pub fn acknowledge(&mut self, operation: usize, at: u64, durable: bool) {
        let sector = &mut self.sectors[at as usize];
        let Some(index) = sector.since.iter().position(|written| written.operation == operation) else {
            return;
        };
        sector.since[index].acknowledged = true;
        if durable {
            sector.floor = vec![sector.since[index].value];
            sector.since.drain(..=index);
        }
    }

    /// What a flush that is submitted now will promise: how many writes of each sector, and the values then allowed.
    pub fn flush_point(&self) -> Vec<(usize, Vec<Value>)> {
        // Writes are not removed while a flush is under way, except by FUA, which promises more.
        self.sectors.iter().map(|sector| (sector.since.last().map_or(usize::MAX, |w| w.operation), allowed_now(sector))).collect()
    }

    /// A flush has been acknowledged.
    pub fn flushed(&mut self, point: &[(usize, Vec<Value>)]) {
        for (sector, (last, floor)) in self.sectors.iter_mut().zip(point) {
            if let Some(index) = sector.since.iter().position(|written| written.operation == *last) {
                let undecided: Vec<Written> =
                    sector.since.drain(..=index).filter(|written| !written.acknowledged).collect();
                sector.floor = floor.clone();
                // A write that was in flight at the flush may still land after it.
                for (place, written) in undecided.into_iter().enumerate() {
                    sector.since.insert(place, written);
                }
            }
        }
    }

    /// What a read may return now.
    pub fn allowed(&self, at: u64) -> Vec<Value> {
        allowed_now(&self.sectors[at as usize])
    }

    /// What a read may return after a crash now.
    pub fn allowed_after_crash(&self, at: u64) -> Vec<Value> {
        let sector = &self.sectors[at as usize];
        let mut values = sector.floor.clone();
        values.extend(sector.since.iter().map(|written| written.value));
        values
    }

    /// The promise after a crash.
    pub fn crashed(&self) -> Self {
        Self::new(self.sectors.len() as u64, |at| self.allowed_after_crash(at))
    }

    /// A read after a crash has returned `value`: it must stay so.
    pub fn observe(&mut self, at: u64, value: Value) {
        let sector = &mut self.sectors[at as usize];
        if sector.since.is_empty() {
            sector.floor = vec![value];
        }
    }

    /// A fault has made the sector's loss possible.
    pub fn may_be_lost(&mut self, at: u64) {
        self.submit(FAULT, at, Value::Lost);
    }
}

fn allowed_now(sector: &SectorModel) -> Vec<Value> {
    let newest = sector.since.iter().rposition(|written| written.acknowledged);
    let (mut values, rest) = match newest {
        Some(index) => (vec![sector.since[index].value], &sector.since[index + 1..]),
        None => (sector.floor.clone(), &sector.since[..]),
    };
    values.extend(rest.iter().map(|written| written.value));
    values
}
