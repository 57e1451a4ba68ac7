// SPDX-License-Identifier: GPL-2.0-only

//! One block of each kind that an index consists of, always the same: what the fuzzers begin with, and what is kept in
//! `tests/images/index` to show that the format has not changed.

use crate::index::whole;
use crate::rng::Rng;
use dm_spare_engine::index::format::chapter_part::BOUNDS_PER_PART;
use dm_spare_engine::index::format::save_header::Saved;
use dm_spare_engine::index::format::{
    filter_page, image_block, record_page, saved_page, ChapterHeader, ImageHeader, Kind, Place,
    SaveHeader, Superblock,
};
use dm_spare_engine::index::{
    Chapter, ChapterCode, Data, Entry, Geometry, Image, Layout, Name, Page, Parameters, Pbn,
};
use dm_spare_engine::Block;
use std::io;
use std::path::Path;

/// The index that the samples belong to.
pub const UUID: [u8; 16] = *b"index-of-samples";
/// The chapter that they belong to.
pub const CHAPTER: Chapter = Chapter(1_000_003);
/// The generation of superblock and save.
pub const GENERATION: u64 = 17;

/// One block.
pub struct Sample {
    /// Name of its file.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Where it was written.
    pub address: u64,
    /// Its content.
    pub block: Box<Block>,
}

/// What the geometry of the samples follows from.
pub fn parameters() -> Parameters {
    Parameters {
        pages: 2 * BOUNDS_PER_PART as u32,
        dense_chapters: 5,
        sparse_chapters: 6,
        checkpoint_chapters: 2,
        bucket_bits: 6,
    }
}

/// The geometry of the samples: a sparse one, with headers of three parts.
///
/// # Panics
///
/// If the parameters make no index.
pub fn geometry() -> Geometry {
    Geometry::new(parameters()).expect("the parameters make an index")
}

/// The header of the chapter.
pub fn chapter_header() -> ChapterHeader {
    let geometry = geometry();
    ChapterHeader {
        chapter: CHAPTER,
        oldest: geometry.oldest(CHAPTER),
        images: 123_456_789,
        records: geometry.chapter_records - 100,
        pages: geometry.page_blocks,
    }
}

/// The image.
pub fn image_header() -> ImageHeader {
    let geometry = geometry();
    let image = Image(987_654);
    ImageHeader {
        image,
        segment: Layout::new(&geometry).segment(image),
        mark: CHAPTER,
        // CAST: far below 2^32.
        bytes: (geometry.index.image_bytes() + 100) as u32,
    }
}

/// Records in the order of their names.
pub fn records(count: usize) -> Vec<(Name, Data)> {
    let mut rng = Rng::new(count as u64);
    let mut records: Vec<_> = (0..count)
        .map(|_| {
            let name = Name {
                key: rng.draw(),
                rest: rng.draw(),
            };
            (name, Data::from_bits(rng.draw()))
        })
        .collect();
    records.sort_by_key(|(name, _)| *name);
    records
}

/// Entries of a saved open chapter.
pub fn entries(count: usize) -> Vec<Entry> {
    let entry = |(index, (name, data)): (usize, (Name, Data))| Entry {
        name,
        data: Data::new(Pbn(data.pbn().0), 0).unwrap_or_default(),
        // CAST: of a few hundred entries.
        replaces: (index % 3 == 1).then_some(ChapterCode(index as u16 * 71 % ChapterCode::LIMIT)),
        deleted: index % 5 == 2,
    };
    records(count).into_iter().enumerate().map(entry).collect()
}

