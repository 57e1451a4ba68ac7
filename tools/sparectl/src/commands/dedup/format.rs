// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl format --mode dedup`: makes a volume on two blank legs, by the engine's own formatting.

use super::{blocks, check_roles};
use crate::cli::Format;
use crate::commands::format::content;
use crate::commands::{Session, DONE};
use crate::dedup::host::{sector, Host};
use crate::dedup::journal_survey::is_used_by;
use crate::failure::Failure;
use crate::leg::{Access, Leg};
use crate::storage::Storage;
use dm_spare_engine::dedup::format::layout::{FIRST_BLOCKS, MAIN_BLOCKS_MINIMUM};
use dm_spare_engine::dedup::format::{Geometry, Layout};
use dm_spare_engine::dedup::{default_index_mebibytes, index_geometry};
use dm_spare_engine::{Uuid, BLOCK_BYTES, SECTORS_PER_BLOCK};

/// Blocks of a MiB.
const BLOCKS_PER_MEBIBYTE: u64 = 256;
/// Blocks at the beginning of main, and of the spare, that must be blank.
const BLANK_BLOCKS: [u64; 2] = [17, 8];

/// Runs the command.
///
/// # Errors
///
/// A device is in use or does not fit, or is not blank and `--force` is not given.
pub fn run(arguments: &Format, session: &mut Session<'_>) -> Result<u8, Failure> {
    if arguments.metadata_copies.is_some() {
        return Err(Failure::new(
            "--metadata-copies is for sets of remap mode: leave it out, a volume has its superblock on both legs",
        ));
    }
    let mut main = Leg::open_unused(&arguments.main, Access::Write)?;
    let mut spare = Leg::open_unused(&arguments.spare, Access::Write)?;
    if main.is_same_as(&spare) {
        check_roles(&mut main, &mut spare)?;
    }
    let index_memory = arguments
        .index_memory
        .unwrap_or_else(|| default_index_mebibytes(blocks(&main)));
    let (geometry, layout) = sizes(arguments, index_memory, &main, &spare)?;
    for leg in [&mut main, &mut spare] {
        if let Some(content) = content(leg)? {
            if !arguments.force {
                return Err(Failure::new(format!(
                    "{} is not blank, it holds {content}: name another device, or use --force if nothing on it is needed",
                    leg.path().display()
                )));
            }
            writeln!(session.out, "{} held {content}", leg.path().display())?;
        }
    }
    let uuid = match arguments.uuid {
        Some(uuid) if is_used_by(&mut main, &layout, uuid.0) => {
            return Err(Failure::new(format!(
                "the journal's place on {} holds what is left of a volume {uuid}: choose another UUID, or write zeros over the whole device",
                main.path().display()
            )));
        }
        Some(uuid) => uuid.0,
        None => uuid::Uuid::new_v4().into_bytes(),
    };
    if arguments.force {
        for (leg, count) in [&mut main, &mut spare].into_iter().zip(BLANK_BLOCKS) {
            blank(leg, count)?;
        }
    }
    let data_blocks = make(geometry, uuid, &mut main, &mut spare)?;
    let sectors = geometry.logical_blocks.saturating_mul(SECTORS_PER_BLOCK);
    writeln!(
        session.out,
        "formatted {} and {}: volume {}, {sectors} sectors, {data_blocks} data blocks of {BLOCK_BYTES} bytes",
        main.path().display(),
        spare.path().display(),
        Uuid(uuid),
    )?;
    writeln!(
        session.out,
        "table line: 0 {sectors} spare {} {} 6 mode dedup journal_mb {} index_memory {index_memory}",
        main.path().display(),
        spare.path().display(),
        geometry.journal_blocks / BLOCKS_PER_MEBIBYTE,
    )?;
    Ok(DONE)
}

