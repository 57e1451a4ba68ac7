// SPDX-License-Identifier: GPL-2.0-only

//! Little-endian numbers at fixed places.
//!
//! A place outside the slice reads as zero and is not written; every caller's offsets are constants within a
//! block.

fn get<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    if let Some(source) = bytes.get(at..at.saturating_add(N)) {
        out.copy_from_slice(source);
    }
    out
}

/// Writes raw bytes.
pub(in super::super) fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(target) = bytes.get_mut(at..at.saturating_add(value.len())) {
        target.copy_from_slice(value);
    }
}

/// Reads one byte.
pub(in super::super) fn get_u8(bytes: &[u8], at: usize) -> u8 {
    u8::from_le_bytes(get(bytes, at))
}

/// Reads a 16-bit number.
pub(in super::super) fn get_u16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(get(bytes, at))
}

/// Reads a 32-bit number.
pub(in super::super) fn get_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(get(bytes, at))
}

/// Reads a 64-bit number.
pub(in super::super) fn get_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(get(bytes, at))
}

/// Reads sixteen bytes.
pub(in super::super) fn get_uuid(bytes: &[u8], at: usize) -> [u8; 16] {
    get(bytes, at)
}
