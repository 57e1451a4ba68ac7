// SPDX-License-Identifier: GPL-2.0-only

//! Valid images for the fuzzer of the loader to begin with.

use crate::exhaustive::{blank_disks, initial_model, settings};
use crate::image::Disks;
use crate::world::{Ask, World};
use dm_spare_engine::format::Layout;
use dm_spare_engine::{Event, Settings};

/// Disks of a set, and what the engine has to be told about them.
pub(super) struct Base {
    pub(super) settings: Settings,
    pub(super) layout: Layout,
    pub(super) disks: Disks,
}

/// A blank spare; one just formatted; some commits; a background checkpoint with a log behind it; a table of
/// several blocks on three copies.
pub(super) fn bases() -> Vec<Base> {
    let tiny = settings();
    let mut large = tiny;
    large.main_sectors = 260 * 8;
    large.spare_sectors = 700 * 8;
    large.metadata_copies = Some(3);
    large.max_requests = 1024;
    large.main_logical_block_sectors = 8;
    large.spare_logical_block_sectors = 8;
    let blank = |settings: &Settings| {
        let mut disks = blank_disks(settings);
        for block in 0..settings.main_sectors / 8 {
            disks[0].unwritable.insert(block * 8 + 2);
        }
        disks
    };
    let mut bases = vec![Base {
        settings: tiny,
        layout: layout(&tiny),
        disks: blank(&tiny),
    }];
    for (settings, writes, suspends) in [(tiny, 0, 0), (tiny, 2, 1), (tiny, 2, 9), (large, 260, 0)]
    {
        let model = initial_model(&settings, &[]);
        let mut world = World::new(settings, blank(&settings), model, 0);
        if let Err(wrong) = fill(&mut world, writes, suspends) {
            panic!("an image to begin with cannot be made: {wrong}");
        }
        bases.push(Base {
            settings,
            layout: layout(&settings),
            disks: [world.disks[0].crashed(&[]), world.disks[1].crashed(&[])],
        });
    }
    bases
}

fn layout(settings: &Settings) -> Layout {
    // CAST: two or three.
    let copies = settings.metadata_copies.unwrap_or(2) as u8;
    Layout::new(settings.spare_sectors / 8, copies).expect("the copies fit")
}

fn fill(world: &mut World, writes: u64, suspends: u32) -> Result<(), String> {
    world.bring_up(1)?;
    for block in 0..writes {
        world.ask(Ask::Write {
            sector: block * 8,
            sectors: 8,
            fua: false,
        })?;
        if block % 16 == 15 {
            world.settle()?;
        }
    }
    world.settle()?;
    for _ in 0..suspends {
        world.engine.handle(Event::Suspend { noflush: false });
        world.settle()?;
        world.engine.handle(Event::Resume);
        world.settle()?;
    }
    Ok(())
}
