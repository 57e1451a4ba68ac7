// SPDX-License-Identifier: GPL-2.0-only

//! The content of one sector: shared, never changed, with its hash kept beside it.

use dm_spare_engine::SECTOR_BYTES;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Deref;
use std::rc::Rc;

#[derive(Debug)]
struct Content {
    bytes: [u8; SECTOR_BYTES],
    hash: u64,
}

/// The content of one sector. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Sector(Rc<Content>);

impl Sector {
    /// A sector with these bytes.
    pub fn new(bytes: [u8; SECTOR_BYTES]) -> Self {
        let mut hash = 0;
        for chunk in bytes.chunks_exact(8) {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            hash = mix(hash, u64::from_le_bytes(word));
        }
        Self(Rc::new(Content { bytes, hash }))
    }

    /// A number that differs for different contents, but for an accident of one in 2^64.
    pub fn hash(&self) -> u64 {
        self.0.hash
    }

    /// Whether both are the very same write.
    pub fn is_same_write(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// The mark of the sector, if it is full of one.
    pub fn mark(&self) -> Option<u64> {
        mark_of(&self.0.bytes)
    }
}

impl Deref for Sector {
    type Target = [u8; SECTOR_BYTES];

    fn deref(&self) -> &Self::Target {
        &self.0.bytes
    }
}

impl PartialEq for Sector {
    fn eq(&self, other: &Self) -> bool {
        self.is_same_write(other) || (self.0.hash == other.0.hash && self.0.bytes == other.0.bytes)
    }
}

/// A sector full of one mark.
pub fn marked(mark: u64) -> Sector {
    let mut bytes = [0; SECTOR_BYTES];
    for chunk in bytes.chunks_mut(8) {
        chunk.copy_from_slice(&mark.to_le_bytes());
    }
    Sector::new(bytes)
}

/// The mark of a sector, if it is full of one.
pub fn mark_of(bytes: &[u8]) -> Option<u64> {
    let mark = u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?);
    bytes
        .chunks(8)
        .all(|chunk| chunk == mark.to_le_bytes())
        .then_some(mark)
}

/// For maps whose keys are hashes already.
pub type Hashed = BuildHasherDefault<TakesHash>;

/// A hash that is taken as it is.
#[derive(Default)]
pub struct TakesHash(u64);

impl Hasher for TakesHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = mix(self.0, (*byte).into());
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// Stirs a number into a hash.
pub fn mix(hash: u64, number: u64) -> u64 {
    let mut stirred = (hash.rotate_left(23) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    stirred = (stirred ^ (stirred >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    stirred ^ (stirred >> 29)
}
