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
    /// How often the floor has changed.
    settled: u64,
}

/// What a flush will promise about one sector.
#[derive(Clone, Debug)]
pub struct FlushPoint {
    settled: u64,
    floor: Vec<Value>,
    /// Writes that the flush covers.
    acknowledged: Vec<usize>,
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
                    settled: 0,
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
        let Some(index) = sector
            .since
            .iter()
            .position(|written| written.operation == operation)
        else {
            return;
        };
        sector.since[index].acknowledged = true;
        if durable {
            sector.settled += 1;
            sector.floor = vec![sector.since[index].value];
            sector.since.drain(..=index);
        }
    }

    /// What a flush that is submitted now will promise.
    pub fn flush_point(&self) -> Vec<FlushPoint> {
        self.sectors
            .iter()
            .map(|sector| FlushPoint {
                settled: sector.settled,
                floor: allowed_now(sector),
                acknowledged: sector
                    .since
                    .iter()
                    .filter(|w| w.acknowledged)
                    .map(|w| w.operation)
                    .collect(),
            })
            .collect()
    }

    /// A flush has been acknowledged.
    pub fn flushed(&mut self, points: &[FlushPoint]) {
        for (sector, point) in self.sectors.iter_mut().zip(points) {
            // A FUA write or another flush that ended meanwhile has promised more.
            if sector.settled == point.settled {
                sector.settled += 1;
                sector.floor.clone_from(&point.floor);
                sector
                    .since
                    .retain(|written| !point.acknowledged.contains(&written.operation));
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
    let newest = sector
        .since
        .iter()
        .rposition(|written| written.acknowledged);
    let (mut values, rest) = match newest {
        Some(index) => (vec![sector.since[index].value], &sector.since[index + 1..]),
        None => (sector.floor.clone(), &sector.since[..]),
    };
    values.extend(rest.iter().map(|written| written.value));
    values
}
