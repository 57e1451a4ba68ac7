// SPDX-License-Identifier: GPL-2.0-only

//! The filter of one record page: is a name perhaps on it?
//!
//! A quotient filter that does not move: the names of the page are spread over as many lists as a page has records.
//! A bitmap holds, for each list in turn, a one for each of its names and a zero; a second array holds, in the same
//! order, 14 further bits of each name. A name that is not on the page is found in it once in 2^14 times. (Quotienting
//! after Bender et al., "Don't Thrash: How to Cache Your Hash on Flash", VLDB 2012; the bitmap after Elias and Fano.)

use super::record_page::RECORDS_PER_PAGE;
use crate::engine::format::bytes::{get_u16, get_u64, get_u8};
use crate::engine::index::record::Name;

/// Lists of a filter.
const LISTS: usize = RECORDS_PER_PAGE;
/// Bits kept of each name beside the number of its list.
const REMAINDER_BITS: usize = 14;
/// Bytes of the bitmap.
const BITMAP_BYTES: usize = (RECORDS_PER_PAGE + LISTS) / 8;
/// Bytes of a filter.
pub(super) const FILTER_BYTES: usize = BITMAP_BYTES + RECORDS_PER_PAGE * REMAINDER_BITS / 8;

/// Where a filter looks for a name.
#[derive(Clone, Copy)]
struct Tag {
    list: u16,
    remainder: u16,
}

impl Tag {
    /// The list follows from bits 32 to 63 of the second half of a name, the remainder from bits 5 to 18: those below
    /// are the same in all hooks.
    fn of(name: Name) -> Self {
        Self {
            // CAST: the product of a number below one and the number of lists; the low 14 bits.
            list: (((name.rest >> 32) * LISTS as u64) >> 32) as u16,
            remainder: ((name.rest >> 5) & ((1 << REMAINDER_BITS) - 1)) as u16,
        }
    }
}

/// Writes the filter of a page with these names, in any order; names beyond what a page has room for are left out.
pub(super) fn build(filter: &mut [u8], names: impl Iterator<Item = Name>) {
    let mut tags = [Tag {
        list: 0,
        remainder: 0,
    }; RECORDS_PER_PAGE];
    // How many tags each list has; then how many the lists before it have.
    let mut places = [0u16; LISTS];
    let mut count = 0;
    for (place, name) in tags.iter_mut().zip(names) {
        *place = Tag::of(name);
        if let Some(length) = places.get_mut(usize::from(place.list)) {
            *length += 1;
        }
        count += 1;
    }
    let mut before = 0;
    for place in &mut places {
        before += core::mem::replace(place, before);
    }
    filter.fill(0);
    for tag in tags.iter().take(count) {
        let list = usize::from(tag.list);
        let Some(place) = places.get_mut(list) else {
            continue;
        };
        let index = usize::from(*place);
        *place += 1;
        set_bit(filter, index + list);
        put_remainder(filter, index, tag.remainder);
    }
}

/// Whether the page that a filter was built for perhaps has this name. Never false if it has.
pub(super) fn may_contain(filter: &[u8], name: Name) -> bool {
    let tag = Tag::of(name);
    let list = usize::from(tag.list);
    let mut bit = start_of(filter, list);
    while let Some(index) = bit.checked_sub(list) {
        if index >= RECORDS_PER_PAGE || !bit_is_set(filter, bit) {
            return false;
        }
        if remainder(filter, index) == tag.remainder {
            return true;
        }
        bit += 1;
    }
    false
}

/// The bit where a list begins: the one behind as many zeros as there are lists before it.
fn start_of(filter: &[u8], list: usize) -> usize {
    let mut zeros_wanted = list;
    let mut bit = 0;
    while zeros_wanted > 0 && bit < BITMAP_BYTES * 8 {
        let mut zeros = !get_u64(filter, bit / 8);
        // CAST: at most 64.
        let there = zeros.count_ones() as usize;
        if there < zeros_wanted {
            zeros_wanted -= there;
            bit += 64;
            continue;
        }
        while zeros_wanted > 1 {
            zeros &= zeros.wrapping_sub(1);
            zeros_wanted -= 1;
        }
        // CAST: at most 64.
        return bit + zeros.trailing_zeros() as usize + 1;
    }
    bit
}

fn bit_is_set(filter: &[u8], bit: usize) -> bool {
    get_u8(filter, bit / 8) & (1 << (bit % 8)) != 0
}

fn set_bit(filter: &mut [u8], bit: usize) {
    if let Some(byte) = filter.get_mut(bit / 8) {
        *byte |= 1 << (bit % 8);
    }
}

fn remainder(filter: &[u8], index: usize) -> u16 {
    let bit = index * REMAINDER_BITS;
    let at = BITMAP_BYTES + bit / 8;
    let bits = u32::from(get_u16(filter, at)) | (u32::from(get_u8(filter, at + 2)) << 16);
    // CAST: 14 bits are left.
    ((bits >> (bit % 8)) & ((1 << REMAINDER_BITS) - 1)) as u16
}

fn put_remainder(filter: &mut [u8], index: usize, remainder: u16) {
    let bit = index * REMAINDER_BITS;
    let bits = u32::from(remainder) << (bit % 8);
    let target = filter.get_mut(BITMAP_BYTES + bit / 8..).unwrap_or(&mut []);
    for (byte, value) in target.iter_mut().zip(bits.to_le_bytes()).take(3) {
        *byte |= value;
    }
}
