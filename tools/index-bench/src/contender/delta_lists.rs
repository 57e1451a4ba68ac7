// SPDX-License-Identifier: GPL-2.0-only

//! Delta lists after the manner of UDS: sorted lists of 256 entries on average, each a chapter and the distance from
//! the entry before it in a code of variable length, packed into one array with gaps between the lists.
//!
//! The points at which UDS resumes a search, its collision entries and its zones are left out; all of them cost it
//! memory or time.

use super::{oldest, Contender, CODE_BITS};

/// Entries of a list on average.
const LIST_ENTRIES: u64 = 256;
/// Bits of a key within its list.
const ADDRESS_BITS: u32 = 20;
/// The code of a distance for a mean of 4096: so many bits, those from `BASE` on followed by a unary number of steps.
const BITS: u32 = 12;
const STEP: u64 = 2828;
const BASE: u64 = (1 << BITS) - STEP;
/// Bits of memory for a record, as UDS allots them.
const BITS_PER_RECORD: u64 = 26;

/// The lists.
pub struct DeltaLists {
    words: Vec<u64>,
    /// The first bit of each list, and the end of all.
    starts: Vec<u64>,
    /// Bits of each list.
    sizes: Vec<u16>,
    /// The oldest chapter when a list was last walked through.
    flushed: Vec<u32>,
    oldest: u64,
    newest: u64,
    lost: u64,
    /// Times that all lists were moved to spread the gaps.
    pub rebalanced: u64,
}

/// An entry that was read, and where it ends.
struct Entry {
    address: u64,
    code: u64,
    end: u64,
}

/// A place in a list.
struct Spot {
    /// Address of the entry before it.
    before: u64,
    bit: u64,
    /// The entry behind it.
    next: Option<Entry>,
}

fn distance_bits(distance: u64) -> u64 {
    let steps = distance.checked_sub(BASE).map_or(0, |rest| rest / STEP + 1);
    u64::from(BITS) + steps
}

impl DeltaLists {
    /// Empty ones for so many records.
    pub fn new(records: u64) -> Self {
        let lists = records / LIST_ENTRIES;
        let bits = records * BITS_PER_RECORD;
        Self {
            words: vec![0; (bits / 64) as usize + 2],
            starts: (0..=lists).map(|list| list * bits / lists).collect(),
            sizes: vec![0; lists as usize],
            flushed: vec![1; lists as usize],
            oldest: 1,
            newest: 0,
            lost: 0,
            rebalanced: 0,
        }
    }

    /// The bits from `bit` on, at least 57 of them.
    fn bits(&self, bit: u64) -> u64 {
        let (word, shift) = ((bit / 64) as usize, bit % 64);
        (self.words[word] >> shift) | (self.words[word + 1] << 1 << (63 - shift))
    }

    fn put(&mut self, bit: u64, count: u64, value: u64) {
        let (word, shift) = ((bit / 64) as usize, bit % 64);
        let mask = u64::MAX >> (64 - count);
        self.words[word] = self.words[word] & !(mask << shift) | (value << shift);
        let (mask, value) = (mask >> 1 >> (63 - shift), value >> 1 >> (63 - shift));
        if mask != 0 {
            self.words[word + 1] = self.words[word + 1] & !mask | value;
        }
    }

    /// Moves bits, which may overlap.
    fn shift(&mut self, from: u64, to: u64, count: u64) {
        let mut left = count;
        if to > from {
            while left > 0 {
                let part = left.min(56);
                left -= part;
                let value = self.bits(from + left) & (u64::MAX >> (64 - part));
                self.put(to + left, part, value);
            }
        } else {
            while left > 0 {
                let (done, part) = (count - left, left.min(56));
                let value = self.bits(from + done) & (u64::MAX >> (64 - part));
                self.put(to + done, part, value);
                left -= part;
            }
        }
    }

    fn read(&self, bit: u64, before: u64) -> Entry {
        let bits = self.bits(bit);
        let code = bits & ((1 << CODE_BITS) - 1);
        let distance = (bits >> CODE_BITS) & ((1 << BITS) - 1);
        let mut end = bit + u64::from(CODE_BITS + BITS);
        let mut address = before + distance;
        if distance >= BASE {
            loop {
                let zeros = u64::from(self.bits(end).trailing_zeros()).min(56);
                end += zeros;
                address += zeros * STEP;
                if zeros < 56 {
                    end += 1;
                    break;
                }
            }
        }
        Entry { address, code, end }
    }

    fn write(&mut self, bit: u64, distance: u64, code: u64) -> u64 {
        self.put(bit, CODE_BITS.into(), code);
        let at = bit + u64::from(CODE_BITS);
        let Some(rest) = distance.checked_sub(BASE) else {
            self.put(at, BITS.into(), distance);
            return at + u64::from(BITS);
        };
        self.put(at, BITS.into(), BASE + rest % STEP);
        let mut at = at + u64::from(BITS);
        let mut steps = rest / STEP;
        while steps > 0 {
            let part = steps.min(56);
            self.put(at, part, 0);
            at += part;
            steps -= part;
        }
        self.put(at, 1, 1);
        at + 1
    }

    fn place(&self, key: u64) -> (usize, u64) {
        let product = u128::from(key) * self.sizes.len() as u128;
        let rest = product as u64;
        ((product >> 64) as usize, rest >> (64 - ADDRESS_BITS))
    }

    fn end(&self, list: usize) -> u64 {
        self.starts[list] + u64::from(self.sizes[list])
    }

    fn is_live(&self, code: u64) -> bool {
        code.wrapping_sub(self.oldest) & ((1 << CODE_BITS) - 1) < self.newest + 1 - self.oldest
    }

