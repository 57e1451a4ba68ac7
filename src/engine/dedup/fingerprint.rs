// SPDX-License-Identifier: GPL-2.0-only

//! The fast fingerprint of a block, and whether it holds zeros.
//!
//! Two XXH64 digests (Yann Collet, xxHash specification 0.1.1; the constants are its own) with different seeds, the
//! halves of the volume's secret, computed in one pass. It is no cryptographic hash: who knows the secret can make
//! collisions. Whoever relies on it compares the data too.

use super::units::Fingerprint;
use crate::engine::block::Block;
use crate::engine::units::BLOCK_BYTES;

const PRIME_1: u64 = 0x9e37_79b1_85eb_ca87;
const PRIME_2: u64 = 0xc2b2_ae3d_27d4_eb4f;
const PRIME_3: u64 = 0x1656_67b1_9e37_79f9;
const PRIME_4: u64 = 0x85eb_ca77_c2b2_ae63;
/// Bytes of a lane.
const WORD: usize = 8;
/// Bytes that all lanes take at once.
const STRIPE: usize = 4 * WORD;

/// The accumulators of one digest.
#[derive(Clone, Copy)]
struct Lanes([u64; 4]);

impl Lanes {
    fn new(seed: u64) -> Self {
        Self([
            seed.wrapping_add(PRIME_1).wrapping_add(PRIME_2),
            seed.wrapping_add(PRIME_2),
            seed,
            seed.wrapping_sub(PRIME_1),
        ])
    }

    /// Takes a stripe whose words were multiplied by the second prime.
    #[inline]
    fn take(&mut self, products: [u64; 4]) {
        for (lane, product) in self.0.iter_mut().zip(products) {
            *lane = mix(*lane, product);
        }
    }

    fn digest(self) -> u64 {
        let [a, b, c, d] = self.0;
        let mut digest = a
            .rotate_left(1)
            .wrapping_add(b.rotate_left(7))
            .wrapping_add(c.rotate_left(12))
            .wrapping_add(d.rotate_left(18));
        for lane in self.0 {
            digest = (digest ^ mix(0, lane.wrapping_mul(PRIME_2)))
                .wrapping_mul(PRIME_1)
                .wrapping_add(PRIME_4);
        }
        digest = digest.wrapping_add(BLOCK_BYTES as u64);
        digest = (digest ^ (digest >> 33)).wrapping_mul(PRIME_2);
        digest = (digest ^ (digest >> 29)).wrapping_mul(PRIME_3);
        digest ^ (digest >> 32)
    }
}

#[inline]
fn mix(lane: u64, product: u64) -> u64 {
    lane.wrapping_add(product)
        .rotate_left(31)
        .wrapping_mul(PRIME_1)
}

fn word(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_le_bytes)
}

/// The fingerprint of a block.
pub fn fingerprint(secret: [u8; 16], block: &Block) -> Fingerprint {
    let (first, second) = secret.split_at(WORD);
    let mut one = Lanes::new(word(first));
    let mut two = Lanes::new(word(second));
    for stripe in block.0.chunks_exact(STRIPE) {
        let mut products = [0; 4];
        for (product, bytes) in products.iter_mut().zip(stripe.chunks_exact(WORD)) {
            *product = word(bytes).wrapping_mul(PRIME_2);
        }
        one.take(products);
        two.take(products);
    }
    let both = (u128::from(two.digest()) << 64) | u128::from(one.digest());
    Fingerprint(both.to_le_bytes())
}

/// Whether a block holds nothing but zeros.
pub fn is_zero(block: &Block) -> bool {
    // Eight words at a time: most blocks differ in the first of them.
    block.0.chunks_exact(8 * WORD).all(|part| {
        part.chunks_exact(WORD)
            .fold(0, |all, bytes| all | word(bytes))
            == 0
    })
}
