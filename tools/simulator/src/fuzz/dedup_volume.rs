// SPDX-License-Identifier: GPL-2.0-only

//! Activation, replay and use of a volume whose metadata was patched.
//!
//! The input: patches of six bytes each. A byte says whether the patched block gets its checksum made right (bit 0) and on
//! which leg it is (bit 1); two which block, two where in it, one the new value.

use crate::dedup::content::Value;
use crate::dedup::world::{Shape, World};
use crate::disk::Disk;
use crate::rng::Rng;
use crate::sector::Sector;
use dm_spare_engine::dedup::{Event, Fill, Lbn, RequestKind};
use std::collections::BTreeSet;

/// Far more than any activation, or request, of such a small volume needs.
const ENDS: usize = 100_000;

thread_local! {
    static BASE: [Disk; 2] = base();
}

fn shape() -> Shape {
    Shape::small(300, 4, 4, 0)
}

/// A volume after a crash, with entries of all kinds in its pages and records of all kinds in its journal.
fn base() -> [Disk; 2] {
    let mut random = Rng::new(3);
    let mut world = World::new(shape());
    let ended = (|| {
        world.activate_and_check(&mut random)?;
        for round in 0..2 {
            for number in 0..240 {
                let value = Value::Data(1 + number / (1 + round));
                world.write((number * 7 + round) % 3000, value, number % 40 == 0);
                world.run(&mut random)?;
            }
            for (lbn, fill) in [
                (5, Fill::Unmapped),
                (300, Fill::Zero),
                (400, Fill::Poisoned),
            ] {
                let kind = RequestKind::Fill {
                    lbn: Lbn(lbn),
                    blocks: 20,
                    fill,
                    fua: true,
                };
                world.ask(kind, None);
                world.run(&mut random)?;
            }
        }
        Ok::<_, String>(())
    })();
    ended.unwrap_or_else(|wrong| panic!("{wrong}"));
    world.crash_plainly(true).disks
}

/// Brings the patched volume into service, and uses it if that succeeds.
///
/// # Panics
///
/// If something does not end, or is never answered.
pub fn run(data: &[u8]) {
    let mut disks = BASE.with(Clone::clone);
    let layout = shape().layout();
    let metadata = layout.pages_start + layout.pages();
    let mut to_seal = BTreeSet::new();
    for patch in data.chunks_exact(6) {
        let leg = usize::from((patch[0] >> 1) & 1);
        let limit = [metadata, 3][leg];
        let block = u64::from(u16::from_le_bytes([patch[1], patch[2]])) % limit;
        let at = usize::from(u16::from_le_bytes([patch[3], patch[4]])) % 4096;
        let sector = block * 8 + at as u64 / 512;
        let mut bytes = **disks[leg].durable(sector);
        bytes[at % 512] = patch[5];
        disks[leg].replace(sector, &Sector::new(bytes));
        if patch[0] & 1 != 0 {
            to_seal.insert((leg, block));
        }
    }
    for (leg, block) in to_seal {
        seal(&mut disks[leg], block);
    }
    let mut world = World::on(shape(), disks, Default::default());
    let mut random = Rng::new(data.len() as u64);
    world.activate();
    finish(&mut world, &mut random);
    match world.activated.expect("it is answered") {
        Err(refusal) => assert!(!refusal.to_string().is_empty()),
        Ok(_) => make_use(&mut world, &mut random),
    }
}

fn seal(disk: &mut Disk, block: u64) {
    let mut bytes = Vec::new();
    for sector in block * 8..block * 8 + 8 {
        bytes.extend_from_slice(&disk.durable(sector)[..]);
    }
    let sum = crc32c::crc32c(&bytes[8..]).to_le_bytes();
    let mut first = **disk.durable(block * 8);
    first[4..8].copy_from_slice(&sum);
    disk.replace(block * 8, &Sector::new(first));
}

/// Lets everything end. That contents are not what was written is no wonder.
fn finish(world: &mut World, random: &mut Rng) {
    for _ in 0..ENDS {
        if world.deliver(random) == Ok(false) {
            assert_eq!(world.unanswered(), 0, "something is never answered");
            return;
        }
    }
    panic!("it never ends");
}

fn make_use(world: &mut World, random: &mut Rng) {
    let blocks = world.shape.settings.geometry.logical_blocks;
    let read = RequestKind::Read {
        lbn: Lbn(0),
        blocks,
    };
    world.ask(read, None);
    finish(world, random);
    for number in 0..20 {
        world.write(number * 150, Value::Data(5000 + number), false);
        finish(world, random);
    }
    let discard = RequestKind::Fill {
        lbn: Lbn(0),
        blocks,
        fill: Fill::Unmapped,
        fua: false,
    };
    for kind in [discard, RequestKind::Flush] {
        world.ask(kind, None);
        finish(world, random);
    }
    world.send(Event::Suspend);
    finish(world, random);
    assert!(world.suspended.is_some());
}

/// Nothing, and patches of each kind of block.
pub fn seeds() -> Vec<Vec<u8>> {
    let layout = shape().layout();
    let mut seeds = vec![Vec::new()];
    for block in [0, 1, 2, 8, 20, layout.pages_start, layout.pages_start + 1] {
        for flags in [0, 1, 3] {
            for at in [60u16, 80, 500] {
                let [low, high] = (block as u16).to_le_bytes();
                let [at_low, at_high] = at.to_le_bytes();
                seeds.push(vec![flags, low, high, at_low, at_high, 77]);
            }
        }
    }
    seeds
}
