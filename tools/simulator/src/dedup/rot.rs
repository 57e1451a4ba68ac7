// SPDX-License-Identifier: GPL-2.0-only

//! Blocks without which a volume must not be brought into service rot after a crash; and data rots of a volume that checks
//! what is read.

use super::checker::Content;
use super::content::{bytes, Value};
use super::world::{World, UUID};
use crate::rng::Rng;
use crate::sector::Sector;
use dm_spare_engine::dedup::format::journal_block::first_of_batch;
use dm_spare_engine::dedup::format::Layout;
use dm_spare_engine::dedup::{Lbn, Leg, Lsn, Pbn, Refusal, RequestKind};
use dm_spare_engine::{Block, SECTOR_BYTES};
use std::collections::BTreeSet;

/// A volume whose newest checkpoint is damaged on both legs is refused; on one it is not, and stays so.
///
/// # Errors
///
/// What happens instead.
pub fn checkpoints(world: &mut World, random: &mut Rng) -> Result<(), String> {
    let found = world.checkpoints();
    let places = found.map(|found| found.map(|found| found.number));
    let newest = places.iter().flatten().max().copied();
    let copies: Vec<_> = (0..4).filter(|index| places[*index] == newest).collect();
    // If the crash came before it was on both, the one before still counts.
    let [one, other] = copies[..] else {
        return Ok(());
    };
    let mut rotten = world.crash_plainly(false);
    let place = Layout::checkpoint_address(one as u64 % 2);
    world.rot(Leg::BOTH[one / 2], place);
    for index in [one, other] {
        rotten.rot(Leg::BOTH[index / 2], place);
    }
    match refusal(&mut rotten, random)? {
        Some(Refusal::Checkpoint) => Ok(()),
        other => Err(format!("without its newest checkpoint: {other:?}")),
    }
}

/// A volume is refused that lacks a block of the journal which was durable when a later one was written.
///
/// # Errors
///
/// What happens instead.
pub fn journal(world: &World, random: &mut Rng) -> Result<(), String> {
    let newest = world.checkpoints().into_iter().flatten();
    let Some(newest) = newest.max_by_key(|found| found.number) else {
        return Ok(());
    };
    let layout = world.shape.layout();
    let mut last = None;
    for number in 0..layout.geometry.journal_blocks {
        let lsn = Lsn(newest.redo.0 + number);
        let mut block = Block([0; 4096]);
        let read = world.disks[0].read(layout.journal_address(lsn) * 8, &mut block.0);
        let first = first_of_batch(&block, lsn, &layout, UUID, crc32c::crc32c);
        match first.filter(|_| read.is_ok()) {
            Some(first) => last = Some(first),
            None => break,
        }
    }
    let durable = last.map_or(0, |last| last.0.saturating_sub(newest.redo.0));
    if durable == 0 {
        return Ok(());
    }
    let lsn = Lsn(newest.redo.0 + random.below(durable as usize) as u64);
    let address = layout.journal_address(lsn);
    let mut rotten = world.crash_plainly(false);
    rotten.rot(Leg::Main, address);
    match refusal(&mut rotten, random)? {
        Some(Refusal::Journal(block)) if block == address => Ok(()),
        other => Err(format!("without {lsn:?}: {other:?}")),
    }
}

/// Some contents rot wherever they lie: who reads one gets an error, and nobody gets anything but what was written. What is
/// written over it is there.
///
/// # Errors
///
/// What happens instead.
pub fn data(world: &mut World, random: &mut Rng) -> Result<(), String> {
    let content = world.content()?;
    let stored: Vec<Value> = content
        .values()
        .filter(|value| matches!(value, Value::Data(_)))
        .copied()
        .collect();
    if stored.is_empty() {
        return Ok(());
    }
    for _ in 0..1 + random.below(3) {
        let value = stored[random.below(stored.len())];
        if world.rotten.insert(value) {
            // What has rotted before must not come back by this.
            let is_sound = |one: &&Value| !world.rotten.contains(*one);
            let others: Vec<Value> = stored.iter().filter(is_sound).copied().collect();
            spoil(world, random, value, &others);
        }
    }
    let rotten: Vec<u64> = lost(&content, &world.rotten);
    for lbn in content.keys() {
        let before = world.tally.mismatches;
        read(world, random, *lbn, 1)?;
        let found = world.tally.mismatches > before;
        if found != rotten.contains(lbn) {
            return Err(format!("block {lbn}: rot was found: {found}"));
        }
    }
    for _ in 0..10 {
        let blocks = world.shape.settings.geometry.logical_blocks;
        let first = random.below(blocks as usize) as u64;
        read(world, random, first, (blocks - first).min(100))?;
    }
    for lbn in rotten {
        let stored = world.status().counters.stored;
        world.write(lbn, Value::Data(1_000_000 + lbn), false);
        world.run(random)?;
        if world.status().counters.stored == stored {
            // No block was free, or it could not be written.
            continue;
        }
        let before = world.tally.mismatches;
        read(world, random, lbn, 1)?;
        if world.tally.mismatches > before {
            return Err(format!("block {lbn} is still rotten"));
        }
    }
    Ok(())
}

/// The blocks of the volume that hold one of these.
fn lost(content: &Content, rotten: &BTreeSet<Value>) -> Vec<u64> {
    let is_lost = |(lbn, value): (&u64, &Value)| rotten.contains(value).then_some(*lbn);
    content.iter().filter_map(is_lost).collect()
}

fn read(world: &mut World, random: &mut Rng, lbn: u64, blocks: u64) -> Result<(), String> {
    let lbn = Lbn(lbn);
    world.ask(RequestKind::Read { lbn, blocks }, None);
    world.run(random)
}

/// Spoils every block of main with this content: a bit of it has changed, a write of something else came to the wrong place
/// or only to a part of it, or it reads as zeros.
fn spoil(world: &mut World, random: &mut Rng, value: Value, others: &[Value]) {
    let layout = world.shape.layout();
    for pbn in layout.data_start..layout.data_start + layout.data_blocks {
        if world.read_block(Pbn(pbn)) != Some(value) {
            continue;
        }
        let first = pbn * 8;
        let other = match others {
            [] => Value::Zero,
            others => others[random.below(others.len())],
        };
        let (put, sectors) = match random.below(4) {
            0 => {
                world.disks[0].flip(first + random.below(8) as u64, random.below(SECTOR_BYTES));
                continue;
            }
            1 => (other, 8),
            2 => (other, 1 + random.below(7) as u64),
            _ => (Value::Zero, 8),
        };
        let block = bytes(put);
        world.disks[0].damage(first..first + sectors, |at| {
            let mut sector = [0; SECTOR_BYTES];
            // CAST: below 8.
            let start = (at - first) as usize * SECTOR_BYTES;
            sector.copy_from_slice(&block[start..start + SECTOR_BYTES]);
            Sector::new(sector)
        });
    }
}

fn refusal(world: &mut World, random: &mut Rng) -> Result<Option<Refusal>, String> {
    world.activate();
    while world.activated.is_none() && world.deliver(random)? {}
    match world.activated {
        Some(result) => Ok(result.err()),
        None => Err("the activation never ends".to_owned()),
    }
}
