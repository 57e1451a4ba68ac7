// SPDX-License-Identifier: GPL-2.0-only

//! Situations that the tests of single requirements begin with, on the tiny device of the exhaustive part.

use crate::disk::Sector;
use crate::exhaustive::{blank_disks, initial_model, settings, SPARE_BLOCKS};
use crate::image::Disks;
use crate::world::{Ask, World, Wrong};
use dm_spare_engine::format::Layout;
use dm_spare_engine::{Refusal, Settings, State};

/// The layout of the tiny spare.
pub fn layout() -> Layout {
    Layout::new(SPARE_BLOCKS, 2).expect("the tiny spare is large enough")
}

/// A set in service, just formatted; blocks 0 and 1 of main cannot be written.
pub fn fresh() -> Result<World, Wrong> {
    let settings = settings();
    let mut disks = blank_disks(&settings);
    disks[0].unwritable.extend([2, 9]);
    let mut world = World::new(settings, disks, initial_model(&settings, &[]), 0);
    world.bring_up(1)?;
    Ok(world)
}

/// What a crash leaves of a world when every cache is lost.
pub fn durable(world: &World) -> Disks {
    [world.disks[0].crashed(&[]), world.disks[1].crashed(&[])]
}

/// The disks of [`fresh`].
pub fn formatted() -> Result<Disks, Wrong> {
    Ok(durable(&fresh()?))
}

/// A plain write.
pub fn write(sector: u64, sectors: u32) -> Ask {
    Ask::Write {
        sector,
        sectors,
        fua: false,
    }
}

/// Asks and runs until nothing more can happen; whether the operation has failed.
pub fn done(world: &mut World, ask: Ask) -> Result<bool, Wrong> {
    let operation = world.ask(ask)?;
    world.settle()?;
    Ok(world.has_failed(operation))
}

/// The world after a crash, in service again.
pub fn reboot(world: &World, nonce: u64) -> Result<World, Wrong> {
    let mut next = World::new(
        settings(),
        durable(world),
        world.model.crashed(),
        world.marks(),
    );
    next.bring_up(nonce)?;
    Ok(next)
}

/// Why these disks are refused. It is an error if they are not, or if anything was written.
pub fn refusal(disks: Disks, settings: Settings) -> Result<Refusal, Wrong> {
    let before = disks.clone();
    let mut world = World::new(settings, disks, initial_model(&settings, &[]), 0);
    world.activate(5);
    world.settle()?;
    for (disk, old) in world.disks.iter().zip(&before) {
        if !disk.holds_the_same_as(old) {
            return Err("a refusal has written something".into());
        }
    }
    match world.activated {
        Some(Err(refusal)) if world.engine.snapshot().state == State::Refused => Ok(refusal),
        other => Err(format!("expected a refusal, got {other:?}")),
    }
}

/// Changes a metadata block from outside and makes its checksum right again.
pub fn reseal(disks: &mut Disks, block: u64, patch: impl FnOnce(&mut [u8])) -> Result<(), Wrong> {
    let at = block * 8;
    let mut bytes = vec![0; 4096];
    disks[1]
        .read(at, &mut bytes)
        .map_err(|class| format!("block {block} cannot be read: {class}"))?;
    patch(&mut bytes);
    let sum = crc32c::crc32c(&bytes[12..]).to_le_bytes();
    bytes[8..12].copy_from_slice(&sum);
    disks[1].damage(at..at + 8, |sector| {
        let mut content = [0; 512];
        let from = (sector - at) as usize * 512;
        content.copy_from_slice(&bytes[from..from + 512]);
        Sector::new(content)
    });
    Ok(())
}

/// Changes the superblock of every copy.
pub fn reseal_superblocks(disks: &mut Disks, patch: impl Fn(&mut [u8])) -> Result<(), Wrong> {
    for copy in 0..2 {
        reseal(disks, layout().superblock(copy), &patch)?;
    }
    Ok(())
}

/// Runs until the log blocks of a commit are under way to both copies.
pub fn until_commit_is_written(world: &mut World) -> Result<(), Wrong> {
    while world.own_writes() < 2 {
        if !world.step(&mut |_| 0)? {
            return Err("no commit".into());
        }
    }
    Ok(())
}

/// One commit that copy 1 does not answer in time; its write lands later.
pub fn drop_copy_1(world: &mut World, ask: Ask) -> Result<(), Wrong> {
    let operation = world.ask(ask)?;
    until_commit_is_written(world)?;
    world.step(&mut |_| 0)?;
    world.fire_timer(0);
    while !world.operations[operation].done {
        // The late write stays the oldest in flight: everything else is let through.
        if !world.step(&mut |count| count - 1)? {
            return Err("the commit is never acknowledged".into());
        }
    }
    Ok(())
}
