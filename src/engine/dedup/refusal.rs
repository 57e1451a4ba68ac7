// SPDX-License-Identifier: GPL-2.0-only

//! Why a volume is not brought into service.

use super::format::Invalid;
use super::units::Leg;
use core::fmt;

/// Why a volume is not brought into service. Nothing that was on the legs is lost by it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// A leg cannot be read or written now.
    Io(Leg),
    /// A superblock cannot be used, and the other one does not help.
    Superblock(Leg, Invalid),
    /// Both superblocks cannot be read.
    Unreadable,
    /// One leg is blank, the other is not.
    Blank(Leg),
    /// The legs belong to different volumes.
    Mixed,
    /// The volume has another size, or was formatted for other devices.
    Geometry,
    /// The volume has features of a later program.
    Features(u64),
    /// No checkpoint can be read, or the newest may be lost.
    Checkpoint,
    /// A block of the journal cannot be read, or says what cannot be.
    Journal(u64),
    /// A page that is needed from the beginning cannot be read.
    Page(u32),
}

impl fmt::Display for Leg {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Leg::Main => "main",
            Leg::Spare => "the spare",
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Io(leg) => write!(out, "{leg} cannot be read or written now: try again"),
            Self::Superblock(leg, why) => write!(out, "the superblock of {leg} is {why}"),
            Self::Unreadable => write!(out, "no superblock can be read"),
            Self::Blank(leg) => write!(out, "{leg} is blank and the other device is not"),
            Self::Mixed => write!(out, "main and the spare belong to different volumes"),
            Self::Geometry => write!(out, "the volume was formatted with other sizes"),
            Self::Features(bits) => write!(
                out,
                "the volume needs features {bits:#x} of a later version"
            ),
            Self::Checkpoint => write!(out, "the newest checkpoint cannot be read"),
            Self::Journal(block) => {
                write!(out, "block {block} of main, in the journal, is damaged")
            }
            Self::Page(page) => write!(out, "metadata page {page} is damaged"),
        }
    }
}
