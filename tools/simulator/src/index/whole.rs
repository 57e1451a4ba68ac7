// SPDX-License-Identifier: GPL-2.0-only

//! Two whole indexes, a dense and a sparse one, always the same: kept in `tests/images/index`, they show that what an
//! earlier build wrote is loaded.

use super::disk::Disk;
use super::user::{update, User};
use super::world::Shape;
use dm_spare_engine::index::{Parameters, RequestKind};
use dm_spare_engine::BLOCK_BYTES;

/// Records of a chapter.
pub const CHAPTER: u64 = 184;
/// Chapters that are written; fewer are live.
pub const CHAPTERS: u64 = 7;
/// Names are posted in the order of their numbers, from 1 to this one; the last hundred are in the open chapter.
pub const LAST: u64 = CHAPTERS * CHAPTER + 100;
/// This name, in the newest chapter, then gets data of version 2.
pub const UPDATED: u64 = LAST - 150;
/// This one, in the open chapter, is then deleted.
pub const DELETED: u64 = LAST - 50;

/// The shape of one of the two, with so many zones.
pub fn shape(is_sparse: bool, zones: u32) -> Shape {
    let (dense_chapters, sparse_chapters) = if is_sparse { (2, 3) } else { (3, 0) };
    Shape {
        parameters: Parameters {
            pages: 1,
            dense_chapters,
            sparse_chapters,
            checkpoint_chapters: 2,
            bucket_bits: 3,
        },
        zones,
        waiting: 16,
        cache_pages: 8,
    }
}

/// Makes one of the two, and stops it cleanly; all its blocks.
///
/// # Panics
///
/// If the index does not do what it should.
pub fn bytes(is_sparse: bool) -> Vec<u8> {
    let mut user = User::of(shape(is_sparse, 1));
    user.next = 0;
    user.post_new(LAST);
    user.ask(update(UPDATED), UPDATED);
    user.ask(RequestKind::Delete, DELETED);
    assert!(user.suspend(true), "it was not saved");
    user.world.disk.settle_all();
    let blocks = 0..user.world.layout().blocks;
    let disk = &user.world.disk;
    blocks
        .flat_map(|block| *disk.durable_content(block))
        .collect()
}

/// A disk with these blocks.
pub fn disk(bytes: &[u8]) -> Disk {
    let mut disk = Disk::default();
    for (block, content) in (0..).zip(bytes.chunks_exact(BLOCK_BYTES)) {
        disk.put(block, content);
    }
    disk
}
