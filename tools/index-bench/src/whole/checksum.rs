// SPDX-License-Identifier: GPL-2.0-only

//! CRC-32C as fast as in the kernel, which multiplies without carry in the widest registers that the processor has.
//!
//! The method is that of Gopal and others, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction"
//! (Intel, 2009): 64 bytes are moved over the bytes that follow without changing the remainder. What is left in the end
//! has 64 bytes, and the usual instruction finishes.

use core::arch::asm;

/// The polynomial, its bits in reverse.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// Bytes of a register, and of the four that are worked on at once.
const PIECE_BYTES: usize = 64;
const STEP_BYTES: usize = 4 * PIECE_BYTES;

/// The remainder of x to a power, its bits in reverse.
const fn power_of_x(exponent: u32) -> u64 {
    let mut power = 1u32 << 31;
    let mut count = 0;
    while count < exponent {
        power = (power >> 1) ^ if power & 1 == 1 { POLYNOMIAL } else { 0 };
        count += 1;
    }
    // In 64 bits that are in reverse the lowest powers come last.
    (power as u64) << 32
}

/// What the two halves of 128 bits are multiplied with that move over so many bytes. A product of 64 bits by 64 in
/// reverse is x times too large.
const fn move_over(bytes: usize) -> [u64; 2] {
    // CAST: a few hundred.
    let bits = 8 * bytes as u32;
    [power_of_x(bits + 63), power_of_x(bits - 1)]
}

static FACTORS: [[u64; 2]; 4] = [
    move_over(STEP_BYTES),
    move_over(3 * PIECE_BYTES),
    move_over(2 * PIECE_BYTES),
    move_over(PIECE_BYTES),
];

#[repr(align(64))]
struct Piece([u8; PIECE_BYTES]);

/// The checksum of some bytes.
pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    if bytes.len() < STEP_BYTES || !is_possible() {
        return crc32c::crc32c(bytes);
    }
    let (pieces, rest) = bytes.split_at(bytes.len() / PIECE_BYTES * PIECE_BYTES);
    // SAFETY: the processor can do it, and there are four pieces at least.
    let piece = unsafe { fold(pieces) };
    // The crate complements what it begins and ends with; here the beginning is in the piece.
    crc32c::crc32c_append(crc32c::crc32c_append(u32::MAX, &piece.0), rest)
}

fn is_possible() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("vpclmulqdq")
}

/// Folds pieces, of which there must be four or more, into one that has the same remainder, the initial value
/// included.
///
/// # Safety
///
/// The processor has AVX-512F and VPCLMULQDQ.
unsafe fn fold(pieces: &[u8]) -> Piece {
    let steps = pieces.len() / STEP_BYTES;
    let others = pieces.len() % STEP_BYTES / PIECE_BYTES;
    let mut piece = Piece([0; PIECE_BYTES]);
    // SAFETY: reads the pieces and the factors, and writes the one piece.
    unsafe {
        asm!(
            "vmovdqu64 zmm0, [{data}]",
            "vmovdqu64 zmm1, [{data} + 64]",
            "vmovdqu64 zmm2, [{data} + 128]",
            "vmovdqu64 zmm3, [{data} + 192]",
            "vmovd xmm4, {ones:e}",
            "vpxorq zmm0, zmm0, zmm4",
            "vbroadcasti32x4 zmm4, [{factors}]",
            "jmp 3f",
            "2:",
            "vpclmulqdq zmm5, zmm0, zmm4, 0x00",
            "vpclmulqdq zmm0, zmm0, zmm4, 0x11",
            "vpternlogq zmm0, zmm5, [{data}], 0x96",
            "vpclmulqdq zmm6, zmm1, zmm4, 0x00",
            "vpclmulqdq zmm1, zmm1, zmm4, 0x11",
            "vpternlogq zmm1, zmm6, [{data} + 64], 0x96",
            "vpclmulqdq zmm5, zmm2, zmm4, 0x00",
            "vpclmulqdq zmm2, zmm2, zmm4, 0x11",
            "vpternlogq zmm2, zmm5, [{data} + 128], 0x96",
            "vpclmulqdq zmm6, zmm3, zmm4, 0x00",
            "vpclmulqdq zmm3, zmm3, zmm4, 0x11",
            "vpternlogq zmm3, zmm6, [{data} + 192], 0x96",
            "3:",
            "add {data}, 256",
            "dec {steps}",
            "jnz 2b",
            "vbroadcasti32x4 zmm4, [{factors} + 16]",
            "vpclmulqdq zmm5, zmm0, zmm4, 0x00",
            "vpclmulqdq zmm0, zmm0, zmm4, 0x11",
            "vpternlogq zmm3, zmm5, zmm0, 0x96",
            "vbroadcasti32x4 zmm4, [{factors} + 32]",
            "vpclmulqdq zmm5, zmm1, zmm4, 0x00",
            "vpclmulqdq zmm1, zmm1, zmm4, 0x11",
            "vpternlogq zmm3, zmm5, zmm1, 0x96",
            "vbroadcasti32x4 zmm4, [{factors} + 48]",
            "vpclmulqdq zmm5, zmm2, zmm4, 0x00",
            "vpclmulqdq zmm2, zmm2, zmm4, 0x11",
            "vpternlogq zmm3, zmm5, zmm2, 0x96",
            "test {others}, {others}",
            "jz 5f",
            "4:",
            "vpclmulqdq zmm5, zmm3, zmm4, 0x00",
            "vpclmulqdq zmm3, zmm3, zmm4, 0x11",
            "vpternlogq zmm3, zmm5, [{data}], 0x96",
            "add {data}, 64",
            "dec {others}",
            "jnz 4b",
            "5:",
            "vmovdqa64 [{piece}], zmm3",
            "vzeroupper",
            data = inout(reg) pieces.as_ptr() => _,
            steps = inout(reg) steps => _,
            others = inout(reg) others => _,
            factors = in(reg) FACTORS.as_ptr(),
            piece = in(reg) piece.0.as_mut_ptr(),
            ones = in(reg) u32::MAX,
            out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
            out("xmm4") _, out("xmm5") _, out("xmm6") _,
            options(nostack),
        );
    }
    piece
}

#[cfg(test)]
mod tests {
    use crate::workload::Numbers;

    #[test]
    fn it_is_the_same_as_one_computed_otherwise() {
        let mut numbers = Numbers::new(3);
        let bytes: Vec<u8> = (0..5000).map(|_| numbers.draw() as u8).collect();
        for length in (0..600).chain([4088, 4096, 5000]) {
            for start in [0, 1, 8] {
                let part = &bytes[start.min(length)..length];
                assert_eq!(super::crc32c(part), crc32c::crc32c(part), "{length}");
            }
        }
    }
}
