// SPDX-License-Identifier: GPL-2.0-only

//! Activation, second half: reading a set's table.
//!
//! The newest checkpoint of which every part is valid on some copy, then the log blocks behind it, each from any
//! copy that has it, up to the first that no copy has. A log block beyond that one means that something which was
//! acknowledged is missing: refused. What was found then goes to every copy as a checkpoint of a new epoch before
//! anything is served, so that a half-written tail is decided once.

use super::loader::{Head, Step};
use super::CopyState;
use crate::engine::format::header::{FLAG_CLEAN, FLAG_LAST};
use crate::engine::format::{Kind, Record, TableBlock};
use crate::engine::units::Lbn;
use crate::engine::{Engine, ErrorClass, Refusal};

impl Engine {
    /// Reads the first block of an area; behind the last one, chooses a checkpoint.
    pub(super) fn read_head(&mut self, copy: u8, area: u8) {
        let Some(set) = self.set else {
            return;
        };
        match set.layout.checkpoint(copy, area, 0) {
            Some(block) if copy < set.layout.copies => {
                self.loader.read(Step::Head { copy, area }, block)
            }
            _ => self.next_candidate(),
        }
    }

    pub(super) fn head_read(&mut self, copy: u8, area: u8, result: Result<(), ErrorClass>) {
        if let Some(head) = self.valid_head(copy, area, result) {
            self.loader.greatest = self.loader.greatest.max(head.base);
            let heads = &mut self.loader.heads;
            let known = heads
                .iter()
                .flatten()
                .any(|other| other.sequence == head.sequence);
            if let (false, Some(place)) = (known, heads.iter_mut().find(|place| place.is_none())) {
                *place = Some(head);
            }
        }
        if area == 0 {
            self.read_head(copy, 1);
        } else {
            self.read_head(copy + 1, 0);
        }
    }

    fn valid_head(&self, copy: u8, area: u8, result: Result<(), ErrorClass>) -> Option<Head> {
        result.ok()?;
        let set = self.set?;
        let bytes = &self.loader.buffer.as_ref()?.0[..];
        let address = set.layout.checkpoint(copy, area, 0)?;
        let header = TableBlock::decode(bytes, address, Kind::Checkpoint, self.checksum)
            .ok()?
            .header;
        (header.uuid == set.uuid && header.index == 0).then_some(Head {
            sequence: header.sequence,
            base: header.tid,
            epoch: header.epoch,
            area,
            members: header.members,
        })
    }

    /// Goes on with the newest checkpoint that was not tried yet.
    fn next_candidate(&mut self) {
        self.lookup.clear();
        let heads = self.loader.heads.iter_mut().filter(|place| place.is_some());
        let newest = if seeded!("oldest_checkpoint_wins") {
            heads.min_by_key(|place| place.map(|head| head.base))
        } else {
            heads.max_by_key(|place| place.map(|head| head.base))
        };
        let Some(head) = newest.and_then(Option::take) else {
            self.refuse(Refusal::NoCheckpoint);
            return;
        };
        self.loader.head = Some(head);
        self.read_part(0, 0);
    }

    fn read_part(&mut self, index: u64, copy: u8) {
        let (Some(set), Some(head)) = (self.set, self.loader.head) else {
            return;
        };
        match set.layout.checkpoint(copy, head.area, index) {
            Some(block) if copy < set.layout.copies => {
                self.loader.read(Step::Part { index, copy }, block)
            }
            _ => self.next_candidate(),
        }
    }

    pub(super) fn part_read(&mut self, index: u64, copy: u8, result: Result<(), ErrorClass>) {
        let (Some(set), Some(head)) = (self.set, self.loader.head) else {
            return;
        };
        let address = set.layout.checkpoint(copy, head.area, index).unwrap_or(0);
        let taken = self.take_records(address, Kind::Checkpoint, result, |header| {
            header.sequence == head.sequence && u64::from(header.index) == index
        });
        match taken {
            Ok(Some(header))
                if header.flags & FLAG_LAST != 0 || seeded!("rest_of_checkpoint_ignored") =>
            {
                self.loader.members = head.members;
                self.loader.unreadable = 0;
                self.read_log(head.base + 1, 0);
            }
            Ok(Some(_)) => self.read_part(index + 1, 0),
            Ok(None) => self.read_part(index, copy + 1),
            Err(refusal) => self.refuse(refusal),
        }
    }

    fn read_log(&mut self, tid: u64, copy: u8) {
        let (Some(set), Some(head)) = (self.set, self.loader.head) else {
            return;
        };
        let stop = tid.saturating_sub(1);
        if tid > head.base + set.layout.ring_blocks {
            self.log_ends(stop);
        } else if copy < set.layout.copies {
            self.loader
                .read(Step::Log { tid, copy }, set.layout.log(copy, tid));
        } else if self.loader.members != 0
            && self.loader.unreadable & self.loader.members == self.loader.members
        {
            self.refuse(Refusal::LogUnreadable { tid });
        } else {
            self.log_ends(stop);
        }
    }

    pub(super) fn log_read(&mut self, tid: u64, copy: u8, result: Result<(), ErrorClass>) {
        let (Some(set), Some(head)) = (self.set, self.loader.head) else {
            return;
        };
        if result.is_err() {
            self.loader.unreadable |= 1 << copy;
        }
        let address = set.layout.log(copy, tid);
        let taken = self.take_records(address, Kind::Log, result, |header| {
            header.tid == tid && header.epoch == head.epoch
        });
        match taken {
            Ok(Some(header)) => {
                self.loader.was_clean = header.flags & FLAG_CLEAN != 0;
                self.loader.members = header.members;
                self.loader.unreadable = 0;
                self.read_log(tid + 1, 0);
            }
            Ok(None) if seeded!("first_copy_only") => self.log_ends(tid.saturating_sub(1)),
            Ok(None) => self.read_log(tid, copy + 1),
            Err(refusal) => self.refuse(refusal),
        }
    }

