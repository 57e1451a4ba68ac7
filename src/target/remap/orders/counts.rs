// SPDX-License-Identifier: GPL-2.0-only

//! What became of the blocks of an order, in words.

use core::fmt;
use kernel::prelude::*;

use crate::{
    dm::Reply,
    engine::{
        Outcome,
        RequestKind, //
    },
};

/// The outcome of an order of this kind; prints as one phrase.
pub(super) struct Counts(pub(super) RequestKind, pub(super) Outcome);

impl Counts {
    /// Puts each count on a line of its own.
    pub(super) fn reply(&self, reply: &mut Reply<'_>) {
        for (name, count) in self.named().into_iter().flatten() {
            reply.put(fmt!("{name} {count}\n"));
        }
    }

    fn named(&self) -> [Option<(&'static str, u32)>; 4] {
        let Self(kind, outcome) = self;
        let Outcome {
            moved,
            unchanged,
            lost,
            failed,
        } = *outcome;
        match kind {
            RequestKind::Test => [
                Some(("good", unchanged)),
                Some(("repaired", moved)),
                Some(("lost", lost)),
                Some(("failed", failed)),
            ],
            RequestKind::Unremap => [
                Some(("returned", moved)),
                Some(("unchanged", unchanged)),
                None,
                Some(("failed", failed)),
            ],
            _ => [
                Some(("remapped", moved)),
                Some(("lost", lost)),
                Some(("unchanged", unchanged)),
                Some(("failed", failed)),
            ],
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, count)) in self.named().into_iter().flatten().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(out, "{comma}{name} {count}")?;
        }
        Ok(())
    }
}
