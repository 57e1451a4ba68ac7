// SPDX-License-Identifier: GPL-2.0-only

//! Comparing what happens with what was promised.

use super::{Ask, Bio, World, Wrong};
use crate::model::Value;
use crate::sector::mark_of;
use dm_spare_engine::{ErrorClass, Verdict, SECTOR_BYTES};

impl World {
    pub(super) fn check_read(
        &mut self,
        bio: &Bio,
        result: Result<(), ErrorClass>,
    ) -> Result<(), Wrong> {
        let Ask::Read { sector: first, .. } = self.operations[bio.operation].ask else {
            return Ok(());
        };
        if self.learned.is_some() {
            return self.learn(bio, result);
        }
        let mut any_lost = false;
        for index in 0..bio.sectors {
            let at = bio.sector + u64::from(index);
            let bytes = index as usize * SECTOR_BYTES..(index as usize + 1) * SECTOR_BYTES;
            let allowed = &self.operations[bio.operation].allowed[(at - first) as usize];
            any_lost |= allowed.contains(&Value::Lost);
            if result.is_ok() {
                let found = mark_of(&bio.data[bytes]).map(Value::Mark);
                if !found.is_some_and(|found| allowed.contains(&found)) {
                    return Err(format!(
                        "sector {at} reads {found:?}, allowed are {allowed:?}"
                    ));
                }
                if let (Some(found), true) = (found, self.verifying) {
                    self.model.observe(at, found);
                }
            } else if self.verifying && bio.sectors == 1 && allowed.contains(&Value::Lost) {
                self.model.observe(at, Value::Lost);
            }
        }
        match result {
            Err(class) if !any_lost && !self.faults => Err(format!(
                "read of {} sectors at {} failed with {class:?}",
                bio.sectors, bio.sector
            )),
            _ => Ok(()),
        }
    }

    /// Takes note of what a read has found. Only whole logical blocks are read, so an error is about all of them.
    fn learn(&mut self, bio: &Bio, result: Result<(), ErrorClass>) -> Result<(), Wrong> {
        let Some(learned) = self.learned.as_mut() else {
            return Ok(());
        };
        for (index, bytes) in bio.data.chunks(SECTOR_BYTES).enumerate() {
            let at = bio.sector + index as u64;
            let found = match result {
                Ok(()) => Value::Mark(mark_of(bytes).ok_or(format!("sector {at} reads torn"))?),
                Err(ErrorClass::Media) => Value::Lost,
                Err(class) => return Err(format!("sector {at} fails with {class}")),
            };
            if let Some(place) = learned.get_mut(at as usize) {
                *place = Some(found);
            }
        }
        Ok(())
    }

    pub(super) fn end_part_of(
        &mut self,
        operation: usize,
        result: Result<(), ErrorClass>,
    ) -> Result<(), Wrong> {
        let entry = &mut self.operations[operation];
        if let Err(class) = result {
            entry.failed = Some(class);
        }
        entry.bios_left -= 1;
        if entry.bios_left != 0 {
            return Ok(());
        }
        entry.done = true;
        self.open_reads.retain(|open| *open != operation);
        if entry.failed.is_some() {
            return Ok(());
        }
        let ask = entry.ask;
        let point = std::mem::take(&mut entry.point);
        match ask {
            Ask::Flush => self.model.flushed(&point),
            Ask::Write {
                sector,
                sectors,
                fua,
            } => {
                for at in sector..sector + u64::from(sectors) {
                    self.model.acknowledge(operation, at, fua);
                }
            }
            Ask::Zero { sector, sectors } => {
                for at in sector..sector + u64::from(sectors) {
                    self.model.acknowledge(operation, at, false);
                }
            }
            Ask::Read { .. } | Ask::Order { .. } => {}
        }
        self.version += 1;
        Ok(())
    }

    pub(super) fn overlapping_reads(&mut self, at: u64, value: Value) {
        for other in &self.open_reads {
            let other = &mut self.operations[*other];
            if let Ask::Read { sector, sectors } = other.ask {
                if (sector..sector + u64::from(sectors)).contains(&at) {
                    if let Some(allowed) = other.allowed.get_mut((at - sector) as usize) {
                        allowed.push(value);
                    }
                }
            }
        }
    }

    pub(super) fn may_be_lost(&mut self, first: u64, sectors: u64) {
        for at in first..(first + sectors).min(self.disks[0].sectors()) {
            self.model.may_be_lost(at);
            self.overlapping_reads(at, Value::Lost);
        }
    }

    /// A sector of main has become unreadable: what of its logical block is not written elsewhere may be lost.
    pub fn spoil(&mut self, at: u64, unit: u64) {
        self.disks[0].make_unreadable(at);
        self.may_be_lost(at - at % unit, unit);
    }

    /// If a sector of main is served by a slot, its place there has become unreadable, and perhaps unwritable.
    pub fn spoil_slot_of(&mut self, at: u64, unit: u64, unwritable: bool) {
        if let Verdict::Slot {
            sector_on_spare, ..
        } = self.lookup.locate(at, 1, false)
        {
            self.disks[1].make_unreadable(sector_on_spare);
            if unwritable {
                self.disks[1].unwritable.insert(sector_on_spare);
            }
            // With logical blocks of 4096 bytes on either device all of the block can be lost.
            self.may_be_lost(at - at % unit, unit);
        }
    }

    /// Reads every logical block of main, one by one, after a crash. Nothing has been written since.
    pub fn read_all(&mut self) -> Result<(), Wrong> {
        self.read_all_watched(&mut |_| {})
    }

    /// As [`World::read_all`]; tells of every change of what a crash could leave behind.
    pub fn read_all_watched(&mut self, watch: &mut dyn FnMut(&World)) -> Result<(), Wrong> {
        self.verifying = true;
        let mut version = self.version;
        let sectors = self.unit;
        for sector in (0..self.disks[0].sectors()).step_by(sectors as usize) {
            let operation = self.ask(Ask::Read { sector, sectors })?;
            while self.step(&mut |_| 0)? {
                if self.version != version {
                    version = self.version;
                    watch(self);
                }
            }
            if !self.operations[operation].done {
                return Err("a read never ends".into());
            }
        }
        self.verifying = false;
        Ok(())
    }
}
