// SPDX-License-Identifier: GPL-2.0-only

//! Decoding any bytes as a block of the same kind as a sample.
//!
//! The input: one byte of which bit 0 makes what all blocks like the sample have in common right, and bit 1 the checksum,
//! then the block.

use super::block_of;
use dm_spare_engine::format::block_header::Invalid;
use dm_spare_engine::Block;
use std::ops::Range;

/// Bytes that tell kind and version.
const KIND: Range<usize> = 8..10;

/// What `decode_and_encode` believes must come out of it again, and be the same then, and be of a kind like one of
/// `believable`. `common` are the bytes that bit 0 takes from the sample.
pub(super) fn run(
    sample: &Block,
    believable: &[&Block],
    common: &[Range<usize>],
    data: &[u8],
    decode_and_encode: impl Fn(&[u8]) -> Result<Box<Block>, Invalid>,
) {
    let Some((flags, bytes)) = data.split_first() else {
        return;
    };
    let mut block = block_of(bytes);
    if flags & 1 != 0 {
        for range in common {
            block[range.clone()].copy_from_slice(&sample.0[range.clone()]);
        }
    }
    if flags & 2 != 0 {
        let sum = crc32c::crc32c(&block[8..]).to_le_bytes();
        block[4..8].copy_from_slice(&sum);
    }
    match decode_and_encode(&block) {
        Ok(again) => {
            assert!(believable.iter().any(|like| block[KIND] == like.0[KIND]));
            assert_eq!(block[KIND], again.0[KIND]);
            let twice = decode_and_encode(&again.0).expect("valid");
            assert!(again.0 == twice.0, "it changes each time");
        }
        Err(invalid) => assert!(!invalid.to_string().is_empty()),
    }
}

/// The samples as inputs.
pub(super) fn seeds<'a>(samples: impl Iterator<Item = &'a Block>) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for sample in samples {
        for flags in [0, 3] {
            let mut seed = vec![flags];
            seed.extend_from_slice(&sample.0);
            seeds.push(seed);
        }
    }
    seeds
}
