// SPDX-License-Identifier: GPL-2.0-only

//! A bio that is being mapped.

use super::{
    HeldBio,
    Operation, //
};
use crate::{
    dm::{
        per_bio::Parts,
        Device,
        Status,
        Target, //
    },
    sys::bindings as c, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::prelude::*;

/// A bio that the target has to dispose of.
///
/// It lives for one call of [`Target::map`] only, and so does the [`Mapped`]
/// that each way of disposing returns.
pub struct MapBio<'a, T: Target> {
    parts: Parts<T>,
    _call: PhantomData<&'a mut ()>,
}

/// Proof that a bio was disposed of in [`Target::map`].
///
/// Only a [`MapBio`] of the same call can be turned into one. So device-mapper
/// never sees a result that it does not know, nor one for another bio.
#[must_use = "`map` has to return this"]
pub struct Mapped<'a> {
    result: c_uint,
    _call: PhantomData<&'a mut ()>,
}

impl Mapped<'_> {
    fn new(result: c_uint) -> Self {
        Self {
            result,
            _call: PhantomData,
        }
    }

    pub(in super::super) fn into_raw(self) -> c_int {
        // CAST: the constants are 0 to 4.
        self.result as c_int
    }
}

/// The bio cannot be split.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CannotSplit;

impl<'a, T: Target> MapBio<'a, T> {
    /// # Safety
    ///
    /// `bio` is a clone for `ti`, a target of type `T`; the caller owns it and
    /// returns the result of the `Mapped` that this becomes.
    pub(in super::super) unsafe fn from_raw(
        ti: NonNull<c::dm_target>,
        bio: NonNull<c::bio>,
    ) -> Self {
        Self {
            // SAFETY: by this function's contract.
            parts: unsafe { Parts::begin(ti, bio) },
            _call: PhantomData,
        }
    }

    /// Returns what the bio asks for.
    pub fn operation(&self) -> Operation {
        self.parts.operation()
    }

    /// Returns whether the write has to last when it completes.
    pub fn is_fua(&self) -> bool {
        self.parts.has_flag(c::SHIM_REQ_FUA)
    }

    /// Returns whether the submitter does not want to wait.
    pub fn is_nowait(&self) -> bool {
        self.parts.has_flag(c::SHIM_REQ_NOWAIT)
    }

    /// Returns which copy this is, from 0, if the constructor asked for several.
    pub fn target_bio_number(&self) -> u32 {
        self.parts.target_bio_number()
    }

    /// Returns the first sector, relative to the target.
    pub fn sector(&self) -> u64 {
        self.parts.sector()
    }

    /// Returns the length in sectors.
    pub fn sectors(&self) -> u32 {
        self.parts.sectors()
    }

    /// Returns what the target keeps with the bio.
    pub fn per_bio(&self) -> &T::PerBio {
        self.parts.per_bio()
    }

    /// Returns what the target keeps with the bio.
    pub fn per_bio_mut(&mut self) -> &mut T::PerBio {
        self.parts.per_bio_mut()
    }

    /// Shortens the bio to its first `sectors` sectors; the rest arrives as
    /// another bio.
    ///
    /// # Errors
    ///
    /// It has no data to split, arrives in several copies, or is not that long.
    pub fn accept_partial(&mut self, sectors: u32) -> Result<(), CannotSplit> {
        let length = self.sectors();
        if sectors == length && sectors != 0 {
            return Ok(());
        }
        let whole = sectors == 0
            || sectors > length
            || self.parts.copies() != 1
            || self.parts.has_flag(c::SHIM_REQ_ATOMIC);
        if whole {
            return Err(CannotSplit);
        }
        // SAFETY: the bio is being mapped. It is no flush, no duplicate, not
        // atomic, and for no zoned device, since none can be opened; `sectors`
        // is within its length.
        unsafe { c::dm_accept_partial_bio(self.parts.bio(), sectors) };
        self.parts.record();
        Ok(())
    }

    /// Sends the bio to `sector` of a device; [`Target::end_io`] sees it again.
    pub fn remap(mut self, device: &Device, sector: u64) -> Mapped<'a> {
        self.parts.redirect(device, sector);
        Mapped::new(c::DM_MAPIO_REMAPPED)
    }

    /// Ends the bio.
    pub fn complete(self, status: Status) -> Mapped<'a> {
        self.parts.end(status);
        Mapped::new(c::DM_MAPIO_SUBMITTED)
    }

    /// Ends the bio with an I/O error.
    pub fn fail(self) -> Mapped<'a> {
        Mapped::new(c::DM_MAPIO_KILL)
    }

    /// Has device-mapper map the bio again later. Only while a noflush suspend
    /// is in progress; otherwise it becomes an I/O error.
    pub fn requeue(self) -> Mapped<'a> {
        Mapped::new(c::DM_MAPIO_REQUEUE)
    }

    /// Keeps the bio for later.
    pub fn hold(self) -> (HeldBio<T>, Mapped<'a>) {
        (HeldBio::new(self.parts), Mapped::new(c::DM_MAPIO_SUBMITTED))
    }
}
