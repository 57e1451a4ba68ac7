// SPDX-License-Identifier: GPL-2.0-only

//! The option words of a table line of dedup mode: parsed once, into a validated value.
//!
//! Plain `core` code: no allocation, no kernel type, so that the host tests compile the same file.
//! The words begin with `mode dedup`; an option is a name followed by exactly one value.

use core::fmt;

/// Least memory for pages, in MiB: three pages for each request.
pub(crate) const CACHE_MB_MIN: u64 = 8;
/// Most memory for pages, in MiB.
pub(crate) const CACHE_MB_MAX: u64 = 65_536;
/// Shortest journal, in MiB.
pub(crate) const JOURNAL_MB_MIN: u64 = 1;
/// Longest journal, in MiB.
pub(crate) const JOURNAL_MB_MAX: u64 = 4096;
/// Shortest time after which changes are committed, in milliseconds.
pub(crate) const COMMIT_MS_MIN: u64 = 1;
/// Longest time after which changes are committed, in milliseconds.
pub(crate) const COMMIT_MS_MAX: u64 = 60_000;
/// Most memory of the index, in MiB.
pub(crate) const INDEX_MB_MAX: u64 = 1 << 20;
/// Most free blocks of which the user may ask to be warned.
pub(crate) const LOW_WATER_MAX: u64 = 1 << 36;

/// The options of one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Memory for pages of the map and the pool, in MiB.
    pub(crate) cache_mb: u32,
    /// Length of the journal in MiB; none if it follows from the size of main.
    pub(crate) journal_mb: Option<u32>,
    /// Milliseconds after which changes are committed for which nobody has asked.
    pub(crate) commit_ms: u32,
    /// The user is told when fewer blocks than this are free; 0: never.
    pub(crate) low_water: u64,
    /// Memory of the index in MiB, 0 for none; none if it follows from the size of main.
    pub(crate) index_memory: Option<u32>,
    /// Data that is read is compared with its fingerprint.
    pub(crate) check_reads: bool,
}

impl Options {
    /// The values that hold when a table line says nothing.
    pub(crate) const DEFAULT: Self = Self {
        cache_mb: 64,
        journal_mb: None,
        commit_ms: 1000,
        low_water: 0,
        index_memory: None,
        check_reads: false,
    };

    /// Reads the option words of a table line.
    ///
    /// # Errors
    ///
    /// The first word that cannot be accepted, with the reason; it prints as one sentence.
    pub(crate) fn parse<'a>(
        words: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, OptionError<'a>> {
        // The first two are `mode dedup`.
        let mut words = words.into_iter().skip(2);
        let mut options = Self::DEFAULT;
        let mut seen = 0u8;
        while let Some(name) = words.next() {
            let known = NAMES.iter().position(|known| *known == name);
            let Some(place) = known else {
                return Err(match name {
                    "mode" => OptionError::ModeAgain,
                    _ => OptionError::Unknown { name },
                });
            };
            let value = words.next().ok_or(OptionError::NoValue { name })?;
            if seen & (1 << place) != 0 {
                return Err(OptionError::Twice { name });
            }
            seen |= 1 << place;
            let large = |range| number(name, value, range);
            // CAST: below 2^32, as the ranges are.
            let small = |range| large(range).map(|number| number as u32);
            match name {
                "cache_mb" => options.cache_mb = small((CACHE_MB_MIN, CACHE_MB_MAX))?,
                "journal_mb" => {
                    options.journal_mb = Some(small((JOURNAL_MB_MIN, JOURNAL_MB_MAX))?);
                }
                "commit_ms" => options.commit_ms = small((COMMIT_MS_MIN, COMMIT_MS_MAX))?,
                "index_memory" => {
                    options.index_memory = Some(small((0, INDEX_MB_MAX))?);
                }
                "low_water" => options.low_water = large((0, LOW_WATER_MAX))?,
                "check_reads" => options.check_reads = switch(name, value)?,
                _ if value != "on" => return Err(OptionError::MustVerify { value }),
                _ => {}
            }
        }
        Ok(options)
    }
}

const NAMES: [&str; 7] = [
    "cache_mb",
    "journal_mb",
    "commit_ms",
    "low_water",
    "index_memory",
    "verify",
    "check_reads",
];

/// Why an option word was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OptionError<'a> {
    /// The name is none of dedup mode's.
    Unknown {
        /// The word as written.
        name: &'a str,
    },
    /// The last word is a name with no value behind it.
    NoValue {
        /// The option that lacks its value.
        name: &'a str,
    },
    /// `mode` stands behind another option.
    ModeAgain,
    /// A number that does not parse or is out of range.
    BadNumber {
        /// The option.
        name: &'a str,
        /// Its value as written.
        value: &'a str,
        /// Smallest and largest value allowed.
        range: (u64, u64),
    },
    /// A switch that is neither on nor off.
    NotASwitch {
        /// The option.
        name: &'a str,
        /// Its value as written.
        value: &'a str,
    },
    /// Data is always compared before it is shared.
    MustVerify {
        /// The value as written.
        value: &'a str,
    },
    /// An option that is named twice.
    Twice {
        /// The option.
        name: &'a str,
    },
}

impl fmt::Display for OptionError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name } => write!(
                f,
                "option `{name}` is unknown in dedup mode: use cache_mb, journal_mb, commit_ms, low_water, index_memory, verify or check_reads"
            ),
            Self::NoValue { name } => {
                write!(f, "option `{name}` has no value: write a value behind it, or count the words again")
            }
            Self::ModeAgain => f.write_str("option `mode` is given twice: begin the options with `mode dedup`"),
            Self::BadNumber { name, value, range: (low, high) } => {
                write!(f, "option `{name}` has the value `{value}`: give a number from {low} to {high}")
            }
            Self::NotASwitch { name, value } => {
                write!(f, "option `{name}` has the value `{value}`: write `on` or `off`")
            }
            Self::MustVerify { value } => write!(
                f,
                "option `verify` has the value `{value}`: write `on`, since the fast fingerprint alone proves nothing"
            ),
            Self::Twice { name } => write!(f, "option `{name}` is given twice: give it once"),
        }
    }
}

fn number<'a>(name: &'a str, value: &'a str, range: (u64, u64)) -> Result<u64, OptionError<'a>> {
    match value.parse::<u64>() {
        // `parse` takes a leading plus sign; a table line that is printed back would not show it.
        Ok(number) if !value.starts_with('+') && number >= range.0 && number <= range.1 => {
            Ok(number)
        }
        _ => Err(OptionError::BadNumber { name, value, range }),
    }
}

fn switch<'a>(name: &'a str, value: &'a str) -> Result<bool, OptionError<'a>> {
    match value {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(OptionError::NotASwitch { name, value }),
    }
}
