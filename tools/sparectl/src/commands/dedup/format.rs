// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl format --mode dedup`: makes a volume on two blank legs, by the engine's own formatting.

use super::{blocks, check_roles};
use crate::cli::Format;
use crate::commands::format::content;
use crate::commands::{Session, DONE};
use crate::dedup::host::{sector, Host};
use crate::dedup::journal_survey::is_used_by;
use crate::dedup::sizes::{choose, Sizes, Wanted, BLOCKS_PER_MEBIBYTE};
use crate::failure::Failure;
use crate::leg::{Access, Leg};
use crate::storage::Storage;
use dm_spare_engine::dedup::format::Geometry;
use dm_spare_engine::{Uuid, BLOCK_BYTES, SECTORS_PER_BLOCK};

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
    let wanted = Wanted {
        sectors: arguments.size.or(arguments.sectors),
        journal_mb: arguments.journal_mb,
        index_memory: arguments.index_memory,
    };
    let Sizes {
        geometry,
        layout,
        index_memory,
    } = choose(wanted, &main, &spare)?;
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
