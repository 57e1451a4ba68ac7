// SPDX-License-Identifier: GPL-2.0-only

//! Where each sector of main is served: read by every CPU without a lock while the engine changes it.
//!
//! # Ownership and order
//!
//! One writer, the engine, which the shell holds under its mutex; any number of readers in any context. A reader
//! looks at the busy ranges first and at the table after. The writer publishes an entry first and takes the busy
//! range away after, with release. So a reader that no longer sees a block busy sees its entry; and a reader that
//! looked before the block became busy has its write waited for by the quiesce that follows.

mod busy;
mod filter;
mod table;
#[cfg(test)]
mod tests;

use super::format::Record;
use super::units::{sector_mask, Lbn, Slot, SECTORS_PER_BLOCK};
use busy::Busy;
use filter::Filter;
use kernel::alloc::{AllocError, Flags};
use table::Table;

/// What to do with the front of a bio; `sectors` is how much of it this covers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Send it to the same sectors of main.
    Main {
        /// How much.
        sectors: u32,
    },
    /// Send it to the spare.
    Slot {
        /// Where to.
        sector_on_spare: u64,
        /// How much.
        sectors: u32,
    },
    /// Hold all of the bio and give it to the engine.
    Hold,
    /// A read of lost sectors: an I/O error.
    Poisoned {
        /// How much.
        sectors: u32,
    },
}

/// How the table serves a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub(super) slot: Option<Slot>,
    pub(super) mask: u8,
    pub(super) uncommitted: bool,
}

/// Where each sector of main is served.
pub struct Lookup {
    busy: Busy,
    filter: Filter,
    table: Table,
}

impl Lookup {
    /// Serves nothing until [`Lookup::open`]: every bio is held.
    pub(super) fn new(
        main_blocks: u64,
        capacity: u64,
        ranges: u32,
        flags: Flags,
    ) -> Result<Self, AllocError> {
        Ok(Self {
            busy: Busy::new(ranges, flags)?,
            filter: Filter::new(main_blocks, flags)?,
            table: Table::new(capacity, flags)?,
        })
    }

    /// Decides what to do with the front of a bio. Any context; takes no lock and never waits.
    ///
    /// `sector` is relative to the beginning of main; `sectors` is at least 1. Writing zeros is a write.
    pub fn decide(&self, sector: u64, sectors: u32, write: bool) -> Verdict {
        if self
            .busy
            .overlaps(first_block(sector), last_block(sector, sectors))
        {
            return Verdict::Hold;
        }
        self.locate(sector, sectors, write)
    }

    /// As [`Lookup::decide`], for a bio that nothing busy overlaps, or that may go past it.
    pub fn locate(&self, sector: u64, sectors: u32, write: bool) -> Verdict {
        let (first, last) = (first_block(sector), last_block(sector, sectors));
        if !self.filter.may_hold(first, last) {
            return Verdict::Main { sectors };
        }
        match self.entry(Lbn(first)) {
            None => self.main_run(sector, sectors, last),
            Some(entry) if write && (entry.uncommitted || entry.mask != 0) => Verdict::Hold,
            Some(entry) => self.entry_run(entry, sector, sectors, write),
        }
    }

    /// How far from `sector` on the blocks have no entry.
    fn main_run(&self, sector: u64, sectors: u32, last: u64) -> Verdict {
        let mut lbn = first_block(sector).saturating_add(1);
        while lbn <= last {
            if !self.filter.may_hold(lbn, lbn) {
                lbn = self.filter.next_region(lbn);
            } else if self.entry(Lbn(lbn)).is_some() {
                let before = lbn.saturating_mul(SECTORS_PER_BLOCK).saturating_sub(sector);
                return Verdict::Main {
                    sectors: u32::try_from(before).unwrap_or(sectors).min(sectors),
                };
            } else {
                lbn = lbn.saturating_add(1);
            }
        }
        Verdict::Main { sectors }
    }

    /// How far from `sector` on the blocks are served the same way, one slot behind the other.
    fn entry_run(&self, entry: Entry, sector: u64, sectors: u32, write: bool) -> Verdict {
        let end = sector.saturating_add(u64::from(sectors));
        let poisoned = is_poisoned(entry, sector);
        let start = match entry.slot {
            Some(slot) if !poisoned => slot.first_sector() + sector % SECTORS_PER_BLOCK,
            _ => 0,
        };
        let mut current = entry;
        let mut at = sector;
        loop {
            at = at.saturating_add(1);
            if at >= end {
                break;
            }
            if at % SECTORS_PER_BLOCK == 0 {
                match self.entry(Lbn(at / SECTORS_PER_BLOCK)) {
                    Some(next) if !(write && (next.uncommitted || next.mask != 0)) => {
                        current = next
                    }
                    _ => break,
                }
            }
            if is_poisoned(current, at) != poisoned {
                break;
            }
            let here = current
                .slot
                .map_or(0, |slot| slot.first_sector() + at % SECTORS_PER_BLOCK);
            if !poisoned && here != start + (at - sector) {
                break;
            }
        }
        let run = u32::try_from(at - sector).unwrap_or(sectors).min(sectors);
        if poisoned {
            Verdict::Poisoned { sectors: run }
        } else {
            Verdict::Slot {
                sector_on_spare: start,
                sectors: run,
            }
        }
    }

