// SPDX-License-Identifier: GPL-2.0-only

//! The fast fingerprint of a block: the values were computed by another implementation of XXH64.

use dm_spare_engine::dedup::{fingerprint, is_zero};
use dm_spare_engine::Block;

fn sample() -> Box<Block> {
    let mut block = Box::new(Block([0; 4096]));
    for (index, byte) in block.0.iter_mut().enumerate() {
        *byte = (7 * index + index / 256) as u8;
    }
    block
}

#[test]
fn it_is_two_digests_with_the_halves_of_the_secret_as_seeds() {
    let found = fingerprint(*b"0123456789abcdef", &sample()).0;
    assert_eq!(found[..8], 0xdbae_57bf_5988_3542_u64.to_le_bytes());
    assert_eq!(found[8..], 0xec13_8173_6b97_3c37_u64.to_le_bytes());
    let found = fingerprint([0; 16], &sample()).0;
    assert_eq!(found[..8], 0x2f20_95db_b4b7_8856_u64.to_le_bytes());
    assert_eq!(found[8..], found[..8]);
}

#[test]
fn every_byte_counts() {
    let secret = *b"0123456789abcdef";
    let whole = fingerprint(secret, &sample());
    for index in 0..4096 {
        let mut block = sample();
        block.0[index] ^= 1;
        assert_ne!(fingerprint(secret, &block), whole, "byte {index}");
        let mut zeros = Box::new(Block([0; 4096]));
        assert!(is_zero(&zeros));
        zeros.0[index] = 0x80;
        assert!(!is_zero(&zeros), "byte {index}");
    }
}
