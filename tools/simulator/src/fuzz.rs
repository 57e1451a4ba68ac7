// SPDX-License-Identifier: GPL-2.0-only

//! What the fuzzers run: each function takes any bytes, and panics if a promise is broken.
//!
//! The fuzz targets in `tools/fuzz` only call these, so the tests here can run them on their seeds too.

mod base;
pub mod dedup_block;
pub mod dedup_volume;
pub mod index_block;
pub mod loader;
mod patch;
mod sample_block;
pub mod segment_image;
pub mod superblock;
pub mod table_block;

use dm_spare_engine::BLOCK_BYTES;
use std::io;
use std::path::Path;

/// A block made of the bytes given, and zeros behind them.
fn block_of(bytes: &[u8]) -> Vec<u8> {
    let mut block = bytes.to_vec();
    block.resize(BLOCK_BYTES, 0);
    block
}

/// Makes the checksum of a metadata block right.
fn seal(block: &mut [u8]) {
    let sum = crc32c::crc32c(&block[12..]).to_le_bytes();
    block[8..12].copy_from_slice(&sum);
}

/// If the environment names a folder in `DM_SPARE_FUZZ_SEEDS`, writes the inputs there that a fuzzer begins with,
/// and ends the process.
pub fn write_seeds_if_asked(seeds: fn() -> Vec<Vec<u8>>) {
    let Some(folder) = std::env::var_os("DM_SPARE_FUZZ_SEEDS") else {
        return;
    };
    match write_seeds(Path::new(&folder), &seeds()) {
        Ok(()) => std::process::exit(0),
        Err(error) => {
            eprintln!(
                "the seeds cannot be written to {}: {error}; name a folder that can be written",
                folder.to_string_lossy()
            );
            std::process::exit(1);
        }
    }
}

fn write_seeds(folder: &Path, seeds: &[Vec<u8>]) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for (number, seed) in seeds.iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{number:03}")), seed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{
        dedup_block, dedup_volume, index_block, loader, segment_image, superblock, table_block,
    };
    use crate::rng::Rng;
    use dm_spare_engine::dedup;
    use dm_spare_engine::format::block_header::BlockKind;
    use dm_spare_engine::index::format::Kind;

    /// Runs every seed, and each with some bytes changed so often.
    fn seeds_and_neighbours(seeds: Vec<Vec<u8>>, target: impl Fn(&[u8]), times: usize) {
        let mut rng = Rng::new(1);
        for seed in seeds {
            target(&seed);
            for _ in 0..times {
                let mut near = seed.clone();
                for _ in 0..=rng.below(3) {
                    if !near.is_empty() {
                        let at = rng.below(near.len());
                        near[at] = rng.draw() as u8;
                    }
                }
                target(&near);
            }
        }
    }

    #[test]
    fn superblocks() {
        seeds_and_neighbours(superblock::seeds(), superblock::run, 200);
    }

    #[test]
    fn table_blocks() {
        seeds_and_neighbours(table_block::seeds(), table_block::run, 200);
    }

    #[test]
    fn images() {
        seeds_and_neighbours(loader::seeds(), loader::run, 2);
    }

    #[test]
    fn index_blocks() {
        for kind in Kind::ALL.iter().copied() {
            let seeds = index_block::seeds(kind);
            assert!(!seeds.is_empty());
            seeds_and_neighbours(seeds, |data| index_block::run(kind, data), 200);
        }
    }

    #[test]
    fn dedup_blocks() {
        for kind in dedup::format::Kind::ALL.iter().copied() {
            let seeds = dedup_block::seeds(kind);
            assert!(!seeds.is_empty());
            seeds_and_neighbours(seeds, |data| dedup_block::run(kind, data), 200);
        }
    }

    #[test]
    fn a_block_of_the_journals_other_kind() {
        use dedup::format::Kind::{Image, Records};
        for (kind, other) in [(Image, Records), (Records, Image)] {
            for seed in dedup_block::seeds(other) {
                dedup_block::run(kind, &seed);
            }
        }
    }

    #[test]
    fn dedup_volumes() {
        seeds_and_neighbours(dedup_volume::seeds(), dedup_volume::run, 3);
        // All blocks of metadata, with right checksums.
        let mut rng = Rng::new(2);
        for _ in 0..1500 {
            let mut patches = Vec::new();
            for _ in 0..=rng.below(3) {
                let mut patch = rng.draw().to_le_bytes();
                patch[0] |= 1;
                patch[4] %= 1 << rng.below(5);
                patches.extend_from_slice(&patch[..6]);
            }
            dedup_volume::run(&patches);
        }
    }

    #[test]
    fn segment_images() {
        seeds_and_neighbours(segment_image::seeds(), segment_image::run, 200);
    }
}
