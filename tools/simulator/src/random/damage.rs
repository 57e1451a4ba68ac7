// SPDX-License-Identifier: GPL-2.0-only

//! Damage between a crash and the next activation.

use super::plan::{Plan, Weakness};
use crate::disk::Disk;
use crate::exhaustive::damage::sectors_of;
use crate::image::Disks;
use crate::model::{Model, Value};
use crate::sector::Sector;
use crate::world::{World, Wrong};
use dm_spare_engine::{State, Status};

/// Flips bits on every copy, but leaves one good copy of each block, if the run is like that and every copy holds
/// everything. `status` is that of before the crash.
pub(super) fn rot(plan: &mut Plan, image: &mut Disks, status: &Status) {
    let all = (1u8 << status.copies) - 1;
    let whole = status.copies_healthy == all && !status.uncommitted;
    let (Weakness::Rot, Some(layout), true) = (plan.weakness, plan.layout(), whole) else {
        return;
    };
    for block in 0..layout.copy_blocks() {
        let good = plan.rng.below(status.copies.into()) as u8;
        for copy in (0..status.copies).filter(|copy| *copy != good) {
            if plan.rng.one_in(3) {
                let at = (layout.superblock(copy) + block) * 8;
                // The first sector says what the block is; the rest must count as well.
                let sector = at
                    + if plan.rng.one_in(2) {
                        0
                    } else {
                        plan.rng.below(8) as u64
                    };
                image[1].flip(sector, plan.rng.below(512));
            }
        }
    }
}

/// Damage that no redundancy makes up for, some of it with a checksum that is right again. Nothing is promised
/// then but that the activation ends, and that one that is refused writes nothing.
pub(super) fn beyond_repair(plan: &mut Plan, mut image: Disks) -> Result<(), Wrong> {
    let Some(layout) = plan.layout() else {
        return Ok(());
    };
    for _ in 0..=plan.rng.below(12) {
        let copy = plan.rng.below(layout.copies.into()) as u8;
        let range = sectors_of(&layout, copy);
        let blocks = ((range.end - range.start) / 8) as usize;
        let block = range.start / 8 + plan.rng.below(blocks) as u64;
        patch(plan, &mut image[1], block);
    }
    // Were writes to fail, a refusal could come after some that did not.
    image[1].unwritable.clear();
    image[1].liar = None;
    let before = image.clone();
    let sectors = image[0].sectors();
    let mut world = World::new(plan.settings, image, Model::new(sectors, |_| Vec::new()), 0);
    world.learned = Some(vec![Some(Value::Lost); sectors as usize]);
    world.activate(plan.rng.draw());
    world.settle()?;
    match world.activated {
        Some(Ok(_)) => world.read_all(),
        Some(Err(_)) if world.engine.snapshot().state == State::Refused => {
            let mut both = world.disks.iter().zip(&before);
            if both.all(|(now, then)| now.holds_the_same_as(then)) {
                Ok(())
            } else {
                Err("a refusal has written something".into())
            }
        }
        other => Err(format!("damage beyond repair ends with {other:?}")),
    }
}

/// Changes some bytes of a block; sometimes makes its checksum right.
fn patch(plan: &mut Plan, spare: &mut Disk, block: u64) {
    let first = block * 8;
    let mut bytes: Vec<u8> = (first..first + 8)
        .flat_map(|at| spare.durable(at).to_vec())
        .collect();
    for _ in 0..=plan.rng.below(4) {
        // Header and first records, mostly.
        let bound = if plan.rng.one_in(4) { 4096 } else { 160 };
        let at = plan.rng.below(bound);
        bytes[at] = if plan.rng.one_in(2) {
            plan.rng.draw() as u8
        } else {
            bytes[at].wrapping_add(1)
        };
    }
    if plan.rng.one_in(2) {
        let sum = crc32c::crc32c(&bytes[12..]).to_le_bytes();
        bytes[8..12].copy_from_slice(&sum);
    }
    spare.damage(first..first + 8, |at| {
        let mut content = [0; 512];
        let from = (at - first) as usize * 512;
        content.copy_from_slice(&bytes[from..from + 512]);
        Sector::new(content)
    });
}
