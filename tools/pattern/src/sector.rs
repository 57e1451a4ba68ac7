// SPDX-License-Identifier: GPL-2.0-only

//! A sector that says where it belongs, and which write it is of.
//!
//! It holds the same 32 bytes 16 times, so that a torn sector differs from a whole one: magic, the sector's number,
//! its generation, four bytes of zeros, and CRC-32 of all that, as zlib has it.

use std::fmt;

/// Bytes of a sector.
pub(crate) const BYTES: usize = 512;

const HEADER_BYTES: usize = 32;
const CHECKED_BYTES: usize = 28;
const MAGIC: [u8; 8] = *b"SPARESEC";

/// What a sector turns out to hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// What a write of this generation put there.
    Generation(u64),
    /// Nothing but zeros.
    Zeros,
    /// It cannot be read.
    Unreadable,
    /// It begins as a sector of ours, and does not go on so.
    Torn,
    /// A whole sector of ours, of another place.
    Elsewhere {
        /// The place that it names.
        number: u64,
        /// The generation that it names.
        generation: u64,
    },
    /// Nothing of ours.
    Unknown,
}

impl fmt::Display for State {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Generation(generation) => write!(out, "generation {generation}"),
            State::Zeros => out.write_str("zeros"),
            State::Unreadable => out.write_str("unreadable"),
            State::Torn => out.write_str("torn"),
            State::Elsewhere { number, generation } => {
                write!(out, "belongs to {number} generation {generation}")
            }
            State::Unknown => out.write_str("unknown"),
        }
    }
}

fn header(number: u64, generation: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    header[8..16].copy_from_slice(&number.to_le_bytes());
    header[16..24].copy_from_slice(&generation.to_le_bytes());
    let check = crc32fast::hash(&header[..CHECKED_BYTES]);
    header[CHECKED_BYTES..].copy_from_slice(&check.to_le_bytes());
    header
}

/// Makes `sector`, of [`BYTES`] bytes, that of place `number` and of this generation.
pub(crate) fn fill(sector: &mut [u8], number: u64, generation: u64) {
    let header = header(number, generation);
    for part in sector.chunks_exact_mut(HEADER_BYTES) {
        part.copy_from_slice(&header);
    }
}

/// What `sector`, which was read from place `number`, holds.
pub(crate) fn recognise(sector: &[u8], number: u64) -> State {
    if sector.iter().all(|byte| *byte == 0) {
        return State::Zeros;
    }
    let first = &sector[..HEADER_BYTES];
    let word = |at: usize| u64::from_le_bytes(first[at..at + 8].try_into().unwrap_or_default());
    let (place, generation) = (word(8), word(16));
    if first != header(place, generation) {
        State::Unknown
    } else if sector.chunks_exact(HEADER_BYTES).any(|part| part != first) {
        State::Torn
    } else if place != number {
        State::Elsewhere {
            number: place,
            generation,
        }
    } else {
        State::Generation(generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sector(number: u64, generation: u64) -> [u8; BYTES] {
        let mut sector = [0; BYTES];
        fill(&mut sector, number, generation);
        sector
    }

    proptest! {
        #[test]
        fn what_was_filled_is_recognised(number: u64, generation: u64) {
            prop_assert_eq!(recognise(&sector(number, generation), number), State::Generation(generation));
        }

        #[test]
        fn data_of_another_place_is_told(number: u64, other: u64, generation: u64) {
            prop_assume!(number != other);
            prop_assert_eq!(recognise(&sector(number, generation), other), State::Elsewhere { number, generation });
        }

        #[test]
        fn no_changed_byte_goes_unseen(number: u64, at in 0..BYTES, change in 1..=255u8) {
            let mut sector = sector(number, 1);
            sector[at] ^= change;
            let expected = if at < HEADER_BYTES { State::Unknown } else { State::Torn };
            prop_assert_eq!(recognise(&sector, number), expected);
        }
    }

    #[test]
    fn a_sector_of_two_generations_is_torn() {
        let mut torn = sector(7, 1);
        torn[256..].copy_from_slice(&sector(7, 2)[256..]);
        assert_eq!(recognise(&torn, 7), State::Torn);
    }

    #[test]
    fn zeros_are_zeros() {
        assert_eq!(recognise(&[0; BYTES], 0), State::Zeros);
    }
}
