// SPDX-License-Identifier: GPL-2.0-only

//! Every short sequence of operations on a tiny device, with a crash after every change of what a crash could
//! leave behind, every subset of what was not flushed, and another crash at every such change of the recovery.
//!
//! Actions between two such changes leave the same behind, so these are the crashes at every action. [`control`]
//! says why not every subset has to be recovered by itself; a sample is all the same, to prove it.
//!
//! [`control`]: crate::control

pub mod damage;
mod recovery;
mod sequence;

use crate::disk::lies::Lie;
use crate::disk::Disk;
use crate::image::Disks;
use crate::model::{Model, Value};
use crate::operation::{alphabet, Step};
use crate::sector::marked;
use crate::world::Wrong;
use dm_spare_engine::format::Layout;
use dm_spare_engine::Settings;
use sequence::{Explorer, Told};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Sectors of main: two blocks and a half.
pub const MAIN_SECTORS: u64 = 20;
/// Blocks of the spare: the least, and a few slots.
pub const SPARE_BLOCKS: u64 = 88;
/// Marks from here on are what main holds at the beginning.
pub const MAIN_MARKS: u64 = 1 << 40;
/// Marks from here on are rubbish on the spare, which nobody may ever read.
pub const SPARE_MARKS: u64 = 1 << 50;

/// Activations of a sequence have the numbers from 2 on, the one that formats has 1, those after a crash these.
const NONCE_OF_RECOVERY: u64 = 1 << 20;
/// The one that formats.
const NONCE_OF_FORMATTING: u64 = 1;
/// The first of a sequence.
const NONCE_OF_SEQUENCE: u64 = 2;

/// What is wrong with a block of main.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    /// Nothing.
    Good,
    /// One sector cannot be read.
    Unreadable,
    /// One sector cannot be written.
    Unwritable,
    /// Two sectors cannot be read or written.
    Both,
}

/// What is wrong with the spare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SpareCondition {
    /// Nothing.
    Good,
    /// The first two slots cannot be written.
    BadSlots,
    /// The log of the last copy cannot be written, so that it falls out again and again.
    BadLog,
    /// One checkpoint area of the first copy cannot be written.
    BadArea,
}

/// What there was to do.
#[derive(Clone, Copy, Default, Debug)]
pub struct Tally {
    /// Sequences run.
    pub sequences: u64,
    /// Sequences run once more for each write about which one copy can lie.
    pub lies: u64,
    /// Crashes, those of recoveries included.
    pub crashes: u64,
    /// Crash images tried, all that cannot be told apart counted once.
    pub images: u64,
    /// Subsets of unflushed sectors that they stand for.
    pub subsets: f64,
    /// Different states recovered.
    pub states: u64,
    /// Recoveries run.
    pub recoveries: u64,
    /// Recoveries of a sample of single subsets with the users' own data.
    pub samples: u64,
}

impl Tally {
    /// Adds what another worker has done.
    pub fn add(&mut self, other: &Self) {
        self.sequences += other.sequences;
        self.lies += other.lies;
        self.crashes += other.crashes;
        self.images += other.images;
        self.subsets += other.subsets;
        self.states += other.states;
        self.recoveries += other.recoveries;
        self.samples += other.samples;
    }
}

/// The settings of the tiny device.
pub fn settings() -> Settings {
    Settings {
        main_sectors: MAIN_SECTORS,
        spare_sectors: SPARE_BLOCKS * 8,
        main_logical_block_sectors: 1,
        spare_logical_block_sectors: 1,
        read_retries: 1,
        metadata_copies: None,
        expected_uuid: None,
        fail_after: 0,
        read_only: false,
        commit_timeout_milliseconds: 1000,
        max_requests: 8,
        jobs: 4,
    }
}

/// Main as the user left it, and a spare full of rubbish but for its first block.
pub fn blank_disks(settings: &Settings) -> Disks {
    [
        Disk::new(settings.main_sectors, |at| marked(MAIN_MARKS + at)),
        Disk::new(settings.spare_sectors, |at| {
            marked(if at < 8 { 0 } else { SPARE_MARKS + at })
        }),
    ]
}

/// What the user may read at the beginning.
pub fn initial_model(settings: &Settings, unreadable: &[u64]) -> Model {
    Model::new(settings.main_sectors, |at| {
        let mut values = vec![Value::Mark(MAIN_MARKS + at)];
        if unreadable.contains(&at) {
            values.push(Value::Lost);
        }
        values
    })
}

/// Where a sequence begins.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What is wrong with main's blocks.
    pub conditions: [Condition; 3],
    /// What is wrong with the spare.
    pub spare: SpareCondition,
    /// Suspends and resumes before, which fill the log: two commits each.
    pub suspends: usize,
}