    /// The table is complete up to transaction `stop`; makes sure that nothing lies beyond.
    fn log_ends(&mut self, stop: u64) {
        self.lineage.last = stop;
        self.loader.greatest = self.loader.greatest.max(stop);
        self.read_tail(stop + 1, 0);
    }

    fn read_tail(&mut self, tid: u64, copy: u8) {
        let Some(set) = self.set else {
            return;
        };
        if tid > self.lineage.last + set.layout.ring_blocks {
            self.table_is_read();
        } else {
            self.loader
                .read(Step::Tail { tid, copy }, set.layout.log(copy, tid));
        }
    }

    pub(super) fn tail_read(&mut self, tid: u64, copy: u8, result: Result<(), ErrorClass>) {
        let (Some(set), stop) = (self.set, self.lineage.last) else {
            return;
        };
        let bytes = self.loader.buffer.as_ref().map(|buffer| &buffer.0[..]);
        if let (Ok(()), Some(bytes)) = (result, bytes) {
            let address = set.layout.log(copy, tid);
            if let Ok(block) = TableBlock::decode(bytes, address, Kind::Log, self.checksum) {
                if block.header.uuid == set.uuid && block.header.tid > stop {
                    let base = self.loader.head.map(|head| head.base);
                    if self
                        .loader
                        .heads
                        .iter()
                        .flatten()
                        .any(|other| Some(other.base) == base)
                    {
                        // Another checkpoint is as new as this one, and the block may continue that.
                        self.next_candidate();
                        return;
                    }
                    self.refuse(Refusal::LogGap {
                        missing: stop + 1,
                        later: block.header.tid,
                    });
                    return;
                }
            }
        }
        if copy + 1 < set.layout.copies {
            self.read_tail(tid, copy + 1);
        } else {
            self.read_tail(tid + 1, 0);
        }
    }

    /// Applies the records of the block in the buffer, if it is the one that is wanted.
    fn take_records(
        &mut self,
        address: u64,
        kind: Kind,
        result: Result<(), ErrorClass>,
        wanted: impl Fn(&crate::engine::format::Header) -> bool,
    ) -> Result<Option<crate::engine::format::Header>, Refusal> {
        let (Some(set), Some(buffer), Ok(())) = (self.set, self.loader.buffer.as_ref(), result)
        else {
            return Ok(None);
        };
        let block = match TableBlock::decode(&buffer.0, address, kind, self.checksum) {
            Ok(block) if block.header.uuid == set.uuid && wanted(&block.header) => block,
            _ => return Ok(None),
        };
        for record in block.records() {
            self.check_record(&record)?;
            if seeded!("first_record_wins") && self.lookup.entry(record.lbn).is_some() {
                continue;
            }
            if record.is_returned() {
                self.lookup.forget(record.lbn, false);
            } else if !self.lookup.publish(&record, false) {
                return Err(Refusal::TableFull);
            }
        }
        Ok(Some(block.header))
    }

    fn check_record(&self, record: &Record) -> Result<(), Refusal> {
        let on_main = record.lbn.0 < self.main_blocks();
        let valid = self.valid_sectors(record.lbn);
        let mask_fits = record.mask & !valid == 0
            && (record.slot.is_some() || record.mask == valid || record.is_returned());
        let on_spare = record
            .slot
            .is_none_or(|slot| self.set.is_some_and(|set| set.layout.is_slot(slot)));
        if on_main && on_spare && mask_fits {
            Ok(())
        } else {
            Err(bad_record(record))
        }
    }

    /// Takes the slots of the table, then writes what was found to every copy.
    fn table_is_read(&mut self) {
        let Some(set) = self.set else {
            return;
        };
        self.slots.reset(&set.layout);
        self.counters.remapped = 0;
        self.counters.poisoned = 0;
        for position in 0..self.lookup.positions() {
            let Some((record, _)) = self.lookup.at(position) else {
                continue;
            };
            if let Some(slot) = record.slot {
                self.counters.remapped += 1;
                if !self.slots.claim(slot) {
                    self.refuse(bad_record(&record));
                    return;
                }
            }
            self.counters.poisoned += u64::from(record.mask != 0);
        }
        // One transaction may have been under way and be on a copy that could not be read now.
        self.lineage.next = self.loader.greatest.saturating_add(2);
        self.lineage.area = self.loader.head.map_or(0, |head| head.area);
        if self.settings.read_only {
            // What a crash left undecided stays so: the next activation that may write decides it.
            for copy in 0..self.copy_count() {
                if self.loader.members & (1 << copy) != 0 {
                    self.copies[copy] = CopyState::Member;
                }
            }
            self.enter_service();
            return;
        }
        if seeded!("tail_not_decided") {
            self.keep_lineage();
            return;
        }
        self.loader_checkpoint();
    }

    /// Goes on in the old epoch instead of writing what was found: a bug on purpose.
    fn keep_lineage(&mut self) {
        let Some(head) = self.loader.head else {
            return;
        };
        self.lineage.epoch = head.epoch;
        self.lineage.base = head.base;
        self.lineage.next = self.lineage.last + 1;
        for copy in 0..self.copy_count() {
            self.copies[copy] = CopyState::Member;
        }
        self.loader_checkpoint_done(true);
    }
}

fn bad_record(record: &Record) -> Refusal {
    let Lbn(lbn) = record.lbn;
    Refusal::BadRecord {
        lbn,
        slot: record.slot.map_or(0, |slot| slot.0),
    }
}
