// SPDX-License-Identifier: GPL-2.0-only

//! What a random run is like, and what its steps draw.

use crate::disk::lies::{Habit, Liar};
use crate::exhaustive::damage::sectors_of;
use crate::rng::Rng;
use crate::sector::mix;
use crate::world::{Ask, World};
use dm_spare_engine::format::Layout;
use dm_spare_engine::{RequestKind, Settings, Slot};

/// What is wrong with the metadata, as far as the other copies make up for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Weakness {
    /// Nothing.
    None,
    /// One copy lies on bad ground.
    Errors(u8),
    /// One copy loses writes, stores them elsewhere, and answers reads with old content.
    Lies(u8),
    /// At each crash bits flip on every copy, but in no block on all of them.
    Rot,
}

/// One random run.
pub(super) struct Plan {
    seed: u64,
    /// Draws for the current step alone, so that a step does the same when others are left out.
    pub(super) rng: Rng,
    pub(super) settings: Settings,
    /// Time-outs and a spare that is lost for a while: writes may fail.
    pub(super) faulty: bool,
    /// So few slots that they run out: writes may fail.
    pub(super) scarce: bool,
    /// A main that takes no write.
    large: bool,
    /// Sectors of a logical block: 1 or 8.
    unit: u32,
    pub(super) weakness: Weakness,
}

/// The run of a seed.
pub(super) fn plan(seed: u64) -> Plan {
    let mut rng = Rng::new(seed);
    // Large enough for checkpoints of several blocks, with a main that takes no write: nearly all is remapped.
    let large = seed % 16 == 9;
    let main_blocks = match seed % 2 {
        _ if large => 300 + rng.below(100),
        0 => 2 + rng.below(4),
        _ => 2 + rng.below(60),
    } as u64;
    let unit = if rng.one_in(4) { 8 } else { 1 };
    // With blocks of 4096 bytes one of the legs may have smaller ones all the same.
    let small_leg = rng.below(4);
    let scarce = rng.one_in(6) && !large;
    let tail = if unit == 1 { rng.below(8) as u64 } else { 0 };
    let settings = Settings {
        main_sectors: main_blocks * 8 - tail,
        spare_sectors: match scarce {
            true => 164,
            false if large => 700 + rng.below(200) as u64,
            false => 200 + rng.below(200) as u64,
        } * 8,
        main_logical_block_sectors: if small_leg == 0 { 1 } else { unit },
        spare_logical_block_sectors: if small_leg == 1 { 1 } else { unit },
        read_retries: rng.below(3) as u32,
        metadata_copies: Some(2 + rng.below(3) as u32),
        expected_uuid: None,
        fail_after: 0,
        read_only: false,
        commit_timeout_milliseconds: 1000,
        max_requests: 1 + rng.below(16) as u32,
        jobs: 1 + rng.below(8) as u32,
    };
    let faulty = rng.one_in(3);
    // With other copies left out by time-outs the weak one could be the only one in use.
    let copies = settings.metadata_copies.unwrap_or(2) as usize;
    let copy = rng.below(copies) as u8;
    let weakness = match rng.below(4) {
        _ if faulty => Weakness::None,
        0 => Weakness::Lies(copy),
        1 => Weakness::Rot,
        _ => Weakness::Errors(copy),
    };
    Plan {
        seed,
        rng,
        settings,
        faulty,
        scarce,
        large,
        unit,
        weakness,
    }
}

impl Plan {
    /// From now on draws are those of a step.
    pub(super) fn begin(&mut self, step: u32) {
        self.rng = Rng::new(mix(mix(5, self.seed), step.into()));
    }

    /// Where the copies lie.
    pub(super) fn layout(&self) -> Option<Layout> {
        // CAST: at most four.
        let copies = self.settings.metadata_copies.unwrap_or(2) as u8;
        Layout::new(self.settings.spare_sectors / 8, copies)
    }

