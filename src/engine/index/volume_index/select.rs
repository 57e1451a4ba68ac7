// SPDX-License-Identifier: GPL-2.0-only

//! Finding a set bit by its rank, without the processor's help: the kernel's baseline has neither `popcnt` nor `pdep`.
//!
//! The method is the broadword selection of S. Vigna, "Broadword implementation of rank/select queries" (2008): counts
//! of set bits are summed up byte by byte within one word, the byte is found by comparing all sums at once, and a
//! table finishes.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The position of the set bit number `rank` of each byte; 8 where there is none.
static IN_BYTE: [u8; 8 * 256] = positions();

const fn positions() -> [u8; 8 * 256] {
    let mut table = [8; 8 * 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut bit, mut rank) = (0, 0);
        while bit < 8 {
            if (byte >> bit) & 1 != 0 {
                // CAST: below 8.
                table[rank * 256 + byte] = bit as u8;
                rank += 1;
            }
            bit += 1;
        }
        byte += 1;
    }
    table
}

/// The position of the set bit number `rank`, counted from 0; anything from 0 to 72 if there is no such bit.
#[inline]
pub(super) fn select(word: u64, rank: usize) -> usize {
    let rank = rank as u64 & 63;
    let pairs = word - ((word >> 1) & 0x5555_5555_5555_5555);
    let fours = (pairs & 0x3333_3333_3333_3333) + ((pairs >> 2) & 0x3333_3333_3333_3333);
    let bytes = (fours + (fours >> 4)) & 0x0f0f_0f0f_0f0f_0f0f;
    // Byte n holds the number of set bits in bytes 0 to n: at most 64.
    let sums = bytes.wrapping_mul(ONES);
    // The high bit of byte n is set if the bit that is looked for lies behind byte n.
    let behind = (rank.wrapping_mul(ONES) | HIGHS).wrapping_sub(sums) & HIGHS;
    let shift = ((behind >> 7).wrapping_mul(ONES) >> 53) & 0x78;
    let before = (sums << 8).wrapping_shr(shift as u32) & 0xff;
    let byte = word.wrapping_shr(shift as u32) & 0xff;
    // CAST: below 2048.
    let index = (((rank.wrapping_sub(before) & 7) << 8) | byte) as usize;
    shift as usize + IN_BYTE.get(index).map_or(8, |position| *position as usize)
}

#[cfg(test)]
mod tests {
    use super::select;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_counting(word in any::<u64>(), thin in any::<u64>()) {
            for word in [word, word & thin, word | thin, 0, u64::MAX, 1 << 63] {
                let set = (0..64).filter(|bit| (word >> bit) & 1 != 0);
                for (rank, bit) in set.enumerate() {
                    prop_assert_eq!(select(word, rank), bit);
                }
                for rank in 0..64 {
                    prop_assert!(select(word, rank) <= 72);
                }
            }
        }
    }
}
