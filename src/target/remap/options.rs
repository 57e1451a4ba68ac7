// SPDX-License-Identifier: GPL-2.0-only

//! The option words of a table line: parsed once, into a validated value.
//!
//! Plain `core` code: no allocation, no kernel type, so that the host tests compile the same file.
//! An option is a name followed by exactly one value, but for `read_only`, which has none; `mode` must be the first.

use core::fmt;

/// Fewest metadata copies that a set may have: one at each end of the spare.
pub(crate) const METADATA_COPIES_MIN: u32 = 2;
/// Most metadata copies that the on-disk format can place.
pub(crate) const METADATA_COPIES_MAX: u32 = 4;
/// Most repetitions of a failing read that a table line may ask for.
pub(crate) const READ_RETRIES_MAX: u32 = 100;
/// Shortest commit time-out, in milliseconds.
pub(crate) const COMMIT_TIMEOUT_MIN: u32 = 100;
/// Longest commit time-out, in milliseconds (ten minutes).
pub(crate) const COMMIT_TIMEOUT_MAX: u32 = 600_000;
/// Most bad blocks a minute that a table line may allow.
pub(crate) const FAIL_AFTER_MAX: u32 = 1_000_000;

/// The options of one target, all of them with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Metadata copies to make when the spare is formatted, and to expect when the line names them.
    pub(crate) metadata_copies: Option<u32>,
    /// How often a failing read is repeated before its block is read sector by sector.
    pub(crate) read_retries: u32,
    /// Bad blocks of main in a minute past which it is declared failing; 0: never.
    pub(crate) fail_after: u32,
    /// Nothing is written to either device.
    pub(crate) read_only: bool,
    /// After how many milliseconds a metadata write counts as failed.
    pub(crate) commit_timeout: u32,
    /// The only set that may be activated, when the line names one.
    pub(crate) uuid: Option<[u8; 16]>,
}

impl Options {
    /// The values that hold when a table line says nothing.
    pub(crate) const DEFAULT: Self = Self {
        metadata_copies: None,
        read_retries: 2,
        fail_after: 0,
        read_only: false,
        commit_timeout: 30_000,
        uuid: None,
    };

    /// Reads the option words of a table line.
    ///
    /// # Errors
    ///
    /// The first word that cannot be accepted, with the reason; it prints as one sentence.
    pub(crate) fn parse<'a>(
        words: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, OptionError<'a>> {
        let mut words = words.into_iter();
        let mut options = Self::DEFAULT;
        let mut seen = Seen::default();
        let mut first = true;
        while let Some(name) = words.next() {
            if name == "read_only" {
                if first {
                    return Err(OptionError::NoMode { name });
                }
                seen.once(Seen::READ_ONLY, name)?;
                options.read_only = true;
                continue;
            }
            let value = words.next().ok_or(OptionError::NoValue { name })?;
            match name {
                "mode" if !first => return Err(OptionError::ModeNotFirst),
                "mode" if value != "remap" => return Err(OptionError::UnknownMode { value }),
                "mode" => {}
                _ if first => return Err(OptionError::NoMode { name }),
                "metadata_copies" => {
                    let range = (METADATA_COPIES_MIN, METADATA_COPIES_MAX);
                    seen.once(Seen::METADATA_COPIES, name)?;
                    options.metadata_copies = Some(number(name, value, range)?);
                }
                "read_retries" => {
                    seen.once(Seen::READ_RETRIES, name)?;
                    options.read_retries = number(name, value, (0, READ_RETRIES_MAX))?;
                }
                "fail_after" => {
                    seen.once(Seen::FAIL_AFTER, name)?;
                    options.fail_after = number(name, value, (0, FAIL_AFTER_MAX))?;
                }
                "commit_timeout" => {
                    let range = (COMMIT_TIMEOUT_MIN, COMMIT_TIMEOUT_MAX);
                    seen.once(Seen::COMMIT_TIMEOUT, name)?;
                    options.commit_timeout = number(name, value, range)?;
                }
                "uuid" => {
                    seen.once(Seen::UUID, name)?;
                    options.uuid = Some(parse_uuid(value).ok_or(OptionError::BadUuid { value })?);
                }
                _ => return Err(OptionError::Unknown { name }),
            }
            first = false;
        }
        Ok(options)
    }
}