/// The beginnings that are tried.
pub fn cases() -> Vec<Case> {
    use Condition::{Both, Good, Unreadable, Unwritable};
    use SpareCondition::{BadArea, BadLog, BadSlots};
    // With seven suspends the first commit of the sequence fills half of the log, and a checkpoint begins.
    [
        ([Unreadable, Good, Good], SpareCondition::Good, 0),
        ([Unwritable, Good, Good], SpareCondition::Good, 0),
        ([Both, Good, Good], SpareCondition::Good, 0),
        ([Both, Unwritable, Unreadable], SpareCondition::Good, 0),
        ([Unwritable, Both, Both], SpareCondition::Good, 0),
        ([Both, Unwritable, Unreadable], SpareCondition::Good, 7),
        ([Both, Unwritable, Good], BadSlots, 0),
        ([Both, Unwritable, Unreadable], BadLog, 0),
        ([Unwritable, Good, Unreadable], BadArea, 7),
    ]
    .into_iter()
    .map(|(conditions, spare, suspends)| Case {
        conditions,
        spare,
        suspends,
    })
    .collect()
}

impl Case {
    /// Makes the disks bad as the case wants it; the sectors of main that cannot be read.
    fn apply(&self, disks: &mut Disks, layout: &Layout) -> Vec<u64> {
        for (block, condition) in self.conditions.into_iter().enumerate() {
            let first = block as u64 * 8;
            match condition {
                Condition::Good => {}
                Condition::Unreadable => disks[0].make_unreadable(first + 3),
                Condition::Unwritable => {
                    disks[0].unwritable.insert(first + 2);
                }
                Condition::Both => {
                    disks[0].make_unreadable(first + 1);
                    disks[0].make_unreadable(first + 2);
                    disks[0].unwritable.extend([first + 1, first + 2]);
                }
            }
        }
        let first_slot = layout.copy_blocks();
        let last = layout.copies - 1;
        let blocks = match self.spare {
            SpareCondition::Good => 0..0,
            SpareCondition::BadSlots => first_slot..first_slot + 2,
            SpareCondition::BadLog => {
                layout.log(last, 0)..layout.superblock(last) + layout.copy_blocks()
            }
            SpareCondition::BadArea => {
                let first = layout.superblock(0) + 1;
                first..first + layout.area_blocks
            }
        };
        let sectors = blocks.start * 8..blocks.end * 8;
        disks[1].unwritable.extend(sectors);
        disks[0].unreadable().iter().copied().collect()
    }

    /// Whether either copy alone must be enough after every acknowledged write.
    fn has_both_copies(&self) -> bool {
        matches!(self.spare, SpareCondition::Good | SpareCondition::BadSlots)
    }
}

/// How far to go.
#[derive(Clone, Copy, Debug)]
pub struct Depth {
    /// Operations of the longest sequences.
    pub length: usize,
    /// Operations of the longest sequences that are run once more for each lie of one copy.
    pub length_with_lies: usize,
    /// Of so many images one is also recovered with the users' own data.
    pub sample: u64,
}

/// Runs every sequence of at most `depth.length` operations in each case that no other worker has taken: `taken` is
/// how many have been, and shared by all workers. What one has found out is of little use in another case.
///
/// # Errors
///
/// Names the sequence and what went wrong.
pub fn run(depth: Depth, taken: &AtomicUsize) -> Result<Tally, Wrong> {
    let mut explorer = Explorer::new(settings(), depth)?;
    explorer.format()?;
    while let Some(case) = cases().get(taken.fetch_add(1, Ordering::Relaxed)) {
        for first in alphabet() {
            extend(&mut explorer, case, &mut vec![first], depth)?;
        }
    }
    Ok(explorer.tally())
}

/// Runs a sequence, then all that begin with it.
fn extend(
    explorer: &mut Explorer,
    case: &Case,
    steps: &mut Vec<Step>,
    depth: Depth,
) -> Result<(), Wrong> {
    let name = |steps: &[Step], wrong: Wrong| format!("{case:?} {steps:?}: {wrong}");
    let told = explorer
        .sequence(case, steps, None)
        .map_err(|wrong| name(steps, wrong))?;
    if steps.len() <= depth.length_with_lies && case.has_both_copies() {
        lies(explorer, case, steps, &told)?;
    }
    // What changes nothing leads to sequences that were run without it.
    if told.changes_nothing || steps.len() >= depth.length {
        return Ok(());
    }
    for next in alphabet() {
        steps.push(next);
        extend(explorer, case, steps, depth)?;
        steps.pop();
    }
    Ok(())
}

/// Runs a sequence once more for each write to a copy of the metadata that can be lost or misdirected.
fn lies(explorer: &mut Explorer, case: &Case, steps: &[Step], told: &Told) -> Result<(), Wrong> {
    for (copy, writes) in told.metadata_writes.iter().enumerate() {
        for number in 0..*writes {
            for lie in [Lie::Lost, Lie::Misdirected] {
                // CAST: less than five.
                let one = (copy as u8, number, lie);
                explorer.sequence(case, steps, Some(one)).map_err(|wrong| {
                    format!("{case:?} {steps:?}, write {number} to copy {copy} {lie:?}: {wrong}")
                })?;
            }
        }
    }
    Ok(())
}