    /// How the table serves a block; none means from main.
    pub(super) fn entry(&self, lbn: Lbn) -> Option<Entry> {
        // The value zero stands for a block that was given back to main.
        self.table
            .get(lbn.0)
            .filter(|value| *value != 0)
            .map(unpack)
    }

    /// Has main serve a block again. While somebody goes through the positions no entry may move, and the block keeps
    /// its place until [`Lookup::sweep`].
    pub(super) fn forget(&self, lbn: Lbn, keep_place: bool) {
        if keep_place {
            self.table.vacate(lbn.0);
        } else {
            self.table.remove(lbn.0);
        }
    }

    /// Frees the places that forgotten blocks have kept.
    pub(super) fn sweep(&self) {
        if self.table.has_vacant() {
            self.table.sweep();
        }
    }

    /// Whether an entry for this block needs no place that is not its own.
    pub(super) fn has_place(&self, lbn: Lbn) -> bool {
        self.table.has_place(lbn.0)
    }

    /// Makes an entry visible; false if the table is full.
    pub(super) fn publish(&self, record: &Record, uncommitted: bool) -> bool {
        // ORDERING: a reader whose filter is still clear goes to main; it is either a read that began before this
        // change was acknowledged, or a write that the quiesce before it has waited for.
        self.filter.mark(record.lbn.0);
        self.table.put(record.lbn.0, pack(record, uncommitted))
    }

    /// Places of the table in use, those that forgotten blocks have kept included.
    pub(super) fn entries(&self) -> u64 {
        self.table.len()
    }

    /// Positions that [`Lookup::at`] accepts.
    pub(super) fn positions(&self) -> usize {
        self.table.positions()
    }

    /// The entry at a position of the table, whatever its block.
    pub(super) fn at(&self, position: usize) -> Option<(Record, Entry)> {
        let (lbn, value) = self.table.at(position).filter(|(_, value)| *value != 0)?;
        let entry = unpack(value);
        let record = Record {
            lbn: Lbn(lbn),
            slot: entry.slot,
            mask: entry.mask,
        };
        Some((record, entry))
    }

    /// Takes every mark of an uncertain commit away.
    pub(super) fn mark_all_committed(&self) {
        for position in 0..self.positions() {
            if let Some((record, entry)) = self.at(position) {
                if entry.uncommitted {
                    self.table.put(record.lbn.0, pack(&record, false));
                }
            }
        }
    }

    /// Forgets every entry. Only while everything is held.
    pub(super) fn clear(&self) {
        self.table.clear();
        self.filter.clear();
    }

    /// Holds bios on these blocks from now on.
    pub(super) fn set_busy(&self, range: usize, first: u64, last: u64) {
        self.busy.set(range, first, last);
    }

    /// Lets bios pass again.
    pub(super) fn clear_busy(&self, range: usize) {
        self.busy.clear(range);
    }

    /// Starts serving.
    pub(super) fn open(&self) {
        self.busy.open();
    }

    /// Stops serving: every bio is held.
    pub(super) fn close(&self) {
        self.busy.close();
    }

    /// Memory in bytes.
    pub(super) fn memory(&self) -> u64 {
        self.table.memory() + self.filter.memory()
    }
}

fn first_block(sector: u64) -> u64 {
    sector / SECTORS_PER_BLOCK
}

fn last_block(sector: u64, sectors: u32) -> u64 {
    sector.saturating_add(u64::from(sectors.saturating_sub(1))) / SECTORS_PER_BLOCK
}

fn is_poisoned(entry: Entry, sector: u64) -> bool {
    // CAST: less than 8.
    entry.mask & sector_mask((sector % SECTORS_PER_BLOCK) as u32, 1) != 0
}

const UNCOMMITTED: u64 = 1 << 40;

fn pack(record: &Record, uncommitted: bool) -> u64 {
    u64::from(record.slot.map_or(0, |slot| slot.0))
        | (u64::from(record.mask) << 32)
        | if uncommitted { UNCOMMITTED } else { 0 }
}

fn unpack(value: u64) -> Entry {
    // CAST: the low 32 bits.
    let slot = value as u32;
    Entry {
        slot: (slot != 0).then_some(Slot(slot)),
        // CAST: the eight bits above them.
        mask: (value >> 32) as u8,
        uncommitted: value & UNCOMMITTED != 0,
    }
}
