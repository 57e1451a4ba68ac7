// SPDX-License-Identifier: GPL-2.0-only

//! What the log and the waiters for events should hear of.

use super::health::Health;
use super::units::{Lbn, Slot, Tid};
use core::fmt;

/// Something worth telling; prints as one sentence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Notice {
    /// A blank spare was formatted.
    Formatted {
        /// Copies of the metadata.
        copies: u8,
    },
    /// The metadata was loaded.
    Loaded {
        /// Its newest transaction.
        tid: Tid,
        /// It had been suspended cleanly.
        clean: bool,
    },
    /// A block is served by a slot from now on.
    Remapped {
        /// The block.
        lbn: Lbn,
        /// The slot.
        slot: Slot,
    },
    /// Sectors of a block are lost.
    Poisoned {
        /// The block.
        lbn: Lbn,
        /// One bit for each lost sector.
        mask: u8,
    },
    /// The last poisoned sector of a block was overwritten.
    Healed {
        /// The block.
        lbn: Lbn,
    },
    /// Main serves a block again, whose slot is free.
    Returned {
        /// The block.
        lbn: Lbn,
    },
    /// A slot could not be written or read.
    SlotFailed {
        /// The slot.
        slot: Slot,
    },
    /// A copy of the metadata could not be written and is left out.
    CopyFailed {
        /// The copy.
        copy: u8,
    },
    /// A copy that was left out is complete again.
    CopyRejoined {
        /// The copy.
        copy: u8,
    },
    /// Copies did not answer in time.
    CommitTimedOut {
        /// One bit for each copy.
        copies: u8,
        /// The time allowed.
        milliseconds: u32,
    },
    /// No copy could be committed.
    CommitFailed {
        /// The transaction.
        tid: Tid,
    },
    /// Nothing of main can be read.
    MainGone,
    /// Nothing of the spare can be read.
    SpareGone,
    /// Main had more bad blocks in a minute than allowed.
    MainFailing {
        /// How many are allowed.
        allowed: u32,
    },
    /// The set is in another state than before.
    Health {
        /// The new one.
        health: Health,
    },
    /// Few slots are left.
    SlotsLow {
        /// How many.
        left: u32,
    },
    /// No slot is left.
    SlotsExhausted,
    /// So many notices came at once that some were dropped.
    NoticesLost {
        /// How many.
        count: u32,
    },
}

impl Notice {
    /// Whether a device-mapper event should be raised.
    pub fn is_event(&self) -> bool {
        !matches!(
            self,
            Notice::Formatted { .. } | Notice::Loaded { .. } | Notice::NoticesLost { .. }
        )
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Notice::Formatted { copies } => write!(
                out,
                "formatted the blank spare with {copies} copies of the metadata"
            ),
            Notice::Loaded { tid, clean } => write!(
                out,
                "loaded transaction {}, {}",
                tid.0,
                if clean {
                    "cleanly suspended"
                } else {
                    "not cleanly suspended"
                }
            ),
            Notice::Remapped { lbn, slot } => {
                write!(out, "block {} is remapped to slot {}", lbn.0, slot.0)
            }
            Notice::Poisoned { lbn, mask } => {
                write!(
                    out,
                    "block {} has lost {} sectors (mask {mask:#04x})",
                    lbn.0,
                    mask.count_ones()
                )
            }
            Notice::Healed { lbn } => write!(out, "block {} is whole again", lbn.0),
            Notice::Returned { lbn } => write!(out, "block {} is served by main again", lbn.0),
            Notice::SlotFailed { slot } => write!(out, "slot {} is bad", slot.0),
            Notice::CopyFailed { copy } => write!(
                out,
                "metadata copy {copy} cannot be written and is left out"
            ),
            Notice::CopyRejoined { copy } => write!(out, "metadata copy {copy} is in use again"),
            Notice::CommitTimedOut {
                copies,
                milliseconds,
            } => write!(
                out,
                "a metadata write was not done after {milliseconds} ms (copies {copies:#04x})"
            ),
            Notice::CommitFailed { tid } => {
                write!(out, "metadata commit {} reached no copy", tid.0)
            }
            Notice::MainGone => write!(
                out,
                "nothing of main can be read: it is taken for gone, and no block is remapped"
            ),
            Notice::SpareGone => write!(
                out,
                "nothing of the spare can be read: it is taken for gone, and no block on it is recorded as lost"
            ),
            Notice::MainFailing { allowed } => write!(
                out,
                "main had more than {allowed} bad blocks in a minute: it is declared failing, and no more slots are taken unless asked for; \
                 replace it, or create the device again with another fail_after"
            ),
            Notice::Health { health } => write!(out, "the state is {}", health.word()),
            Notice::SlotsLow { left } => write!(out, "only {left} slots are left"),
            Notice::SlotsExhausted => write!(out, "no slot is left"),
            Notice::NoticesLost { count } => write!(out, "{count} notices were dropped"),
        }
    }
}
