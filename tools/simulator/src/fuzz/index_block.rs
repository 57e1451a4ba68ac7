// SPDX-License-Identifier: GPL-2.0-only

//! Decoding blocks of an index, of every kind.
//!
//! The input is that of `sample_block`; bit 0 makes the magic, the version, the kind, the place and the index right.

use super::sample_block;
use crate::index_samples::{self, samples, Sample, UUID};
use dm_spare_engine::index::format::chapter_part::BOUNDS_PER_PART;
use dm_spare_engine::index::format::{
    filter_page, image_block, record_page, saved_page, ChapterPart, FilterPage, Header, ImageBlock,
    Invalid, Kind, Place, RecordPage, SaveHeader, SavedPage, Superblock,
};
use dm_spare_engine::index::{Chapter, Geometry, Image, Layout, Name, Page};
use dm_spare_engine::Block;
use std::sync::OnceLock;

/// Bytes of the magic, of kind and version, of the place, of the index.
const COMMON: [std::ops::Range<usize>; 4] = [0..4, 8..10, 16..24, 32..48];

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
        sample_block::run(&sample.block, &[&sample.block], &COMMON, data, |bytes| {
            decode_and_encode(kind, bytes, sample.address)
        });
    }
}

/// Samples of a kind, as inputs.
pub fn seeds(kind: Kind) -> Vec<Vec<u8>> {
    let samples = samples();
    let wanted = samples.iter().filter(|sample| sample.kind == kind);
    sample_block::seeds(wanted.map(|sample| &*sample.block))
}

/// Decodes a block of the samples' index, uses what it says, and encodes that.
///
/// # Errors
///
/// What is wrong with the block.
///
/// # Panics
///
/// If what it says is not used as it was meant.
pub fn decode_and_encode(kind: Kind, bytes: &[u8], address: u64) -> Result<Box<Block>, Invalid> {
    let checksum = crc32c::crc32c;
    let geometry = index_samples::geometry();
    let layout = Layout::new(&geometry);
    let place = Place {
        address,
        uuid: UUID,
    };
    let mut block = Box::new(Block([0; 4096]));
    if kind == Kind::Superblock {
        let superblock = Superblock::decode(bytes, address, checksum)?;
        // A geometry that is not known has nothing to be encoded with.
        let geometry = Geometry::new(superblock.parameters).filter(|_| superblock.geometry_known);
        superblock.encode(
            &geometry.unwrap_or(index_samples::geometry()),
            address,
            &mut block,
            checksum,
        );
        return Ok(block);
    }
    let header = Header::open(bytes, kind, &place, checksum)?;
    let chapter = Chapter(header.sequence);
    match kind {
        Kind::Superblock => {}
        Kind::ChapterPart => {
            let part = ChapterPart::open(bytes, &place, &layout, checksum)?;
            let mut bounds = vec![0; part.part as usize * BOUNDS_PER_PART];
            bounds.extend(part.bounds());
            part.header
                .encode(part.part, bounds.into_iter(), place, &mut block, checksum);
        }
        Kind::RecordPage => {
            let number = Page(header.part);
            let page = RecordPage::open(bytes, &place, chapter, number, checksum)?;
            let ascending = page
                .records()
                .zip(page.records().skip(1))
                .all(|(one, next)| one.0 < next.0);
            for (name, data) in page.records() {
                // What is found under a name is a record of that name, whatever the order is.
                let found = page.find(name);
                assert!(!ascending || found == Some(data), "{name:?}");
                assert!(
                    found.is_none_or(|found| page.records().any(|record| record == (name, found)))
                );
            }
            record_page::fill(&mut block, page.records());
            record_page::seal(&mut block, place, chapter, number, page.len(), checksum);
        }
        Kind::FilterPage => {
            let page = FilterPage::open(bytes, &place, chapter, header.part, checksum)?;
            let names = [0, 1, 1 << 33, u64::MAX].map(|rest| Name { key: rest, rest });
            for index in 0..=page.len() {
                let there = names
                    .iter()
                    .filter(|name| page.may_contain(index, **name))
                    .count();
                assert!(index < page.len() || there == 0);
            }
            block.0.copy_from_slice(bytes);
            filter_page::seal(
                &mut block,
                place,
                chapter,
                header.part,
                page.len(),
                checksum,
            );
        }
        Kind::ImageBlock => {
            let image = Image(header.sequence);
            let image = ImageBlock::open(bytes, &place, image, header.part, &layout, checksum)?;
            image_block::payload_mut(&mut block)[..image.payload.len()]
                .copy_from_slice(image.payload);
            image.header.seal(header.part, place, &mut block, checksum);
        }
        Kind::SaveHeader => {
            let header = SaveHeader::decode(bytes, &place, &layout, checksum)?;
            header.encode(place, &mut block, checksum);
        }
        Kind::SavedPage => {
            let page = SavedPage::open(bytes, &place, header.sequence, header.part, checksum)?;
            saved_page::encode(
                &mut block,
                page.entries(),
                place,
                header.sequence,
                header.part,
                checksum,
            );
        }
    }
    Ok(block)
}
