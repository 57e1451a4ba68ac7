// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl restore`: a volume on two blank legs, from a dump and the data that lies on main.

use super::{blocks, check_roles};
use crate::cli::Restore;
use crate::commands::format::content;
use crate::commands::{Session, DONE};
use crate::dedup::journal_survey::newest_remains;
use crate::dedup::restore::Dump;
use crate::dedup::writer::{Legs, Writer};
use crate::failure::Failure;
use crate::leg::{Access, Leg};
use dm_spare_engine::dedup::Lsn;
use dm_spare_engine::Uuid;
use std::fs::File;
use std::io::{stdin, BufReader, Read};

/// Runs the command.
///
/// # Errors
///
/// A leg is not blank or has another size, or the dump is not whole.
pub fn run(arguments: &Restore, session: &mut Session<'_>) -> Result<u8, Failure> {
    let input: Box<dyn Read> = match &arguments.input {
        Some(path) => {
            Box::new(File::open(path).map_err(|error| Failure::io("open", path, &error))?)
        }
        None => Box::new(stdin()),
    };
    let mut dump = Dump::new(BufReader::new(input))?;
    let mut main = Leg::open_unused(&arguments.main, Access::Write)?;
    let mut spare = Leg::open_unused(&arguments.spare, Access::Write)?;
    check_roles(&mut main, &mut spare)?;
    let superblock = dump.superblock;
    let sizes = [
        (&mut main, superblock.geometry.main_blocks),
        (&mut spare, superblock.spare_blocks),
    ];
    for (leg, expected) in sizes {
        if blocks(leg) != expected {
            return Err(Failure::new(format!(
                "{} has {} blocks, and the volume was formatted for {expected}: give a device of that size",
                leg.path().display(),
                blocks(leg)
            )));
        }
        if let Some(content) = content(leg)? {
            return Err(Failure::new(format!(
                "{} is not blank, it holds {content}: zero its first 4096 bytes if nothing of it is needed but the data",
                leg.path().display()
            )));
        }
    }
    // What an earlier run has left in the journal must never be expected again.
    let ring = dump.layout.geometry.journal_blocks;
    let redo = newest_remains(&mut main, &dump.layout, superblock.uuid)
        .map_or(Lsn::FIRST, |newest| newest.after(ring.saturating_add(1)));
    let layout = dump.layout;
    let mut writer = Writer::new(superblock, layout, redo);
    let legs = &mut Legs {
        main: &mut main,
        spare: &mut spare,
    };
    let totals = dump.write_pages(&mut writer, legs)?;
    writer.finish(0, totals, legs)?;
    writeln!(
        session.out,
        "restored volume {}: {} blocks mapped, {} used",
        Uuid(superblock.uuid),
        totals.mapped,
        totals.used
    )?;
    Ok(DONE)
}