/// One sample of each kind.
pub fn samples() -> Vec<Sample> {
    let geometry = geometry();
    let layout = Layout::new(&geometry);
    let sample = |name, kind, address, fill: &dyn Fn(Place, &mut Block)| {
        let mut block = Box::new(Block([0; 4096]));
        let place = Place {
            address,
            uuid: UUID,
        };
        fill(place, &mut block);
        Sample {
            name,
            kind,
            address,
            block,
        }
    };
    let bounds: Vec<u32> = (0..geometry.page_blocks)
        .map(|page| page * 2_000_000 + 7)
        .collect();
    let parts = ["chapter-part-0", "chapter-part-1", "chapter-part-2"];
    let mut samples: Vec<Sample> = parts
        .into_iter()
        .zip(0..)
        .map(|(name, part)| {
            let address = layout.header(CHAPTER, part).unwrap_or(0);
            sample(name, Kind::ChapterPart, address, &|place, block| {
                chapter_header().encode(part, bounds.iter().copied(), place, block, crc32c::crc32c);
            })
        })
        .collect();
    let [_, last] = layout.superblocks();
    samples.push(sample(
        "superblock",
        Kind::Superblock,
        last,
        &|place, block| {
            let superblock = Superblock {
                uuid: UUID,
                generation: GENERATION,
                parameters: geometry.parameters,
                compatible: 5,
                incompatible: 0,
                geometry_known: true,
            };
            superblock.encode(&geometry, place.address, block, crc32c::crc32c);
        },
    ));
    for (name, page, count) in [
        ("record-page-full", Page(2), 184),
        ("record-page-part", Page(3), 50),
    ] {
        let address = layout.page(CHAPTER, page).unwrap_or(0);
        samples.push(sample(name, Kind::RecordPage, address, &|place, block| {
            let count = record_page::fill(block, records(count).into_iter());
            record_page::seal(block, place, CHAPTER, page, count, crc32c::crc32c);
        }));
    }
    let address = layout.filter(CHAPTER, 1).unwrap_or(0);
    samples.push(sample(
        "filter-page",
        Kind::FilterPage,
        address,
        &|place, block| {
            for (index, count) in [184, 0, 1, 77].into_iter().enumerate() {
                filter_page::fill(
                    block,
                    index,
                    records(count).into_iter().map(|(name, _)| name),
                );
            }
            filter_page::seal(block, place, CHAPTER, 1, 4, crc32c::crc32c);
        },
    ));
    for (name, part) in [("image-block-0", 0), ("image-block-1", 1)] {
        let address = layout.image(image_header().image) + u64::from(part);
        samples.push(sample(name, Kind::ImageBlock, address, &|place, block| {
            for (index, byte) in image_block::payload_mut(block).iter_mut().enumerate() {
                // CAST: the low byte.
                *byte = (index * 7 + part as usize) as u8;
            }
            image_header().seal(part, place, block, crc32c::crc32c);
        }));
    }
    for (name, saved) in [("save-header", true), ("save-header-discarded", false)] {
        samples.push(sample(
            name,
            Kind::SaveHeader,
            layout.save,
            &|place, block| {
                let saved = saved.then_some(Saved {
                    chapter: CHAPTER,
                    entries: 150,
                    pages: 2,
                });
                let header = SaveHeader {
                    generation: GENERATION,
                    saved,
                };
                header.encode(place, block, crc32c::crc32c);
            },
        ));
    }
    let address = layout.saved_page(0).unwrap_or(0);
    samples.push(sample(
        "saved-page",
        Kind::SavedPage,
        address,
        &|place, block| {
            let entries = entries(150).into_iter();
            saved_page::encode(block, entries, place, GENERATION, 0, crc32c::crc32c);
        },
    ));
    samples
}

/// The files of whole indexes; whether each is sparse.
pub const WHOLE: [(&str, bool); 2] = [("whole-dense", false), ("whole-sparse", true)];

/// Writes every sample, and the whole indexes, to a file of its name in a folder.
///
/// # Errors
///
/// A file cannot be written.
pub fn write(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for sample in samples() {
        std::fs::write(folder.join(sample.name), sample.block.0)?;
    }
    for (name, is_sparse) in WHOLE {
        std::fs::write(folder.join(name), whole::bytes(is_sparse))?;
    }
    Ok(())
}
