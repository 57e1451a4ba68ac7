// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl format`: makes a set on a blank spare, by the engine's own formatting.

use super::{Session, DONE};
use crate::cli::Format;
use crate::dedup::survey::{is_leg, read_superblock};
use crate::failure::Failure;
use crate::host::{Host, SetSizes};
use crate::leg::{Access, Leg};
use crate::storage::{BlockSource, Storage};
use crate::survey::{read_candidates, Candidate, Fault};
use dm_spare_engine::dedup::Leg as Role;
use dm_spare_engine::format::header::is_blank;
use dm_spare_engine::format::layout::COPIES_DEFAULT;
use dm_spare_engine::format::{Invalid, Kind, Layout, TableBlock};
use dm_spare_engine::{Block, ErrorClass, Uuid, BLOCK_BYTES, SECTORS_PER_BLOCK};

/// Runs the command.
///
/// # Errors
///
/// A device is in use or does not fit, or the spare is not blank and `--force` is not given.
pub fn run(arguments: &Format, session: &mut Session<'_>) -> Result<u8, Failure> {
    refuse_options_of_dedup(arguments)?;
    let main = Leg::open_unused(&arguments.main, Access::Read)?;
    let mut spare = Leg::open_unused(&arguments.spare, Access::Write)?;
    if main.is_same_as(&spare) {
        return Err(Failure::new(format!(
            "{} and {} are the same device: name two",
            main.path().display(),
            spare.path().display()
        )));
    }
    let sizes = SetSizes {
        main_sectors: main.sectors(),
        spare_sectors: spare.sectors(),
        main_logical_block_sectors: main.logical_block_sectors(),
        spare_logical_block_sectors: spare.logical_block_sectors(),
        metadata_copies: arguments.metadata_copies,
    };
    // Sizes that do not fit are found before anything is written.
    drop(Host::new(sizes, &mut spare)?);
    let layout = layout(arguments, spare.sectors())?;
    if let Some(content) = content(&mut spare)? {
        if !arguments.force {
            return Err(Failure::new(format!(
                "{} is not blank, it holds {content}: name another spare, or use --force if nothing on it is needed",
                spare.path().display()
            )));
        }
        writeln!(session.out, "{} held {content}", spare.path().display())?;
    }
    let uuid = match arguments.uuid {
        Some(uuid) => {
            refuse_remains(&mut spare, &layout, uuid)?;
            uuid.0
        }
        None => uuid::Uuid::new_v4().into_bytes(),
    };
    blank(&mut spare)?;
    let mut host = Host::new(sizes, &mut spare)?;
    let activation = host
        .activate(uuid)
        .map_err(|refusal| Failure::new(refusal.to_string()))?;
    let clean = host.rest();
    let slots = host.status().slots_total;
    if !activation.formatted || !clean {
        return Err(Failure::new(format!(
            "{} was not formatted whole: look for I/O errors in the kernel log and use another spare",
            spare.path().display()
        )));
    }
    writeln!(
        session.out,
        "formatted {}: set {}, {} copies of the metadata, {slots} slots of 4096 bytes",
        spare.path().display(),
        Uuid(activation.uuid),
        activation.copies
    )?;
    Ok(DONE)
}

fn layout(arguments: &Format, spare_sectors: u64) -> Result<Layout, Failure> {
    let copies = arguments.metadata_copies.unwrap_or(COPIES_DEFAULT);
    u8::try_from(copies)
        .ok()
        .and_then(|copies| Layout::new(spare_sectors / SECTORS_PER_BLOCK, copies))
        .ok_or_else(|| {
            Failure::new(format!(
                "{} has {spare_sectors} sectors, too few for {copies} copies of the metadata: use a larger spare",
                arguments.spare.display()
            ))
        })
}

fn refuse_options_of_dedup(arguments: &Format) -> Result<(), Failure> {
    let given = [
        ("--sectors", arguments.sectors.is_some()),
        ("--size", arguments.size.is_some()),
        ("--journal-mb", arguments.journal_mb.is_some()),
        ("--index-memory", arguments.index_memory.is_some()),
    ];
    match given.into_iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) => Err(Failure::new(format!(
            "{option} is for volumes of dedup mode: leave it out, or give --mode dedup too"
        ))),
        None => Ok(()),
    }
}

