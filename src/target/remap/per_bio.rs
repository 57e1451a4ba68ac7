// SPDX-License-Identifier: GPL-2.0-only

//! What the target remembers about each user bio while it is below, or held.

use crate::{
    engine::{
        Cause,
        ErrorClass, //
    },
    kern::EpochToken,
};

/// Which leg serves a bio.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Route {
    /// The main device, at the bio's own sector; flushes count as this too.
    #[default]
    Main,
    /// A slot on the spare.
    Slot,
    /// Parts of it went to main, parts to slots.
    Both,
}

/// Why a bio is held.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Its blocks are being repaired, or it heals a poisoned block.
    #[default]
    Blocked,
    /// Main reported a media error.
    MainFailed,
    /// A slot reported a media error.
    SlotFailed,
}

impl Reason {
    /// The same, in the engine's words.
    pub(crate) fn cause(self) -> Cause {
        match self {
            Self::Blocked => Cause::Held,
            Self::MainFailed => Cause::MainFailed(ErrorClass::Media),
            Self::SlotFailed => Cause::SlotFailed(ErrorClass::Media),
        }
    }
}

/// The target's per-bio data; reset to its default before each `map`.
#[derive(Clone, Copy, Default)]
pub(crate) struct PerBio {
    /// The place in the epoch of a write, a read of a slot or a bio that was held, while it may be in flight below.
    pub(crate) epoch: Option<EpochToken>,
    /// Where the bio was sent.
    pub(crate) route: Route,
    /// Why the bio is held, when it is.
    pub(crate) reason: Reason,
}
