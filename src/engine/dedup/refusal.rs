// SPDX-License-Identifier: GPL-2.0-only

//! Why a volume is not brought into service.

use super::format::{Geometry, Invalid};
use super::units::Leg;
use crate::engine::units::SECTORS_PER_BLOCK;
use core::fmt;

const BLOCKS_PER_MEBIBYTE: u64 = 256;

fn sectors(blocks: u64) -> u64 {
    blocks.saturating_mul(SECTORS_PER_BLOCK)
}

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
    /// Both superblocks are blank, but this block of a leg is not, nor is it a volume's.
    Occupied(Leg, u64),
    /// The legs belong to different volumes.
    Mixed,
    /// The volume has another size, or was formatted for other devices: this is its geometry, and the blocks of its spare.
    Geometry(Geometry, u64),
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
            Self::Occupied(leg, block) => write!(
                out,
                "{leg} is not blank: its block {block} of 4096 bytes holds something; take a blank device, or zero its first 68 KiB if nothing of it is wanted"
            ),
            Self::Mixed => write!(out, "main and the spare belong to different volumes"),
            Self::Geometry(geometry, spare_blocks) => write!(
                out,
                "the volume was formatted with other sizes: a length of {} sectors, a journal of {} MiB, an index of {} blocks, main of {} sectors, and a spare of {}; give the same",
                sectors(geometry.logical_blocks),
                geometry.journal_blocks / BLOCKS_PER_MEBIBYTE,
                geometry.index_blocks,
                sectors(geometry.main_blocks),
                sectors(spare_blocks)
            ),
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