/// What is on a device that is not blank.
pub(super) fn content(spare: &mut Leg) -> Result<Option<String>, Failure> {
    if is_leg(spare) {
        let volume = Role::BOTH
            .into_iter()
            .find_map(|leg| Some((leg, read_superblock(spare, leg).ok()?)));
        return Ok(Some(match volume {
            Some((leg, superblock)) => format!("{leg} of volume {}", Uuid(superblock.uuid)),
            None => "metadata of a volume of dedup mode".to_owned(),
        }));
    }
    let sectors = spare.sectors();
    let candidates = read_candidates(spare, sectors);
    let set = candidates
        .iter()
        .find_map(|candidate| Some((candidate.block, candidate.found.as_ref().ok()?)));
    if let Some((block, superblock)) = set {
        return Ok(Some(format!(
            "spare set {} (a superblock in block {block})",
            Uuid(superblock.uuid)
        )));
    }
    if let Some((block, fault)) = candidates.iter().find_map(damaged) {
        return Ok(Some(format!(
            "metadata of a spare set (block {block} is {fault})"
        )));
    }
    let mut first = Block([0; BLOCK_BYTES]);
    spare.read_block(0, &mut first).map_err(|fault| {
        Failure::new(format!(
            "the first block of {} cannot be read ({}): use another spare",
            spare.path().display(),
            fault.text
        ))
    })?;
    if is_blank(&first.0) {
        return Ok(None);
    }
    let used = first.0.iter().filter(|byte| **byte != 0).count();
    let at = first.0.iter().position(|byte| *byte != 0).unwrap_or(0);
    let sample: Vec<String> = first
        .0
        .iter()
        .skip(at)
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(Some(format!(
        "data: {used} of its first 4096 bytes are not zero, from byte {at} on {}",
        sample.join(" ")
    )))
}

/// A place with metadata of which nothing can be used.
fn damaged(candidate: &Candidate) -> Option<(u64, &Fault)> {
    let fault = candidate.found.as_ref().err()?;
    let is_foreign = matches!(fault, Fault::Invalid(Invalid::Blank | Invalid::NotOurs));
    (!is_foreign).then_some((candidate.block, fault))
}

/// A UUID that was used on this spare before cannot be used again: what is left of that set would be taken for this one.
fn refuse_remains(spare: &mut Leg, layout: &Layout, uuid: Uuid) -> Result<(), Failure> {
    let mut block = Block([0; BLOCK_BYTES]);
    for copy in 0..layout.copies {
        let first = layout.superblock(copy);
        for number in first..first.saturating_add(layout.copy_blocks()) {
            // A block that cannot be read may become readable again; the loader would not use it without its set's UUID.
            let readable = spare.read_block(number, &mut block).is_ok();
            let is_remains = [Kind::Checkpoint, Kind::Log].into_iter().any(|kind| {
                TableBlock::decode(&block.0, number, kind, crc32c::crc32c)
                    .is_ok_and(|found| found.header.uuid == uuid.0)
            });
            if readable && is_remains {
                return Err(Failure::new(format!(
                    "block {number} of {} is left over from a set {uuid}: choose another UUID, or write zeros over the whole spare",
                    spare.path().display()
                )));
            }
        }
    }
    Ok(())
}

/// Writes zeros wherever a superblock can lie, the first block last: until then, what was there is still refused.
fn blank(spare: &mut Leg) -> Result<(), Failure> {
    let mut blocks = Layout::candidates(spare.sectors() / SECTORS_PER_BLOCK);
    blocks.sort_unstable();
    let result: Result<(), ErrorClass> = blocks
        .iter()
        .rev()
        .try_for_each(|block| {
            Storage::write(
                spare,
                block.saturating_mul(SECTORS_PER_BLOCK),
                &[0; BLOCK_BYTES],
            )
        })
        .and_then(|()| spare.flush());
    result.map_err(|class| {
        Failure::new(format!(
            "{} cannot be written ({class}): use another spare",
            spare.path().display()
        ))
    })
}
