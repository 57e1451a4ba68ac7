// SPDX-License-Identifier: GPL-2.0-only

//! Decoding superblocks.
//!
//! The input: one byte of which bit 0 makes the magic, the version, the kind and the address right and bit 1 the
//! checksum, the address in two bytes, then the block.

use super::{block_of, seal};
use crate::sector::mix;
use dm_spare_engine::format::header::{is_blank, HEADER_BYTES, MAGIC};
use dm_spare_engine::format::{Layout, Superblock};
use dm_spare_engine::Block;

/// Decodes any bytes; what is believed must come out of the encoder again.
///
/// # Panics
///
/// If it does not.
pub fn run(data: &[u8]) {
    let [flags, low, high, bytes @ ..] = data else {
        return;
    };
    let address = u64::from(u16::from_le_bytes([*low, *high]));
    let mut block = block_of(bytes);
    if flags & 1 != 0 {
        block[..8].copy_from_slice(&MAGIC);
        block[12..16].copy_from_slice(&[1, 0, 1, 0]);
        block[16..24].copy_from_slice(&address.to_le_bytes());
    }
    if flags & 2 != 0 {
        seal(&mut block);
    }
    let superblock = match Superblock::decode(&block, address, crc32c::crc32c) {
        Ok(superblock) => superblock,
        Err(invalid) => {
            assert!(!invalid.to_string().is_empty());
            return;
        }
    };
    assert!(!is_blank(&block));
    let layout = Layout::new(superblock.spare_sectors / 8, superblock.copies);
    if let (Some(layout), true) = (layout, superblock.geometry_known) {
        let mut again = Block([0xff; 4096]);
        superblock.encode(&layout, &mut again, crc32c::crc32c);
        let decoded = Superblock::decode(&again.0, address, crc32c::crc32c);
        assert_eq!(decoded, Ok(superblock));
        assert_eq!(again.0[HEADER_BYTES..144], block[HEADER_BYTES..144]);
        assert!(Layout::candidates(superblock.spare_sectors / 8).contains(&address));
    }
}

/// Superblocks of all sizes and numbers of copies.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![vec![3, 0, 0]];
    for (copies, blocks) in [(2u8, 82u64), (2, 1000), (3, 600), (4, 156), (4, 40_000)] {
        let Some(layout) = Layout::new(blocks, copies) else {
            continue;
        };
        for copy in 0..copies {
            let address = layout.superblock(copy);
            let superblock = Superblock {
                uuid: [7; 16],
                copy,
                copies,
                main_sectors: mix(blocks, 1) % (1 << 40),
                spare_sectors: blocks * 8,
                compatible: 0,
                incompatible: 0,
                geometry_known: true,
            };
            let mut block = Block([0; 4096]);
            superblock.encode(&layout, &mut block, crc32c::crc32c);
            // CAST: the low 16 bits, which is all that the input has room for.
            let mut seed = vec![0, address as u8, (address >> 8) as u8];
            seed.extend_from_slice(&block.0[..160]);
            seeds.push(seed.clone());
            seed[0] = 3;
            seeds.push(seed);
        }
    }
    seeds
}
