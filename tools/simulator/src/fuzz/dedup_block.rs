// SPDX-License-Identifier: GPL-2.0-only

//! Decoding the blocks of a deduplicated volume.
//!
//! The input is that of `sample_block`; bit 0 makes all of the header right but the checksum and the count.

use super::sample_block;
use crate::dedup::samples::{blank, layout, payload, samples, Sample, LSN, OFFSET, UUID};
use dm_spare_engine::dedup::format::journal_block::{self, Content, JournalBlock};
use dm_spare_engine::dedup::format::{
    checkpoint, page, Checkpoint, Invalid, Kind, Place, Record, Superblock,
};
use dm_spare_engine::dedup::{Leg, PageNumber};
use dm_spare_engine::Block;
use std::sync::OnceLock;

/// Bytes of the magic, of kind and version, from the part to the volume.
const COMMON: [std::ops::Range<usize>; 3] = [0..4, 8..10, 12..48];

/// The samples, made once.
static SAMPLES: OnceLock<Vec<Sample>> = OnceLock::new();

/// Decodes any bytes as a block of this kind; what is believed must come out of the encoder again.
///
/// # Panics
///
/// If it does not.
pub fn run(kind: Kind, data: &[u8]) {
    let samples = SAMPLES.get_or_init(samples);
    if let Some(sample) = samples.iter().find(|sample| sample.kind == kind) {
        // Where the journal is, a block of either of its kinds is right.
        let believable: Vec<&Block> = samples
            .iter()
            .filter(|other| other.kind == kind || is_journal(other.kind) && is_journal(kind))
            .map(|other| &*other.block)
            .collect();
        sample_block::run(&sample.block, &believable, &COMMON, data, |bytes| {
            let mut block = blank();
            block.0.copy_from_slice(&bytes[..4096]);
            decode_and_encode(sample, &block)
        });
    }
}

fn is_journal(kind: Kind) -> bool {
    matches!(kind, Kind::Records | Kind::Image)
}

/// Samples of a kind, as inputs.
pub fn seeds(kind: Kind) -> Vec<Vec<u8>> {
    let samples = samples();
    let wanted = samples.iter().filter(|sample| sample.kind == kind);
    sample_block::seeds(wanted.map(|sample| &*sample.block))
}

/// Decodes a block that is where a sample was, and encodes what it says.
///
/// # Errors
///
/// What is wrong with the block.
///
/// # Panics
///
/// If what it says cannot be used as it is meant.
pub fn decode_and_encode(sample: &Sample, block: &Block) -> Result<Box<Block>, Invalid> {
    let checksum = crc32c::crc32c;
    let layout = layout();
    let place = Place {
        address: sample.address,
        uuid: UUID,
    };
    let mut again = blank();
    match sample.kind {
        Kind::Superblock => {
            let leg = if sample.name.ends_with("main") {
                Leg::Main
            } else {
                Leg::Spare
            };
            let superblock = Superblock::decode(block, leg, checksum)?;
            superblock.encode(leg, &mut again, checksum);
        }
        Kind::Checkpoint => {
            let found =
                Checkpoint::open(block, Leg::Main, sample.address, &layout, UUID, checksum)?;
            for number in 0..checkpoint::ROOTS_MAXIMUM {
                if checkpoint::root(block, PageNumber(number)) {
                    checkpoint::set_root(&mut again, PageNumber(number));
                }
            }
            found.seal(Leg::Main, UUID, &mut again, checksum);
        }
        Kind::Presence | Kind::Map | Kind::Pool => {
            page::open(block, sample.page, &layout, UUID, checksum)?;
            again.0[48..].copy_from_slice(payload(block));
            let kind = layout.page_kind(sample.page).expect("a page");
            page::seal(&mut again, sample.page, kind, LSN, place, checksum);
        }
        Kind::Records | Kind::Image => {
            match JournalBlock::open(block, LSN, &layout, UUID, checksum)? {
                JournalBlock::Records(records) => {
                    let mut length = 0;
                    let mut count = 0;
                    for record in records {
                        assert!(record.exists(&layout));
                        length = journal_block::append(&mut again, length, &record).expect("room");
                        let bytes = &payload(&again)[length - record.length()..length];
                        assert_eq!(Record::unpack(bytes), Some(record));
                        count += 1;
                    }
                    journal_block::seal(
                        &mut again,
                        Content::Records(count),
                        LSN,
                        OFFSET,
                        place,
                        checksum,
                    );
                }
                JournalBlock::Image(number) => {
                    again.0[48..].copy_from_slice(payload(block));
                    journal_block::seal(
                        &mut again,
                        Content::Image(number),
                        LSN,
                        OFFSET,
                        place,
                        checksum,
                    );
                }
            }
        }
    }
    Ok(again)
}