/// Which options a line has named, so that naming one twice is refused.
#[derive(Default)]
struct Seen(u8);

impl Seen {
    const METADATA_COPIES: u8 = 1;
    const READ_RETRIES: u8 = 2;
    const COMMIT_TIMEOUT: u8 = 4;
    const UUID: u8 = 8;
    const FAIL_AFTER: u8 = 16;
    const READ_ONLY: u8 = 32;

    fn once<'a>(&mut self, option: u8, name: &'a str) -> Result<(), OptionError<'a>> {
        if self.0 & option != 0 {
            return Err(OptionError::Twice { name });
        }
        self.0 |= option;
        Ok(())
    }
}

/// Why an option word was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OptionError<'a> {
    /// The name is not one of ours.
    Unknown {
        /// The word as written.
        name: &'a str,
    },
    /// The last word is a name with no value behind it.
    NoValue {
        /// The option that lacks its value.
        name: &'a str,
    },
    /// Options are given, but the first is not `mode`.
    NoMode {
        /// The word that stands where `mode` belongs.
        name: &'a str,
    },
    /// `mode` stands behind another option.
    ModeNotFirst,
    /// A mode that does not exist.
    UnknownMode {
        /// The mode as written.
        value: &'a str,
    },
    /// A number that does not parse or is out of range.
    BadNumber {
        /// The option.
        name: &'a str,
        /// Its value as written.
        value: &'a str,
        /// Smallest and largest value allowed.
        range: (u32, u32),
    },
    /// A UUID that does not parse.
    BadUuid {
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
                "option `{name}` is unknown: use mode, metadata_copies, read_retries, fail_after, read_only, commit_timeout or uuid"
            ),
            Self::NoValue { name } => {
                write!(f, "option `{name}` has no value: write a value behind it, or count the words again")
            }
            Self::NoMode { name } => {
                write!(f, "option `{name}` comes first: begin the options with `mode remap` or `mode dedup`")
            }
            Self::ModeNotFirst => {
                f.write_str("option `mode` is not the first: begin the options with `mode remap` or `mode dedup`")
            }
            Self::UnknownMode { value } => {
                write!(f, "mode `{value}` is unknown: use `mode remap` or `mode dedup`")
            }
            Self::BadNumber { name, value, range: (low, high) } => {
                write!(f, "option `{name}` has the value `{value}`: give a number from {low} to {high}")
            }
            Self::BadUuid { value } => write!(
                f,
                "option `uuid` has the value `{value}`: give 32 hexadecimal digits, with hyphens or without"
            ),
            Self::Twice { name } => write!(f, "option `{name}` is given twice: give it once"),
        }
    }
}

fn number<'a>(name: &'a str, value: &'a str, range: (u32, u32)) -> Result<u32, OptionError<'a>> {
    match value.parse::<u32>() {
        // `parse` takes a leading plus sign; a table line that is printed back would not show it.
        Ok(number) if !value.starts_with('+') && number >= range.0 && number <= range.1 => {
            Ok(number)
        }
        _ => Err(OptionError::BadNumber { name, value, range }),
    }
}

/// Reads 32 hexadecimal digits, with hyphens in the usual four places or none at all.
fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let hyphens = match text.len() {
        32 => false,
        36 => true,
        _ => return None,
    };
    let mut uuid = [0_u8; 16];
    let mut digits = 0_usize;
    for (position, byte) in text.bytes().enumerate() {
        if hyphens && matches!(position, 8 | 13 | 18 | 23) {
            if byte != b'-' {
                return None;
            }
            continue;
        }
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => return None,
        };
        let place = uuid.get_mut(digits / 2)?;
        *place = (*place << 4) | digit;
        digits += 1;
    }
    Some(uuid)
}
