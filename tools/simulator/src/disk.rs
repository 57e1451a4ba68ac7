// SPDX-License-Identifier: GPL-2.0-only

//! A disk with a volatile write cache, bad sectors, a part that lies, and crashes.
//!
//! A flush makes durable what had completed when the flush was submitted; a FUA write is durable when it completes.
//! After a crash each sector, for itself, holds its durable value or any value written since.

pub mod lies;

pub use crate::sector::Sector;
use dm_spare_engine::{ErrorClass, SECTOR_BYTES};
use lies::Liar;
use std::collections::{BTreeMap, BTreeSet};

/// The status that stands for errors which are not about the medium.
pub const TRANSPORT_ERROR: ErrorClass = ErrorClass::Other(5);

#[derive(Clone, Debug)]
struct Volatile {
    value: Sector,
    write: u64,
    /// When the write completed.
    done: Option<u64>,
}

/// The disk.
#[derive(Clone, Debug)]
pub struct Disk {
    durable: Vec<Sector>,
    current: Vec<Sector>,
    volatile: BTreeMap<u64, Vec<Volatile>>,
    /// Sectors whose reads fail until they are overwritten.
    unreadable: BTreeSet<u64>,
    /// Those whose reads fail again after a crash that drops what was written over them.
    durably_unreadable: BTreeSet<u64>,
    /// Sectors whose writes fail.
    pub unwritable: BTreeSet<u64>,
    /// Reads of these sectors fail, for reasons other than the medium.
    pub flaky: std::ops::Range<u64>,
    /// Everything fails as if the medium had.
    pub dead: bool,
    /// Everything fails, for reasons other than the medium.
    pub lost: bool,
    /// A part that lies.
    pub liar: Option<Liar>,
    /// The first sectors of all writes, crashes or not, if somebody wants to know.
    pub written: Option<Vec<u64>>,
    clock: u64,
}

impl Disk {
    /// A disk whose sectors hold what `content` says.
    pub fn new(sectors: u64, content: impl Fn(u64) -> Sector) -> Self {
        let durable: Vec<Sector> = (0..sectors).map(content).collect();
        Self {
            current: durable.clone(),
            durable,
            volatile: BTreeMap::new(),
            unreadable: BTreeSet::new(),
            durably_unreadable: BTreeSet::new(),
            unwritable: BTreeSet::new(),
            flaky: 0..0,
            dead: false,
            lost: false,
            liar: None,
            written: None,
            clock: 0,
        }
    }

    /// Makes the reads of a sector fail until it is overwritten.
    pub fn make_unreadable(&mut self, at: u64) {
        self.unreadable.insert(at);
        self.durably_unreadable.insert(at);
    }

    /// The sectors whose reads fail.
    pub fn unreadable(&self) -> &BTreeSet<u64> {
        &self.unreadable
    }

    /// Size in sectors.
    pub fn sectors(&self) -> u64 {
        self.durable.len() as u64
    }

    /// Reads; the sectors up to a bad one are in the buffer even then.
    pub fn read(&self, sector: u64, out: &mut [u8]) -> Result<(), ErrorClass> {
        if self.dead {
            return Err(ErrorClass::Media);
        }
        if self.lost || self.flaky.contains(&sector) {
            return Err(TRANSPORT_ERROR);
        }
        let stale = self.liar.as_ref().is_some_and(|liar| liar.is_stale(sector));
        for (index, chunk) in out.chunks_mut(SECTOR_BYTES).enumerate() {
            let at = sector + index as u64;
            if self.unreadable.contains(&at) {
                return Err(ErrorClass::Media);
            }
            let before = self.liar.as_ref().filter(|_| stale);
            let content = before
                .and_then(|liar| liar.before(at))
                .unwrap_or(&self.current[at as usize]);
            chunk.copy_from_slice(&content[..]);
        }
        Ok(())
    }

    /// Begins a write: from now on a crash may leave it behind.
    pub fn submit_write(&mut self, sector: u64, data: &[u8]) -> u64 {
        self.clock += 1;
        if self.lost || self.dead {
            return self.clock;
        }
        if let Some(written) = self.written.as_mut() {
            written.push(sector);
        }
        let sectors = (data.len() / SECTOR_BYTES) as u64;
        let place = match self.liar.as_mut() {
            Some(liar) => liar.submit(self.clock, sector, sectors),
            None => Some(sector),
        };
        let Some(sector) = place else {
            return self.clock;
        };
        for (index, chunk) in data.chunks(SECTOR_BYTES).enumerate() {
            let at = sector + index as u64;
            if self.unwritable.contains(&at) {
                break;
            }
            let mut value = [0; SECTOR_BYTES];
            value.copy_from_slice(chunk);
            self.volatile.entry(at).or_default().push(Volatile {
                value: Sector::new(value),
                write: self.clock,
                done: None,
            });
        }
        self.clock
    }

