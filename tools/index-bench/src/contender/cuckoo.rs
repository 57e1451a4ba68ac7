// SPDX-License-Identifier: GPL-2.0-only

//! A cuckoo filter (Fan and others, 2014) whose fingerprints are followed by the chapter: buckets of four slots of 23
//! bits, packed without gaps.

use super::{oldest, Contender, CHECKPOINT_CHAPTERS, CODE_BITS};

/// With 13 bits an absent key is found in one of 1078 lookups.
const FINGERPRINT_BITS: u32 = 13;
const SLOT_BITS: u32 = FINGERPRINT_BITS + CODE_BITS;
const BUCKET_SLOTS: u64 = 4;
/// Buckets of a segment, within which a key stays.
const SEGMENT_BUCKETS: u64 = 1 << 12;
/// Kicks after which a key is given up.
const KICKS_MAXIMUM: u32 = 500;

/// The filter. A slot of which the fingerprint is zero is empty.
pub struct CuckooFilter {
    segments: u64,
    words: Vec<u64>,
    oldest: u64,
    live: u64,
    lost: u64,
    seed: u64,
}

impl CuckooFilter {
    /// An empty one for so many records, which will take 19 of 20 slots.
    pub fn new(records: u64) -> Self {
        let slots = records * 20 / 19;
        let segments = slots.div_ceil(SEGMENT_BUCKETS * BUCKET_SLOTS);
        let bits = segments * SEGMENT_BUCKETS * BUCKET_SLOTS * u64::from(SLOT_BITS);
        Self {
            segments,
            words: vec![0; bits.div_ceil(64) as usize + 1],
            oldest: 1,
            live: 0,
            lost: 0,
            seed: 1,
        }
    }

    fn slot(&self, bucket: u64, slot: u64) -> u64 {
        let bit = (bucket * BUCKET_SLOTS + slot) * u64::from(SLOT_BITS);
        let (word, shift) = ((bit / 64) as usize, bit % 64);
        let bits = (self.words[word] >> shift) | (self.words[word + 1] << 1 << (63 - shift));
        bits & ((1 << SLOT_BITS) - 1)
    }

    fn set_slot(&mut self, bucket: u64, slot: u64, value: u64) {
        let bit = (bucket * BUCKET_SLOTS + slot) * u64::from(SLOT_BITS);
        let (word, shift) = ((bit / 64) as usize, bit % 64);
        let mask = (1u64 << SLOT_BITS) - 1;
        self.words[word] = self.words[word] & !(mask << shift) | (value << shift);
        let (mask, value) = (mask >> 1 >> (63 - shift), value >> 1 >> (63 - shift));
        self.words[word + 1] = self.words[word + 1] & !mask | value;
    }

    /// Both buckets, and the fingerprint.
    fn place(&self, key: u64) -> (u64, u64, u64) {
        let product = u128::from(key) * u128::from(self.segments);
        let (segment, rest) = ((product >> 64) as u64, product as u64);
        let first = segment * SEGMENT_BUCKETS + (rest >> 52);
        let fingerprint =
            ((rest >> (52 - FINGERPRINT_BITS)) & ((1 << FINGERPRINT_BITS) - 1)).max(1);
        (first, other(first, fingerprint), fingerprint)
    }

    fn is_live(&self, code: u64) -> bool {
        code.wrapping_sub(self.oldest) & ((1 << CODE_BITS) - 1) < self.live
    }

    fn is_free(&self, value: u64) -> bool {
        value >> CODE_BITS == 0 || !self.is_live(value & ((1 << CODE_BITS) - 1))
    }

    fn put(&mut self, bucket: u64, value: u64) -> bool {
        let free = (0..BUCKET_SLOTS).find(|slot| self.is_free(self.slot(bucket, *slot)));
        if let Some(slot) = free {
            self.set_slot(bucket, slot, value);
        }
        free.is_some()
    }

    fn insert(&mut self, key: u64, code: u64) {
        let (first, second, fingerprint) = self.place(key);
        let mut value = (fingerprint << CODE_BITS) | code;
        if self.put(first, value) || self.put(second, value) {
            return;
        }
        let mut bucket = second;
        for _ in 0..KICKS_MAXIMUM {
            self.seed = self.seed.wrapping_mul(0x5851_f42d_4c95_7f2d) + 1;
            let slot = self.seed >> 62;
            let kicked = self.slot(bucket, slot);
            self.set_slot(bucket, slot, value);
            value = kicked;
            bucket = other(bucket, value >> CODE_BITS);
            if self.put(bucket, value) {
                return;
            }
        }
        self.lost += 1;
    }

    fn found(&self, key: u64) -> impl Iterator<Item = u64> + '_ {
        let (first, second, fingerprint) = self.place(key);
        let slots = move |bucket| (0..BUCKET_SLOTS).map(move |slot| self.slot(bucket, slot));
        slots(first)
            .chain(slots(second))
            .filter(move |value| value >> CODE_BITS == fingerprint)
            .map(|value| value & ((1 << CODE_BITS) - 1))
            .filter(|code| self.is_live(*code))
    }
}

/// The bucket of the same segment where a fingerprint may lie instead.
fn other(bucket: u64, fingerprint: u64) -> u64 {
    let hash = fingerprint.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    bucket ^ (1 + ((hash * (SEGMENT_BUCKETS - 1)) >> 32))
}

impl Contender for CuckooFilter {
    fn name(&self) -> &'static str {
        "cuckoo filter"
    }

    fn open(&mut self, chapter: u64, _records: u64) {
        self.oldest = oldest(chapter);
        self.live = chapter + 1 - self.oldest;
    }

    fn apply(&mut self, chapter: u64, keys: &[u64]) {
        for key in keys {
            self.insert(*key, chapter & ((1 << CODE_BITS) - 1));
        }
    }

    fn checkpoint(&mut self, chapter: u64) -> u64 {
        // Only the sweep; the image would be a copy.
        let share = self.segments * SEGMENT_BUCKETS / CHECKPOINT_CHAPTERS;
        let first = chapter % CHECKPOINT_CHAPTERS * share;
        for bucket in first..first + share {
            for slot in 0..BUCKET_SLOTS {
                if self.is_free(self.slot(bucket, slot)) {
                    self.set_slot(bucket, slot, 0);
                }
            }
        }
        share * BUCKET_SLOTS * u64::from(SLOT_BITS) / 8
    }

    fn look_up(&mut self, keys: &[u64]) -> usize {
        if keys.len() > 1 {
            let touched = keys.iter().fold(0, |sum, key| {
                let (first, second, _) = self.place(*key);
                sum ^ self.slot(first, 0) ^ self.slot(second, 0)
            });
            std::hint::black_box(touched);
        }
        keys.iter().map(|key| self.found(*key).count()).sum()
    }

    fn has(&mut self, key: u64, chapter: u64) -> bool {
        self.found(key)
            .any(|code| code == chapter & ((1 << CODE_BITS) - 1))
    }

    fn bytes(&self) -> u64 {
        self.words.len() as u64 * 8
    }

    fn lost(&self) -> u64 {
        self.lost
    }
}
