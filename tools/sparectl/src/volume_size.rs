// SPDX-License-Identifier: GPL-2.0-only

//! The size of a volume as a user writes it: `100G`, `4194304s`.

use dm_spare_engine::SECTOR_BYTES;

/// The letters, and the bytes that each stands for.
const UNITS: [(char, u64); 5] = [
    ('s', SECTOR_BYTES as u64),
    ('K', 1 << 10),
    ('M', 1 << 20),
    ('G', 1 << 30),
    ('T', 1 << 40),
];

/// Reads a size; the sectors of 512 bytes that it has. A unit must be named, since what a bare number counts differs from one
/// program to the next.
///
/// # Errors
///
/// It has no unit, no number, or is 0 or beyond what 64 bits count.
pub fn parse_volume_size(text: &str) -> Result<u64, String> {
    let unit = text.chars().next_back().unwrap_or(' ');
    let number = text.strip_suffix(unit).unwrap_or("");
    let bytes_of_unit = UNITS
        .into_iter()
        .find(|(letter, _)| letter.eq_ignore_ascii_case(&unit))
        .map(|(_, bytes)| bytes);
    let only_digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    bytes_of_unit
        .filter(|_| only_digits)
        .and_then(|bytes| number.parse::<u64>().ok()?.checked_mul(bytes))
        .filter(|bytes| *bytes > 0)
        .map(|bytes| bytes / SECTOR_BYTES as u64)
        .ok_or_else(|| {
            format!(
                "`{text}` is no size of a volume: give a number with a unit behind it, K, M, G or T, or s for sectors of 512 bytes, as in 100G"
            )
        })
}
