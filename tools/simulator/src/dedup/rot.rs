// SPDX-License-Identifier: GPL-2.0-only

//! Blocks without which a volume must not be brought into service rot after a crash.

use super::world::{World, UUID};
use crate::rng::Rng;
use dm_spare_engine::dedup::format::journal_block::first_of_batch;
use dm_spare_engine::dedup::format::Layout;
use dm_spare_engine::dedup::{Leg, Lsn, Refusal};
use dm_spare_engine::Block;

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

fn refusal(world: &mut World, random: &mut Rng) -> Result<Option<Refusal>, String> {
    world.activate();
    while world.activated.is_none() && world.deliver(random)? {}
    match world.activated {
        Some(result) => Ok(result.err()),
        None => Err("the activation never ends".to_owned()),
    }
}
