// SPDX-License-Identifier: GPL-2.0-only

//! Counting distinct things in bounded memory.

use dm_spare_engine::dedup::Fingerprint;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// Bytes that the set takes for each of its buckets, of which it fills seven of eight: the value, and one of its own.
const BUCKET_BYTES: u64 = 17;

/// Fingerprints are as good as random already.
#[derive(Default)]
struct Itself(u64);

impl Hasher for Itself {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let (half, _) = bytes.split_at(bytes.len().min(8));
        let mut word = [0; 8];
        word.iter_mut().zip(half).for_each(|(to, from)| *to = *from);
        self.0 = u64::from_le_bytes(word);
    }

    fn write_u128(&mut self, number: u128) {
        // CAST: the lower half.
        self.0 = number as u64;
    }
}

/// Distinct fingerprints. When there are more than fit, only those are kept whose first bits are zero, one bit more each
/// time: a sample that does not depend on how often each one comes.
pub struct Distinct {
    kept: HashSet<u128, BuildHasherDefault<Itself>>,
    capacity: usize,
    /// Bits that are zero of those that are kept.
    bits: u32,
}

impl Distinct {
    /// None yet, with so many MiB of memory.
    pub fn new(mebibytes: u32) -> Self {
        let buckets = (u64::from(mebibytes) << 20) / BUCKET_BYTES;
        // The set's buckets are a power of two.
        let buckets = 1u64 << buckets.max(8).ilog2();
        Self::with_capacity(usize::try_from(buckets / 8 * 7).unwrap_or(usize::MAX))
    }

    fn with_capacity(capacity: usize) -> Self {
        Self {
            kept: HashSet::with_capacity_and_hasher(capacity, BuildHasherDefault::default()),
            capacity,
            bits: 0,
        }
    }

    /// Takes one in.
    pub fn add(&mut self, fingerprint: Fingerprint) {
        let number = u128::from_le_bytes(fingerprint.0);
        if number.leading_zeros() < self.bits {
            return;
        }
        if self.kept.len() >= self.capacity && !self.kept.contains(&number) {
            while self.kept.len() >= self.capacity && self.bits < 64 {
                self.bits += 1;
                let bits = self.bits;
                self.kept.retain(|kept| kept.leading_zeros() >= bits);
            }
            if number.leading_zeros() < self.bits {
                return;
            }
        }
        self.kept.insert(number);
    }

    /// How many there were: exactly, or as the sample lets expect.
    pub fn count(&self) -> u64 {
        (self.kept.len() as u64).saturating_mul(1 << self.bits)
    }

    /// Whether [`count`](Self::count) is exact.
    pub fn is_exact(&self) -> bool {
        self.bits == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(number: u64) -> Fingerprint {
        let mixed = u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        Fingerprint(
            (mixed ^ (mixed >> 64))
                .wrapping_mul(mixed | 1)
                .to_le_bytes(),
        )
    }

    #[test]
    fn what_fits_is_counted_exactly() {
        let mut distinct = Distinct::with_capacity(1000);
        for number in 0..3000 {
            distinct.add(fingerprint(number % 1000));
        }
        assert_eq!((distinct.count(), distinct.is_exact()), (1000, true));
    }

    #[test]
    fn more_are_estimated_however_often_each_comes() {
        let mut distinct = Distinct::with_capacity(4000);
        for number in 0..200_000u64 {
            distinct.add(fingerprint(number));
            distinct.add(fingerprint(number % 50));
        }
        assert!(!distinct.is_exact());
        assert!(distinct.kept.len() <= 4000);
        let count = distinct.count();
        assert!((190_000..210_000).contains(&count), "{count}");
    }

    #[test]
    fn the_memory_is_what_was_asked_for() {
        for mebibytes in [1, 3, 256] {
            let distinct = Distinct::new(mebibytes);
            let bytes = distinct.kept.capacity() as u64 * 8 / 7 * BUCKET_BYTES;
            assert!(bytes <= u64::from(mebibytes) << 20, "{mebibytes}: {bytes}");
        }
    }
}
