// SPDX-License-Identifier: GPL-2.0-only

//! Activation on any image.
//!
//! The input: one byte that names a valid image, then patches over it. Whatever it is, the activation ends, and
//! without writing anything if it is refused for what it found. If it succeeds the set keeps all promises from then
//! on: it takes writes, and after a crash it is loaded again and gives them back.

use super::base::{bases, Base};
use super::patch::apply;
use crate::image::Disks;
use crate::model::{Model, Value};
use crate::world::{Ask, World, Wrong};
use dm_spare_engine::{Refusal, State};

thread_local! {
    static BASES: Vec<Base> = bases();
}

/// Activates an image that the bytes describe, and uses the set.
///
/// # Panics
///
/// If a promise is broken.
pub fn run(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let outcome = BASES.with(|bases| {
        let base = &bases[usize::from(*first) % bases.len()];
        let [mut main, mut spare] = base.disks.clone();
        apply(base, &mut spare, &mut main, rest);
        use_set(base, [main, spare])
    });
    if let Err(wrong) = outcome {
        panic!("{wrong}");
    }
}

/// A world that knows nothing of what the disks hold.
fn world(base: &Base, disks: Disks) -> World {
    let sectors = base.settings.main_sectors;
    let mut world = World::new(base.settings, disks, Model::new(sectors, |_| Vec::new()), 0);
    world.learned = Some(vec![None; sectors as usize]);
    world.faults = true;
    world
}

fn use_set(base: &Base, disks: Disks) -> Result<(), Wrong> {
    let before = disks.clone();
    let mut set = world(base, disks);
    set.activate(11);
    set.settle()?;
    match &set.activated {
        Some(Ok(_)) => {}
        Some(Err(refusal)) => {
            if set.engine.snapshot().state != State::Refused || refusal.to_string().is_empty() {
                return Err("a refusal without a reason".into());
            }
            let wrote = matches!(refusal, Refusal::CannotWrite { .. });
            let mut both = set.disks.iter().zip(&before);
            if !wrote && !both.all(|(now, then)| now.holds_the_same_as(then)) {
                return Err(format!("a refusal has written something: {refusal}"));
            }
            return Ok(());
        }
        None => return Err("an activation never ends".into()),
    }
    set.read_all()?;
    let expected = write_and_flush(&mut set)?;
    let image = [set.disks[0].crashed(&[]), set.disks[1].crashed(&[])];
    let mut again = world(base, image);
    again.activate(12);
    again.settle()?;
    match &again.activated {
        Some(Ok(_)) => {}
        // Bad sectors that every copy has in the same place: its other checkpoint area, or the next place of its log.
        Some(Err(Refusal::CannotWrite { .. })) if !again.disks[1].unwritable.is_empty() => {
            return Ok(());
        }
        Some(Err(Refusal::LogUnreadable { .. })) if !again.disks[1].unreadable().is_empty() => {
            return Ok(());
        }
        other => return Err(format!("after a crash the set ends with {other:?}")),
    }
    again.read_all()?;
    let found = again.learned.iter().flatten();
    for (at, (found, expected)) in found.zip(&expected).enumerate() {
        if expected.is_some() && found != expected {
            return Err(format!(
                "sector {at} reads {found:?} instead of {expected:?}"
            ));
        }
    }
    Ok(())
}

/// Writes some blocks and flushes; what must be read from now on.
fn write_and_flush(set: &mut World) -> Result<Vec<Option<Value>>, Wrong> {
    let sectors = set.disks[0].sectors();
    let mut expected = vec![None; sectors as usize];
    for sector in (0..sectors).step_by(64) {
        let count = (sectors - sector).min(16);
        // CAST: at most 16.
        let operation = set.ask(Ask::Write {
            sector,
            sectors: count as u32,
            fua: false,
        })?;
        set.settle()?;
        if !set.has_failed(operation) {
            let mark = Some(Value::Mark(set.marks()));
            expected[sector as usize..(sector + count) as usize].fill(mark);
        }
    }
    let flush = set.ask(Ask::Flush)?;
    set.settle()?;
    if set.has_failed(flush) {
        return Err("a flush fails on disks that are there".into());
    }
    Ok(expected)
}

/// Each valid image as it is, and with patches of every kind.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for base in 0..5 {
        seeds.push(vec![base]);
        for what in [0u8, 1, 2, 3, 4, 5, 6, 7, 0x80] {
            for how in [0, 0x20, 0x60] {
                for place in [0, 1, 3, 7, 40] {
                    seeds.push(vec![base, what | how, 0, place, 4, 4, 1, 0, 1, 0, 40, 0, 1]);
                }
            }
        }
    }
    seeds
}
