// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl create` of a volume of dedup mode.

use super::check_roles;
use crate::cli::{Create, CreateDedup};
use crate::commands::create::{map, open_legs, report, Table};
use crate::commands::format::content;
use crate::commands::{Session, DONE};
use crate::dedup::sizes::{choose, index_mebibytes, journal_mebibytes, Wanted};
use crate::dedup::survey::{is_leg, read_superblock};
use crate::dedup::table::{words, TableOptions};
use crate::failure::Failure;
use crate::leg::Leg;
use dm_spare_engine::dedup::format::{Geometry, Superblock};
use dm_spare_engine::dedup::Leg as Role;
use dm_spare_engine::{Uuid, SECTORS_PER_BLOCK};

/// Creates a volume.
///
/// # Errors
///
/// A device is in use or cannot be opened, the devices are no pair, the volume has other sizes, or the kernel refuses; then no
/// mapped device is left.
pub fn run(arguments: &Create, session: &mut Session<'_>) -> Result<u8, Failure> {
    if let Some(option) = arguments.remap.first_given() {
        return Err(Failure::new(format!(
            "{option} is for sets of remap mode, and this is a volume of dedup mode: leave it out"
        )));
    }
    let (mut main, mut spare) = open_legs(session.mapper, &arguments.main, &arguments.spare)?;
    let geometry = match find(&mut main, &mut spare)? {
        Some(superblock) => {
            check_uuid(&superblock, arguments.uuid)?;
            check_sizes(&superblock, &arguments.dedup)?;
            superblock.geometry
        }
        None => sizes_for_blank(arguments, &mut main, &mut spare)?,
    };
    let options = TableOptions {
        cache_mb: arguments.dedup.cache_mb,
        commit_ms: arguments.dedup.commit_ms,
        low_water: arguments.dedup.low_water,
        check_reads: arguments.dedup.check_reads,
    };
    let table = table(&geometry, &options.words());
    map(session.mapper, &arguments.name, (main, spare), &table)?;
    report(session, &arguments.name)?;
    Ok(DONE)
}

/// The table of a volume with these sizes, and these further option words.
pub(in crate::commands) fn table(geometry: &Geometry, given: &[String]) -> Table {
    Table {
        sectors: sectors(geometry),
        words: words(geometry, given),
    }
}

/// The volume that lies on two legs, by either superblock; none if neither leg is of a volume. Whether a leg that is blank or
/// damaged does for the other one, is the module's to say.
fn find(main: &mut Leg, spare: &mut Leg) -> Result<Option<Superblock>, Failure> {
    check_roles(main, spare)?;
    let found = (
        read_superblock(main, Role::Main),
        read_superblock(spare, Role::Spare),
    );
    match found {
        (Ok(of_main), Ok(of_spare)) if of_main.uuid != of_spare.uuid => Err(Failure::new(format!(
            "{} belongs to volume {} and {} to volume {}: name the two that belong together",
            main.path().display(),
            Uuid(of_main.uuid),
            spare.path().display(),
            Uuid(of_spare.uuid)
        ))),
        (Ok(superblock), _) | (_, Ok(superblock)) => Ok(Some(superblock)),
        (Err(of_main), Err(of_spare)) if is_leg(main) || is_leg(spare) => {
            Err(Failure::new(format!(
                "no superblock of the volume can be used, that of {} is {of_main}, that of {} is {of_spare}: name the two legs of one volume",
                main.path().display(),
                spare.path().display()
            )))
        }
        _ => Ok(None),
    }
}

fn check_uuid(superblock: &Superblock, wanted: Option<Uuid>) -> Result<(), Failure> {
    match wanted {
        Some(uuid) if uuid.0 != superblock.uuid => Err(Failure::new(format!(
            "the devices are of volume {}, not of {uuid}: name those of that volume, or leave --uuid out",
            Uuid(superblock.uuid)
        ))),
        _ => Ok(()),
    }
}

/// Refuses sizes that are not the volume's, which cannot be changed.
fn check_sizes(superblock: &Superblock, wanted: &CreateDedup) -> Result<(), Failure> {
    let geometry = &superblock.geometry;
    let uuid = Uuid(superblock.uuid);
    let refuse = |option: &str, given: String, has: String| {
        Err(Failure::new(format!(
            "volume {uuid} has {has}, and {option} says {given}: leave {option} out, the sizes of a volume do not change"
        )))
    };
    let sectors = sectors(geometry);
    if let Some(given) = wanted.size.filter(|given| *given != sectors) {
        return refuse(
            "--size",
            format!("{given} sectors"),
            format!("{sectors} sectors"),
        );
    }
    let journal = journal_mebibytes(geometry);
    if let Some(given) = wanted
        .journal_mb
        .filter(|given| journal != Some(u64::from(*given)))
    {
        let blocks = geometry.journal_blocks;
        return refuse(
            "--journal-mb",
            format!("{given} MiB"),
            format!("a journal of {blocks} blocks of 4 KiB"),
        );
    }
    let index = index_mebibytes(geometry);
    if let Some(given) = wanted.index_memory.filter(|given| index != Some(*given)) {
        let has = match index {
            Some(0) => "no index".to_owned(),
            Some(megabytes) => format!("an index of {megabytes} MiB of memory"),
            None => format!("an index of {} blocks", geometry.index_blocks),
        };
        return refuse("--index-memory", format!("{given} MiB"), has);
    }
    Ok(())
}

/// The sizes of a volume that the module is to format.
fn sizes_for_blank(
    arguments: &Create,
    main: &mut Leg,
    spare: &mut Leg,
) -> Result<Geometry, Failure> {
    if let Some(uuid) = arguments.uuid {
        return Err(Failure::new(format!(
            "neither device is of volume {uuid}: name those of that volume, or make one with this UUID by sparectl format --mode dedup --uuid"
        )));
    }
    let wanted = Wanted {
        sectors: arguments.dedup.size,
        journal_mb: arguments.dedup.journal_mb,
        index_memory: arguments.dedup.index_memory,
    };
    let sizes = choose(wanted, main, spare)?;
    for leg in [main, spare] {
        if let Some(content) = content(leg)? {
            return Err(Failure::new(format!(
                "{} is not blank, it holds {content}: name another device, or, if nothing on it is needed, make the volume with sparectl format --mode dedup --force",
                leg.path().display()
            )));
        }
    }
    Ok(sizes.geometry)
}

fn sectors(geometry: &Geometry) -> u64 {
    geometry.logical_blocks.saturating_mul(SECTORS_PER_BLOCK)
}
