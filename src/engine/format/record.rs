// SPDX-License-Identifier: GPL-2.0-only

//! The 16 bytes that say how one block of main is served.

use super::bytes::{get_u32, get_u64, get_u8, put};
use crate::engine::units::{Lbn, Slot};

/// Bytes of a record.
pub const RECORD_BYTES: usize = 16;

/// The kind byte of a record.
const KIND_ENTRY: u8 = 1;

/// How one block of main is served from now on: a complete state, not a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    /// The block.
    pub lbn: Lbn,
    /// The slot; none if all of the block is lost, or if main serves it again.
    pub slot: Option<Slot>,
    /// One bit for each poisoned sector.
    pub mask: u8,
}

impl Record {
    /// Whether main serves the block again: nothing is lost, and nothing lies in a slot.
    pub fn is_returned(&self) -> bool {
        self.slot.is_none() && self.mask == 0
    }

    /// The record as bytes.
    pub fn pack(&self) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        put(&mut bytes, 0, &self.lbn.0.to_le_bytes());
        put(
            &mut bytes,
            8,
            &self.slot.map_or(0, |slot| slot.0).to_le_bytes(),
        );
        put(&mut bytes, 12, &[self.mask, KIND_ENTRY]);
        bytes
    }

    /// Reads a record; none if it is not well formed. Whether block and slot exist is for the caller to check.
    pub fn unpack(bytes: &[u8]) -> Option<Self> {
        let slot = match get_u32(bytes, 8) {
            0 => None,
            slot => Some(Slot(slot)),
        };
        let mask = get_u8(bytes, 12);
        let well_formed = bytes.len() == RECORD_BYTES
            && get_u8(bytes, 13) == KIND_ENTRY
            && bytes.get(14..16) == Some(&[0, 0]);
        well_formed.then_some(Self {
            lbn: Lbn(get_u64(bytes, 0)),
            slot,
            mask,
        })
    }
}