/// Formats, and brings the volume to rest; how many data blocks it has.
fn make(
    geometry: Geometry,
    uuid: [u8; 16],
    main: &mut Leg,
    spare: &mut Leg,
) -> Result<u64, Failure> {
    let mut secret = [0; 16];
    rustix::rand::getrandom(&mut secret, rustix::rand::GetRandomFlags::empty())
        .map_err(|errno| Failure::new(format!("the kernel gives no random numbers: {errno}")))?;
    let paths = (main.path().to_owned(), spare.path().to_owned());
    let spare_blocks = blocks(spare);
    let mut host = Host::new(geometry, spare_blocks, main, spare)?;
    let activation = host
        .activate(uuid, secret)
        .map_err(|refusal| Failure::new(refusal.to_string()))?;
    if !activation.formatted || !host.rest() {
        return Err(Failure::new(format!(
            "{} and {} were not formatted whole: look for I/O errors in the kernel log and use other devices",
            paths.0.display(),
            paths.1.display()
        )));
    }
    Ok(host.status().data_blocks)
}

/// The sizes of the volume, as the module would choose them where nothing is said.
fn sizes(
    arguments: &Format,
    index_memory: u32,
    main: &Leg,
    spare: &Leg,
) -> Result<(Geometry, Layout), Failure> {
    let main_blocks = blocks(main);
    let sectors = arguments
        .sectors
        .unwrap_or_else(|| main_blocks.saturating_mul(SECTORS_PER_BLOCK));
    if sectors % SECTORS_PER_BLOCK != 0 {
        return Err(Failure::new(format!(
            "a volume of {sectors} sectors ends within a block: give a multiple of {SECTORS_PER_BLOCK}"
        )));
    }
    let index_blocks = match index_memory {
        0 => 0,
        megabytes => index_geometry(megabytes)
            .ok_or_else(|| {
                Failure::new(format!(
                    "there is no index of {megabytes} MiB: give 0, 16, 32, 64, 128, 256, 512, 768 or a multiple of 1024"
                ))
            })?
            .disk_blocks(),
    };
    // Whole MiB, so that a table line can name the journal's length.
    let journal_blocks = arguments.journal_mb.map_or_else(
        || Geometry::default_journal_blocks(main_blocks) / BLOCKS_PER_MEBIBYTE,
        u64::from,
    );
    let geometry = Geometry {
        main_blocks,
        logical_blocks: sectors / SECTORS_PER_BLOCK,
        journal_blocks: journal_blocks.saturating_mul(BLOCKS_PER_MEBIBYTE),
        index_blocks,
    };
    if main_blocks < MAIN_BLOCKS_MINIMUM {
        return Err(Failure::new(format!(
            "{} has {} sectors: main needs at least {}",
            main.path().display(),
            main.sectors(),
            MAIN_BLOCKS_MINIMUM * SECTORS_PER_BLOCK
        )));
    }
    if blocks(spare) < FIRST_BLOCKS {
        return Err(Failure::new(format!(
            "{} has {} sectors: the spare needs at least {}",
            spare.path().display(),
            spare.sectors(),
            FIRST_BLOCKS * SECTORS_PER_BLOCK
        )));
    }
    Layout::new(geometry)
        .filter(|_| geometry.is_supported())
        .map(|layout| (geometry, layout))
        .ok_or_else(|| {
            Failure::new(format!(
                "{} has {} sectors: with a journal of {journal_blocks} MiB and an index of {index_memory} MiB of memory it is too small or too large for a volume of {sectors} sectors; choose other sizes",
                main.path().display(),
                main.sectors(),
            ))
        })
}

/// Writes zeros over the first blocks, the very first last: until then, what was there is still refused.
fn blank(leg: &mut Leg, count: u64) -> Result<(), Failure> {
    let result = (0..count)
        .rev()
        .try_for_each(|block| Storage::write(leg, sector(block), &[0; BLOCK_BYTES]))
        .and_then(|()| leg.flush());
    result.map_err(|class| {
        Failure::new(format!(
            "{} cannot be written ({class}): use another device",
            leg.path().display()
        ))
    })
}