    /// Makes the disks bad from the beginning, if the run is like that.
    pub(super) fn prepare(&self, world: &mut World) {
        if self.large {
            let blocks = self.settings.main_sectors / 8;
            world.disks[0]
                .unwritable
                .extend((0..blocks).map(|block| block * 8 + 3));
        }
        if let (Weakness::Lies(copy), Some(layout)) = (self.weakness, self.layout()) {
            let rng = Rng::new(mix(6, self.seed));
            let habit = Habit::Often { rng, one_in: 6 };
            world.disks[1].liar = Some(Liar::new(sectors_of(&layout, copy), habit));
        }
    }

    fn range(&mut self) -> (u64, u32) {
        let sectors = match self.rng.below(4) {
            0 => 1 + self.rng.below(7),
            1 => 8,
            2 => 1 + self.rng.below(24),
            _ if self.large => 8 * (1 + self.rng.below(60)),
            _ => 8 * (1 + self.rng.below(4)),
        };
        let unit = u64::from(self.unit);
        let sectors = (sectors as u64)
            .next_multiple_of(unit)
            .min(self.settings.main_sectors);
        let mut sector =
            self.rng
                .below((self.settings.main_sectors - sectors + 1) as usize) as u64;
        if self.rng.one_in(2) || unit == 8 {
            sector -= sector % 8;
        }
        // CAST: at most 480.
        (sector, sectors as u32)
    }

    /// What a user asks for.
    pub(super) fn ask(&mut self) -> Ask {
        let (sector, sectors) = self.range();
        match self.rng.below(12) {
            10 => {
                let kinds = [RequestKind::Remap, RequestKind::Unremap, RequestKind::Test];
                Ask::Order {
                    kind: kinds[self.rng.below(kinds.len())],
                    block: sector / 8,
                    blocks: sectors.div_ceil(8),
                }
            }
            11 if self.rng.one_in(3) => Ask::Order {
                kind: RequestKind::Sync,
                block: 0,
                blocks: 0,
            },
            0..=3 => Ask::Read { sector, sectors },
            4..=7 => Ask::Write {
                sector,
                sectors,
                fua: self.rng.one_in(4),
            },
            8 => Ask::Zero { sector, sectors },
            _ => Ask::Flush,
        }
    }

    /// A new bad sector somewhere.
    pub(super) fn spoil(&mut self, world: &mut World) {
        let at = self.rng.below(self.settings.main_sectors as usize) as u64;
        // Where the engine asks whether main is alive; without any of them it may rightly say no.
        let last = (self.settings.main_sectors - 1) / 8;
        let is_asked = [0, last / 2, last].contains(&(at / 8)) && at % 8 < u64::from(self.unit);
        if is_asked && !world.faults {
            return;
        }
        match self.rng.below(6) {
            4 => self.spoil_metadata(world),
            0 => world.spoil(at, self.unit.into()),
            3 => {
                let unwritable = self.rng.one_in(2) && slots_left(world) > 100;
                world.spoil_slot_of(at, self.unit.into(), unwritable);
            }
            1 => {
                world.disks[0].unwritable.insert(at);
            }
            2 => {
                world.spoil(at, self.unit.into());
                world.disks[0].unwritable.insert(at);
            }
            _ => self.spoil_slot(world),
        }
    }

    /// A sector of the weak copy goes bad.
    fn spoil_metadata(&mut self, world: &mut World) {
        let (Weakness::Errors(copy), Some(layout)) = (self.weakness, self.layout()) else {
            return;
        };
        let range = sectors_of(&layout, copy);
        let at = range.start + self.rng.below((range.end - range.start) as usize) as u64;
        if self.rng.one_in(2) {
            world.disks[1].unwritable.insert(at);
        } else if at >= 8 {
            world.disks[1].make_unreadable(at);
        }
    }

    /// A slot that is not in use, or whose block is told to be in danger, gets a bad sector.
    fn spoil_slot(&mut self, world: &mut World) {
        let Some(layout) = self.layout() else {
            return;
        };
        let block = self.rng.below((self.settings.spare_sectors / 8) as usize) as u32;
        if layout.is_slot(Slot(block)) && slots_left(world) > 100 {
            let sector = u64::from(block) * 8 + self.rng.below(8) as u64;
            world.disks[1].unwritable.insert(sector);
        }
    }
}

fn slots_left(world: &World) -> u64 {
    let status = world.engine.snapshot();
    status
        .slots_total
        .saturating_sub(status.slots_used + status.slots_bad)
}