    /// The place before the first entry of at least this address.
    fn search(&self, list: usize, address: u64) -> Spot {
        let end = self.end(list);
        let mut spot = Spot {
            before: 0,
            bit: self.starts[list],
            next: None,
        };
        while spot.bit < end {
            let entry = self.read(spot.bit, spot.before);
            if entry.address >= address {
                spot.next = Some(entry);
                break;
            }
            (spot.before, spot.bit) = (entry.address, entry.end);
        }
        spot
    }

    /// Takes expired entries out of a list that may have some.
    fn flush(&mut self, list: usize) {
        if u64::from(self.flushed[list]) >= self.oldest {
            return;
        }
        self.flushed[list] = self.oldest as u32;
        let end = self.end(list);
        let (mut from, mut to) = (self.starts[list], self.starts[list]);
        let (mut before, mut kept) = (0, 0);
        let mut dropped = false;
        while from < end {
            let entry = self.read(from, before);
            if self.is_live(entry.code) {
                if dropped {
                    // Distances grow by at most as many bits as the entries before them took.
                    to = self.write(to, entry.address - kept, entry.code);
                } else {
                    to = entry.end;
                }
                kept = entry.address;
            } else {
                dropped = true;
            }
            (from, before) = (entry.end, entry.address);
        }
        self.sizes[list] = (to - self.starts[list]) as u16;
    }

    /// Gives all lists gaps of the same size.
    fn rebalance(&mut self) {
        self.rebalanced += 1;
        let lists = self.sizes.len();
        let total = self.starts[lists];
        let used: u64 = self.sizes.iter().map(|size| u64::from(*size)).sum();
        let gap = (total - used) / lists as u64;
        let mut packed = 0;
        for list in 0..lists {
            let (start, size) = (self.starts[list], u64::from(self.sizes[list]));
            self.shift(start, packed, size);
            self.starts[list] = packed;
            packed += size;
        }
        for list in (0..lists).rev() {
            let (start, size) = (self.starts[list], u64::from(self.sizes[list]));
            self.shift(start, start + gap * list as u64, size);
            self.starts[list] = start + gap * list as u64;
        }
    }

    fn insert(&mut self, key: u64, code: u64) {
        let (list, address) = self.place(key);
        self.flush(list);
        let spot = self.search(list, address);
        let new = u64::from(CODE_BITS) + distance_bits(address - spot.before);
        let (old_end, next) = match &spot.next {
            Some(next) => (
                next.end,
                u64::from(CODE_BITS) + distance_bits(next.address - address),
            ),
            None => (spot.bit, 0),
        };
        let grows = spot.bit + new + next - old_end;
        if u64::from(self.sizes[list]) + grows > u64::from(u16::MAX) {
            self.lost += 1;
            return;
        }
        let (head, tail) = (spot.bit - self.starts[list], self.end(list) - old_end);
        let room_behind = self.starts[list + 1] - self.end(list);
        let room_before = match list.checked_sub(1) {
            Some(other) => self.starts[list] - self.end(other),
            None => 0,
        };
        if room_behind < grows && room_before < grows {
            let used: u64 = self.sizes.iter().map(|size| u64::from(*size)).sum();
            let gap = (self.starts[self.sizes.len()] - used) / self.sizes.len() as u64;
            if gap < 64 {
                self.lost += 1;
            } else {
                self.rebalance();
                self.insert(key, code);
            }
            return;
        }
        let mut at = spot.bit;
        if room_behind >= grows && (tail <= head || room_before < grows) {
            self.shift(old_end, old_end + grows, tail);
        } else {
            let start = self.starts[list];
            self.shift(start, start - grows, head);
            self.starts[list] -= grows;
            at -= grows;
        }
        self.sizes[list] += grows as u16;
        let at = self.write(at, address - spot.before, code);
        if let Some(next) = spot.next {
            self.write(at, next.address - address, next.code);
        }
    }

    fn found(&mut self, key: u64, mut answer: impl FnMut(u64)) {
        let (list, address) = self.place(key);
        self.flush(list);
        let end = self.end(list);
        let spot = self.search(list, address);
        let mut next = spot.next;
        while let Some(entry) = next.filter(|entry| entry.address == address) {
            if self.is_live(entry.code) {
                answer(entry.code);
            }
            next = (entry.end < end).then(|| self.read(entry.end, address));
        }
    }
}

impl Contender for DeltaLists {
    fn name(&self) -> &'static str {
        "delta lists"
    }

    fn open(&mut self, chapter: u64, _records: u64) {
        self.oldest = oldest(chapter);
        self.newest = chapter;
    }

    fn apply(&mut self, chapter: u64, keys: &[u64]) {
        for key in keys {
            self.insert(*key, chapter & ((1 << CODE_BITS) - 1));
        }
    }

    fn checkpoint(&mut self, chapter: u64) -> u64 {
        // Lists that no key has come to meanwhile must not keep a code for too long.
        let lists = self.sizes.len();
        let share = lists.div_ceil(48);
        let first = (chapter % 48) as usize * share;
        for list in first..(first + share).min(lists) {
            self.flush(list);
        }
        share as u64 * LIST_ENTRIES * BITS_PER_RECORD / 8
    }

    fn look_up(&mut self, keys: &[u64]) -> usize {
        let mut answers = 0;
        for key in keys {
            self.found(*key, |_| answers += 1);
        }
        answers
    }

    fn has(&mut self, key: u64, chapter: u64) -> bool {
        let mut has = false;
        self.found(key, |code| has |= code == chapter & ((1 << CODE_BITS) - 1));
        has
    }

    fn bytes(&self) -> u64 {
        (self.words.len() * 8
            + self.starts.len() * 8
            + self.sizes.len() * 2
            + self.flushed.len() * 4) as u64
    }

    fn lost(&self) -> u64 {
        self.lost
    }
}
