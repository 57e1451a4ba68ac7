// SPDX-License-Identifier: GPL-2.0-only

//! What superblocks and checkpoints say, leg by leg, read independently of the engine. It judges nothing.

use super::Fault;
use crate::storage::BlockSource;
use dm_spare_engine::dedup::format::header::Kind;
use dm_spare_engine::dedup::format::layout::SUPERBLOCK;
use dm_spare_engine::dedup::format::{Checkpoint, Invalid, Layout, Superblock};
use dm_spare_engine::dedup::Leg;
use dm_spare_engine::format::block_header::BlockKind;
use dm_spare_engine::index;
use dm_spare_engine::{Block, BLOCK_BYTES};

/// The metadata at the beginning of a leg.
#[derive(Clone)]
pub struct LegSurvey {
    /// Which leg.
    pub leg: Leg,
    /// Its size in blocks.
    pub blocks: u64,
    /// What lies in block 0.
    pub superblock: Result<Superblock, Fault>,
    /// What lies in both places of checkpoints, if a superblock says how to read it.
    pub checkpoints: Vec<Result<Checkpoint, Fault>>,
    /// The blocks of those that are valid.
    pub checkpoint_blocks: Vec<Option<Box<Block>>>,
}

/// The metadata at the beginning of the legs that were given.
#[derive(Clone)]
pub struct Survey {
    /// Main first.
    pub legs: Vec<LegSurvey>,
    /// The volume: what the first valid superblock says.
    pub volume: Option<(Superblock, Layout)>,
}

/// Whether a device is a leg of a volume of dedup mode, to judge by its first block.
pub fn is_leg(source: &mut dyn BlockSource) -> bool {
    let mut block = blank();
    source.read_block(SUPERBLOCK, &mut block).is_ok() && block.0.starts_with(&Kind::MAGIC)
}

/// Which leg a device is, if its superblock is valid.
pub fn role(source: &mut dyn BlockSource) -> Option<Leg> {
    Leg::BOTH
        .into_iter()
        .find(|leg| read_superblock(source, *leg).is_ok())
}

impl LegSurvey {
    fn add_checkpoint(&mut self, found: Result<(Checkpoint, Box<Block>), Fault>) {
        let (checkpoint, block) = match found {
            Ok((checkpoint, block)) => (Ok(checkpoint), Some(block)),
            Err(fault) => (Err(fault), None),
        };
        self.checkpoints.push(checkpoint);
        self.checkpoint_blocks.push(block);
    }

    /// The block of the checkpoint with this number, if it is valid.
    pub fn checkpoint_block(&self, number: u64) -> Option<&Block> {
        // CAST: 0 or 1.
        let place = (number % 2) as usize;
        let found = self.checkpoints.get(place)?.as_ref().ok()?;
        let block = self.checkpoint_blocks.get(place)?.as_deref()?;
        (found.number == number).then_some(block)
    }
}

impl Survey {
    /// Reads the legs that there are; with each its size in blocks.
    pub fn read(legs: &mut [(Leg, u64, &mut dyn BlockSource)]) -> Self {
        let superblocks: Vec<_> = legs
            .iter_mut()
            .map(|(leg, _, source)| read_superblock(*source, *leg))
            .collect();
        let volume = superblocks.iter().flatten().next().and_then(|superblock| {
            let layout = Layout::new(superblock.geometry)?;
            Some((*superblock, layout))
        });
        let legs = legs
            .iter_mut()
            .zip(superblocks)
            .map(|((leg, blocks, source), superblock)| {
                let mut survey = LegSurvey {
                    leg: *leg,
                    blocks: *blocks,
                    superblock,
                    checkpoints: Vec::new(),
                    checkpoint_blocks: Vec::new(),
                };
                if let Some((superblock, layout)) = volume {
                    for number in [0, 1] {
                        survey.add_checkpoint(read_checkpoint(
                            *source,
                            *leg,
                            number,
                            &layout,
                            superblock.uuid,
                        ));
                    }
                }
                survey
            })
            .collect();
        Self { legs, volume }
    }

    /// The survey of a leg, if it was given.
    pub fn leg(&self, leg: Leg) -> Option<&LegSurvey> {
        self.legs.iter().find(|survey| survey.leg == leg)
    }

    /// The newest checkpoint of all legs.
    pub fn newest(&self) -> Option<Checkpoint> {
        self.legs
            .iter()
            .flat_map(|leg| &leg.checkpoints)
            .flatten()
            .max_by_key(|checkpoint| checkpoint.number)
            .copied()
    }
}

/// Reads the superblock of a leg.
///
/// # Errors
///
/// Why it cannot be used.
pub fn read_superblock(source: &mut dyn BlockSource, leg: Leg) -> Result<Superblock, Fault> {
    let block = read(source, SUPERBLOCK)?;
    Superblock::decode(&block, leg, crc32c::crc32c).map_err(Fault::Invalid)
}

/// Reads the checkpoint in the place of those with this number, and its block, which says which presence pages there are.
///
/// # Errors
///
/// Why it cannot be used.
pub fn read_checkpoint(
    source: &mut dyn BlockSource,
    leg: Leg,
    number: u64,
    layout: &Layout,
    uuid: [u8; 16],
) -> Result<(Checkpoint, Box<Block>), Fault> {
    let address = Layout::checkpoint_address(number);
    let block = read(source, address)?;
    let checkpoint = Checkpoint::open(&block, leg, address, layout, uuid, crc32c::crc32c)
        .map_err(Fault::Invalid)?;
    Ok((checkpoint, block))
}

/// Reads the superblock of the index, which may have two that are equal.
///
/// # Errors
///
/// Why the first one cannot be used.
pub fn read_index(
    main: &mut dyn BlockSource,
    layout: &Layout,
) -> Result<index::format::Superblock, Fault> {
    let block = read(main, layout.index_start)?;
    index::format::Superblock::decode(&block.0, 0, crc32c::crc32c).map_err(|invalid| {
        Fault::Invalid(match invalid {
            // What was on main before is no damage.
            Invalid::NotOurs => Invalid::Blank,
            other => other,
        })
    })
}

/// Reads one block.
///
/// # Errors
///
/// It cannot be read.
pub fn read(source: &mut dyn BlockSource, address: u64) -> Result<Box<Block>, Fault> {
    let mut block = blank();
    source
        .read_block(address, &mut block)
        .map_err(|fault| Fault::Unreadable(fault.text))?;
    Ok(block)
}

/// A block of zeros.
pub fn blank() -> Box<Block> {
    Box::new(Block([0; BLOCK_BYTES]))
}
