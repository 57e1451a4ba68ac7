// SPDX-License-Identifier: GPL-2.0-only

//! Why a set is not brought into service.

use super::event::ErrorClass;
use super::format::Invalid;
use super::units::Uuid;
use core::fmt;

/// Why nothing can be used of one copy's superblock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CopyFault {
    /// It was not looked at.
    None,
    /// It cannot be read.
    Unreadable(ErrorClass),
    /// What was read is no valid block.
    Invalid(Invalid),
}

/// Why a set is not brought into service; prints as one sentence. Nothing has been written, unless the
/// sentence says that a write failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The first block is neither zero nor ours, and no copy was found.
    Foreign,
    /// The first block cannot be read, and no copy was found.
    Unreadable(ErrorClass),
    /// Our magic is there, but no superblock is good.
    Damaged {
        /// For the candidates at the spare's beginning and end.
        faults: [CopyFault; 2],
    },
    /// Superblocks of two sets.
    MixedSets,
    /// Another set than the `uuid` option names.
    WrongSet {
        /// Found on the spare.
        found: [u8; 16],
        /// Asked for.
        expected: [u8; 16],
    },
    /// A read failed for a reason that is not about the medium.
    ReadFailed {
        /// The block of the spare.
        block: u64,
        /// How it failed.
        class: ErrorClass,
    },
    /// The set has another number of copies than the table line asks for.
    Copies {
        /// Recorded.
        recorded: u8,
        /// Asked for.
        given: u32,
    },
    /// The set belongs to a main of another size.
    MainSize {
        /// Recorded, in sectors.
        recorded: u64,
        /// Given, in sectors.
        given: u64,
    },
    /// The set was made on a spare of another size.
    SpareSize {
        /// Recorded, in sectors.
        recorded: u64,
        /// Given, in sectors.
        given: u64,
    },
    /// Written by a later program.
    NewerVersion {
        /// Found.
        found: u16,
    },
    /// Needs a feature this program does not know.
    UnknownFeatures {
        /// The unknown bits.
        bits: u64,
    },
    /// The recorded places of things are not those of this version.
    Geometry,
    /// No checkpoint is complete on any copy.
    NoCheckpoint,
    /// A log block is missing although later ones exist.
    LogGap {
        /// The missing transaction.
        missing: u64,
        /// A later one that exists.
        later: u64,
    },
    /// The place of the next log block cannot be read on any copy in use.
    LogUnreadable {
        /// The transaction that may or may not exist.
        tid: u64,
    },
    /// A record names a block or a slot that cannot be.
    BadRecord {
        /// The block of main.
        lbn: u64,
        /// The slot.
        slot: u32,
    },
    /// The table holds more entries than fit.
    TableFull,
    /// The spare is blank and must not be written.
    BlankReadOnly,
    /// The spare is too small for the number of copies.
    SpareTooSmall {
        /// Given, in sectors.
        given: u64,
        /// Needed, in sectors.
        minimum: u64,
    },
    /// The spare cannot be written.
    CannotWrite {
        /// The copy.
        copy: u8,
        /// How it failed.
        class: ErrorClass,
    },
}

impl Refusal {
    /// Whether a device failed, as opposed to its content being wrong.
    pub fn is_io_error(&self) -> bool {
        matches!(
            self,
            Refusal::Unreadable(_)
                | Refusal::ReadFailed { .. }
                | Refusal::Damaged { .. }
                | Refusal::NoCheckpoint
                | Refusal::LogGap { .. }
                | Refusal::LogUnreadable { .. }
                | Refusal::CannotWrite { .. }
        )
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            ErrorClass::Media => write!(out, "a media error"),
            ErrorClass::Metadata => write!(out, "a failed commit"),
            ErrorClass::Other(status) => write!(out, "block status {status}"),
        }
    }
}

impl fmt::Display for CopyFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            CopyFault::None => write!(out, "not present"),
            CopyFault::Unreadable(class) => write!(out, "cannot be read ({class})"),
            CopyFault::Invalid(invalid) => write!(out, "{invalid}"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Refusal::Foreign => write!(
                out,
                "the first 4096 bytes of the spare are neither zero nor metadata of this target; \
                 if nothing on it is needed, write zeros there"
            ),
            Refusal::Unreadable(class) => write!(
                out,
                "the first block of the spare cannot be read ({class}) and no copy of the metadata was found; use another spare"
            ),
            Refusal::Damaged { faults: [first, last] } => write!(
                out,
                "no superblock on the spare is good (first copy: {first}; last copy: {last}); \
                 restore the spare, or write zeros over all of it to begin anew without the old remaps"
            ),
            Refusal::MixedSets => write!(
                out,
                "the spare holds superblocks of two different sets; write zeros over all of it to begin anew"
            ),
            Refusal::WrongSet { found, expected } => write!(
                out,
                "the spare belongs to set {} and the table asks for {}; use the spare of that set",
                Uuid(found),
                Uuid(expected)
            ),
            Refusal::ReadFailed { block, class } => write!(
                out,
                "block {block} of the spare cannot be read now ({class}); nothing was changed, try again"
            ),
            Refusal::Copies { recorded, given } => write!(
                out,
                "the set has {recorded} copies of the metadata and the table asks for {given}; \
                 leave metadata_copies out or ask for {recorded}"
            ),
            Refusal::MainSize { recorded, given } => write!(
                out,
                "the spare belongs to a main device of {recorded} sectors and this one has {given}; use the right pair"
            ),
            Refusal::SpareSize { recorded, given } => write!(
                out,
                "the spare was formatted with {recorded} sectors and has {given} now; restore its size"
            ),
            Refusal::NewerVersion { found } => write!(
                out,
                "the metadata has format version {found} and this module knows 1; use a newer module"
            ),
            Refusal::UnknownFeatures { bits } => write!(
                out,
                "the metadata needs features {bits:#x} that this module does not know; use a newer module"
            ),
            Refusal::Geometry => write!(
                out,
                "the superblock places the metadata elsewhere than this module does; use the module that formatted the spare"
            ),
            Refusal::NoCheckpoint => write!(
                out,
                "no checkpoint of the metadata is complete on any copy; restore the spare from a backup"
            ),
            Refusal::LogGap { missing, later } => write!(
                out,
                "metadata transaction {missing} is missing on every copy although {later} exists; restore the spare from a backup"
            ),
            Refusal::LogUnreadable { tid } => write!(
                out,
                "the place of metadata transaction {tid} cannot be read on any copy in use; try again or restore the spare"
            ),
            Refusal::BadRecord { lbn, slot } => write!(
                out,
                "the metadata maps block {lbn} to slot {slot}, which cannot be; restore the spare from a backup"
            ),
            Refusal::TableFull => write!(
                out,
                "the metadata holds more entries than its own capacity; restore the spare from a backup"
            ),
            Refusal::BlankReadOnly => write!(
                out,
                "the spare is blank, and with read_only nothing can be formatted; create the device once without read_only"
            ),
            Refusal::SpareTooSmall { given, minimum } => write!(
                out,
                "the spare has {given} sectors, use one with at least {minimum}"
            ),
            Refusal::CannotWrite { copy, class } => write!(
                out,
                "metadata copy {copy} on the spare cannot be written ({class}); use another spare"
            ),
        }
    }
}
