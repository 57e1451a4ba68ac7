// SPDX-License-Identifier: GPL-2.0-only

//! What blocks hold: a number each, so that every sector tells whose it is.

use crate::sector::{marked, mix};
use dm_spare_engine::dedup::{fingerprint, Fingerprint};
use dm_spare_engine::{Block, BLOCK_BYTES, SECTOR_BYTES};

/// What keys the fingerprints of every volume here.
pub const SECRET: [u8; 16] = [7; 16];

/// What a block of the volume reads as.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Value {
    /// Zeros.
    Zero,
    /// The content of this number, which is not 0.
    Data(u64),
    /// An error.
    Poisoned,
}

/// The bytes of a block.
pub fn bytes(value: Value) -> Vec<u8> {
    let Value::Data(number) = value else {
        return vec![0; BLOCK_BYTES];
    };
    (0..8u64)
        .flat_map(|sector| marked(number * 8 + sector).to_vec())
        .collect()
}

/// What these bytes are; none if they are no block's.
pub fn value(block: &[u8]) -> Option<Value> {
    if block.iter().all(|byte| *byte == 0) {
        return Some(Value::Zero);
    }
    let mark = crate::sector::mark_of(block.get(..SECTOR_BYTES)?)?;
    let value = Value::Data(mark / 8);
    (bytes(value) == block).then_some(value)
}

/// How blocks are fingerprinted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hashing {
    /// Contents share fingerprints with others if this is not 0: there are only so many. With 0 they are the module's own.
    pub weak: u64,
}

impl Hashing {
    /// The fingerprint of a content.
    pub fn fingerprint(&self, number: u64) -> Fingerprint {
        let Some(class) = number.checked_rem(self.weak) else {
            let mut block = Block([0; BLOCK_BYTES]);
            block.0.copy_from_slice(&bytes(Value::Data(number)));
            return fingerprint(SECRET, &block);
        };
        let half = mix(1, class).to_le_bytes();
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&half);
        bytes[8..].copy_from_slice(&half);
        Fingerprint(bytes)
    }

    /// The fingerprint of any block; none of one that has no content's, if there are only so many.
    pub fn fingerprint_of(&self, block: &Block) -> Option<Fingerprint> {
        if self.weak == 0 {
            return Some(fingerprint(SECRET, block));
        }
        match value(&block.0)? {
            Value::Data(number) => Some(self.fingerprint(number)),
            Value::Zero | Value::Poisoned => None,
        }
    }
}
