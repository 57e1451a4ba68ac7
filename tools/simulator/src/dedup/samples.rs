// SPDX-License-Identifier: GPL-2.0-only

//! One block of each kind that a deduplicated volume consists of, always the same: what the fuzzers begin with, and what is
//! kept in `tests/images/dedup` to show that the format has not changed.

use dm_spare_engine::dedup::format::journal_block::{self, Content};
use dm_spare_engine::dedup::format::presence_page::Presence;
use dm_spare_engine::dedup::format::superblock::{Features, Method};
use dm_spare_engine::dedup::format::{
    checkpoint, map_page, page, pool_page, presence_page, Checkpoint, Entry, Geometry, Kind,
    Layout, Place, Record, Superblock, HEADER_BYTES,
};
use dm_spare_engine::dedup::{Fingerprint, Lbn, Leg, Lsn, PageNumber, Pbn};
use dm_spare_engine::Block;
use std::io;
use std::path::Path;

/// The volume that the samples belong to.
pub const UUID: [u8; 16] = *b"dedup-of-samples";
/// The LSN of pages and journal blocks.
pub const LSN: Lsn = Lsn(1_000_003);
/// Blocks before it in its batch.
pub const OFFSET: u16 = 7;
/// The number of the checkpoint.
pub const CHECKPOINT: u64 = 17;

/// One block.
pub struct Sample {
    /// Name of its file.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Where it was written.
    pub address: u64,
    /// Of pages and images: which page.
    pub page: PageNumber,
    /// Its content.
    pub block: Box<Block>,
}

/// What the layout of the samples follows from.
pub fn geometry() -> Geometry {
    Geometry {
        main_blocks: 1 << 22,
        logical_blocks: 1 << 23,
        journal_blocks: 4096,
        index_blocks: 1000,
    }
}

/// The layout of the samples.
///
/// # Panics
///
/// If the geometry makes none.
pub fn layout() -> Layout {
    Layout::new(geometry()).expect("the geometry makes a layout")
}

/// The superblock of the samples.
pub fn superblock() -> Superblock {
    Superblock {
        uuid: UUID,
        features: Features {
            compatible: 5,
            read_only_compatible: 2,
            incompatible: 0,
        },
        geometry: geometry(),
        spare_blocks: 1 << 15,
        method: Method::Fast,
        secret: *b"0123456789abcdef",
    }
}

/// The checkpoint of the samples.
pub fn checkpoint() -> Checkpoint {
    Checkpoint {
        number: CHECKPOINT,
        redo: LSN,
        used_blocks: 123_456,
        mapped_blocks: 654_321,
        clean: true,
    }
}

/// The fingerprint of a block.
pub fn fingerprint(number: u64) -> Fingerprint {
    let mixed = u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    Fingerprint(mixed.to_le_bytes())
}

/// Records of all kinds.
pub fn records() -> Vec<Record> {
    let layout = layout();
    let mut records = vec![Record::Birth {
        page: layout.first_map_page(),
    }];
    for number in 0..60 {
        let pbn = Pbn(layout.data_start + number);
        records.push(Record::Store {
            lbn: Lbn(number * 7),
            pbn,
            fingerprint: fingerprint(number),
        });
        let lbn = Lbn(number * 7 + 1);
        records.push(Record::Share { lbn, pbn });
        records.push(Record::Range {
            lbn: Lbn(number * 1000),
            blocks: number + 1,
            entry: [Entry::Unmapped, Entry::Zero, Entry::Poisoned][number as usize % 3],
        });
    }
    records
}

/// A map page with entries of all kinds.
fn map() -> Box<Block> {
    let data_start = layout().data_start;
    let mut block = blank();
    for index in 0..map_page::ENTRIES {
        let entry = match index % 5 {
            0 => Entry::Unmapped,
            1 => Entry::Zero,
            2 => Entry::Poisoned,
            _ => Entry::Block(Pbn(data_start + index * 1000)),
        };
        map_page::set(&mut block, index as usize, entry);
    }
    block
}

fn pool() -> Box<Block> {
    let mut block = blank();
    for index in 0..pool_page::BLOCKS {
        let number = index as usize;
        pool_page::set_count(&mut block, number, (index % 7 * 9362) as u16);
        pool_page::set_fingerprint(&mut block, number, fingerprint(index));
    }
    block
}

fn presence() -> Box<Block> {
    let mut block = blank();
    for index in 0..presence_page::PAGES as usize {
        let presence = [Presence::Absent, Presence::Present, Presence::Full][index % 3];
        presence_page::set(&mut block, index, presence);
    }
    block
}

/// A block of zeros.
pub fn blank() -> Box<Block> {
    Box::new(Block([0; 4096]))
}

/// All samples.
pub fn samples() -> Vec<Sample> {
    let layout = layout();
    let checksum = crc32c::crc32c;
    let mut list = Vec::new();
    for (name, leg) in [
        ("superblock-main", Leg::Main),
        ("superblock-spare", Leg::Spare),
    ] {
        let mut block = blank();
        superblock().encode(leg, &mut block, checksum);
        list.push((name, Kind::Superblock, 0, PageNumber(0), block));
    }
    let mut block = blank();
    for page in [0, 1, 9] {
        checkpoint::set_root(&mut block, PageNumber(page));
    }
    checkpoint().seal(Leg::Main, UUID, &mut block, checksum);
    let address = Layout::checkpoint_address(CHECKPOINT);
    list.push((
        "checkpoint",
        Kind::Checkpoint,
        address,
        PageNumber(0),
        block,
    ));

    let pages = [
        ("presence", PageNumber(1), presence()),
        ("map", layout.first_map_page(), map()),
        ("pool", PageNumber(layout.first_pool_page().0 + 3), pool()),
    ];
    for (name, number, content) in pages {
        let kind = layout.page_kind(number).expect("there is such a page");
        let address = layout.page_address(number);
        let place = Place {
            address,
            uuid: UUID,
        };
        let mut block = content;
        page::seal(&mut block, number, kind, LSN, place, checksum);
        list.push((name, kind.block_kind(), address, number, block));
    }

    let address = layout.journal_address(LSN);
    let place = Place {
        address,
        uuid: UUID,
    };
    let mut block = blank();
    let mut length = 0;
    for record in records() {
        length = journal_block::append(&mut block, length, &record).expect("there is room");
    }
    let content = Content::Records(records().len() as u16);
    journal_block::seal(&mut block, content, LSN, OFFSET, place, checksum);
    list.push(("records", Kind::Records, address, PageNumber(0), block));
    let number = layout.first_map_page();
    let mut block = map();
    journal_block::seal(
        &mut block,
        Content::Image(number),
        LSN,
        OFFSET,
        place,
        checksum,
    );
    list.push(("image", Kind::Image, address, number, block));

    list.into_iter()
        .map(|(name, kind, address, page, block)| Sample {
            name,
            kind,
            address,
            page,
            block,
        })
        .collect()
}

/// The bytes of a block behind its header.
pub fn payload(block: &Block) -> &[u8] {
    &block.0[HEADER_BYTES..]
}

/// Writes all samples to a folder.
///
/// # Errors
///
/// As of the file system.
pub fn write(folder: &Path) -> io::Result<()> {
    for sample in samples() {
        std::fs::write(folder.join(sample.name), sample.block.0)?;
    }
    Ok(())
}