    /// Ends a write.
    pub fn complete_write(
        &mut self,
        write: u64,
        sector: u64,
        sectors: u32,
        fua: bool,
    ) -> Result<(), ErrorClass> {
        self.clock += 1;
        let clock = self.clock;
        let place = match self.liar.as_mut() {
            Some(liar) => liar.complete(write, sector),
            None => Some(sector),
        };
        let Some(sector) = place else {
            return Ok(());
        };
        let range = sector..sector + u64::from(sectors);
        let mut result = Ok(());
        for at in range {
            let mut written = false;
            if let Some(values) = self.volatile.get_mut(&at) {
                if let Some(index) = values.iter().position(|value| value.write == write) {
                    written = true;
                    values[index].done = Some(clock);
                    let new = values[index].value.clone();
                    let old = std::mem::replace(&mut self.current[at as usize], new);
                    if let Some(liar) = self.liar.as_mut() {
                        liar.overwritten(at, &old);
                    }
                    self.unreadable.remove(&at);
                }
            }
            if !written {
                result = Err(if self.dead || self.unwritable.contains(&at) {
                    ErrorClass::Media
                } else {
                    TRANSPORT_ERROR
                });
                break;
            }
        }
        if fua && result.is_ok() {
            for at in sector..sector + u64::from(sectors) {
                self.settle(at, |value| value.write == write);
            }
        }
        result
    }

    /// Begins a flush.
    pub fn submit_flush(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// Ends a flush.
    pub fn complete_flush(&mut self, flush: u64) -> Result<(), ErrorClass> {
        if self.lost || self.dead {
            return Err(if self.lost {
                TRANSPORT_ERROR
            } else {
                ErrorClass::Media
            });
        }
        let sectors: Vec<u64> = self.volatile.keys().copied().collect();
        for at in sectors {
            self.settle(at, |value| value.done.is_some_and(|done| done < flush));
        }
        Ok(())
    }

    /// Makes the newest value that qualifies durable and forgets those that completed before it.
    fn settle(&mut self, at: u64, qualifies: impl Fn(&Volatile) -> bool) {
        let Some(values) = self.volatile.get_mut(&at) else {
            return;
        };
        let newest = values
            .iter()
            .filter(|value| qualifies(value))
            .max_by_key(|value| value.done)
            .cloned();
        if let Some(newest) = newest {
            values.retain(|value| value.done.is_none_or(|done| Some(done) > newest.done));
            self.durable[at as usize] = newest.value;
            self.durably_unreadable.remove(&at);
        }
        if values.is_empty() {
            self.volatile.remove(&at);
        }
    }

    /// The sectors that a crash may leave in more than one state: the durable value first, then the others.
    pub fn undecided(&self) -> Vec<(u64, Vec<Sector>)> {
        let mut list = Vec::new();
        for (at, values) in &self.volatile {
            let mut states = vec![self.durable[*at as usize].clone()];
            // The very same content is another state if it can be read and the durable one cannot.
            let heals = self.durably_unreadable.contains(at);
            for value in values {
                if !states[usize::from(heals)..].contains(&value.value) {
                    states.push(value.value.clone());
                }
            }
            if states.len() > 1 {
                list.push((*at, states));
            }
        }
        list
    }

    /// The disk after a reset of the machine that it did not notice: what was on its way has come into its cache, and can
    /// be read, and a later crash may still lose it.
    pub fn reset(&self) -> Self {
        let mut disk = self.clone();
        for (at, values) in &mut disk.volatile {
            for value in values.iter_mut().filter(|value| value.done.is_none()) {
                disk.clock += 1;
                value.done = Some(disk.clock);
                disk.current[*at as usize] = value.value.clone();
                disk.unreadable.remove(at);
            }
        }
        disk
    }

    /// The disk after a crash that left these sectors as given and all others durable.
    pub fn crashed(&self, decided: &[(u64, Sector)]) -> Self {
        let mut durable = self.durable.clone();
        let mut unreadable = self.durably_unreadable.clone();
        for (at, value) in decided {
            if !durable[*at as usize].is_same_write(value) {
                unreadable.remove(at);
            }
            durable[*at as usize] = value.clone();
        }
        Self {
            current: durable.clone(),
            durable,
            volatile: BTreeMap::new(),
            durably_unreadable: unreadable.clone(),
            unreadable,
            unwritable: self.unwritable.clone(),
            flaky: 0..0,
            dead: self.dead,
            lost: false,
            liar: self.liar.as_ref().map(Liar::crashed),
            written: self.written.clone(),
            clock: 0,
        }
    }

    /// Whether a crash now would leave the same content on both disks, with every write in flight dropped.
    pub fn holds_the_same_as(&self, other: &Self) -> bool {
        self.durable == other.durable && self.volatile.is_empty() == other.volatile.is_empty()
    }

    /// Flips the lowest bit of one byte of a sector from outside, durably.
    pub fn flip(&mut self, at: u64, byte: usize) {
        let mut value = *self.durable[at as usize];
        value[byte] ^= 1;
        self.damage(at..at + 1, |_| Sector::new(value));
    }

    /// Puts other content into a sector of a disk with empty caches; whether it can be read stays as it is.
    pub fn replace(&mut self, at: u64, content: &Sector) {
        self.durable[at as usize] = content.clone();
        self.current[at as usize] = content.clone();
    }

    /// What a sector holds durably.
    pub fn durable(&self, at: u64) -> &Sector {
        &self.durable[at as usize]
    }

    /// The sectors whose reads fail after a crash that drops what was written over them.
    pub fn durably_unreadable(&self) -> &BTreeSet<u64> {
        &self.durably_unreadable
    }

    /// Overwrites sectors from outside, durably.
    pub fn damage(&mut self, sectors: std::ops::Range<u64>, content: impl Fn(u64) -> Sector) {
        for at in sectors {
            let value = content(at);
            self.durable[at as usize] = value.clone();
            self.current[at as usize] = value;
            self.volatile.remove(&at);
        }
    }
}
