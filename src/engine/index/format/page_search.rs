// SPDX-License-Identifier: GPL-2.0-only

//! Search among the ascending keys of a page.
//!
//! Keys are fingerprints, so they are spread evenly between the first and the last: interpolation lands within a few
//! places of the key. Keys that are not spread evenly are found by bisection.

use crate::engine::format::bytes::get_u64;
use crate::engine::index::search::bisect;

/// Bytes of a key.
const KEY_BYTES: usize = 8;
/// Places to walk from where interpolation lands, before bisection. The deviation among n even keys is at most
/// sqrt(n) / 2, which is 7 for a full page; so four deviations.
const WALK: usize = 28;

/// The place of the first of the ascending keys that is not below `key`; their number if all are below.
///
/// Of keys that do not ascend any place may be the answer.
pub(super) fn first_not_below(keys: &[u8], key: u64) -> usize {
    let count = keys.len() / KEY_BYTES;
    let at = |index: usize| get_u64(keys, index * KEY_BYTES);
    let guess = interpolate(keys, key, count);
    if guess < count && at(guess) < key {
        let end = count.min(guess + WALK);
        match (guess + 1..end).find(|index| at(*index) >= key) {
            Some(found) => found,
            None => bisect(end, count, |index| at(index) < key),
        }
    } else {
        let start = guess.saturating_sub(WALK);
        match (start..guess).rev().find(|index| at(*index) < key) {
            Some(below) => below + 1,
            None => bisect(0, start, |index| at(index) < key),
        }
    }
}

/// Where the key would lie if the keys were spread evenly.
fn interpolate(keys: &[u8], key: u64, count: usize) -> usize {
    let Some(last_index) = count.checked_sub(1) else {
        return 0;
    };
    let first = get_u64(keys, 0);
    let last = get_u64(keys, last_index * KEY_BYTES);
    if key <= first {
        return 0;
    }
    if key > last {
        return count;
    }
    // So that the product has at most 64 bits: a page has fewer than 2^8 keys.
    let range = last - first;
    let shift = 8u32.saturating_sub(range.leading_zeros());
    let part = ((key - first) >> shift).saturating_mul(last_index as u64);
    let place = part.checked_div(range >> shift).unwrap_or(0);
    // CAST: at most `last_index`.
    place.min(last_index as u64) as usize
}
