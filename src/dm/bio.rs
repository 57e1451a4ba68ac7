// SPDX-License-Identifier: GPL-2.0-only

//! Bios as values that can be moved, and must be disposed of once.

mod end;
mod held;
mod map;
mod operation;
mod part;
mod queue;
mod split;

pub use self::{
    end::{
        EndBio,
        Ended, //
    },
    held::HeldBio,
    map::{
        CannotSplit,
        MapBio,
        Mapped, //
    },
    operation::Operation,
    part::{
        PartIo,
        PartSet, //
    },
    queue::BioQueue,
    split::SplitPool, //
};
