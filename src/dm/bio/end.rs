// SPDX-License-Identifier: GPL-2.0-only

//! A bio that has come back from a device.

use super::{
    HeldBio,
    Operation, //
};
use crate::{
    dm::{
        per_bio::Parts,
        Status,
        Target, //
    },
    kern::InFlight,
    sys::bindings as c, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::prelude::*;

/// A bio that has come back and that the target has to dispose of again.
///
/// Position, length and operation are those with which it was mapped.
pub struct EndBio<'a, T: Target> {
    parts: Parts<T>,
    status: &'a mut c::blk_status_t,
}

/// Proof that a bio was disposed of in [`Target::end_io`].
#[must_use = "`end_io` has to return this"]
pub struct Ended<'a> {
    result: c_uint,
    /// The counter that keeps the target while this call goes on without a bio.
    visit: Option<NonNull<InFlight>>,
    _call: PhantomData<&'a mut ()>,
}

impl Ended<'_> {
    fn new(result: c_uint) -> Self {
        Self {
            result,
            visit: None,
            _call: PhantomData,
        }
    }

    /// Returns the result for C, and a counter that the caller leaves when it
    /// uses the target no more.
    pub(in super::super) fn into_raw(self) -> (c_int, Option<NonNull<InFlight>>) {
        // CAST: the constants are 0 to 2.
        (self.result as c_int, self.visit)
    }
}

impl<'a, T: Target> EndBio<'a, T> {
    /// Returns nothing if it was the target itself that ended the bio.
    ///
    /// # Safety
    ///
    /// `bio` went through `MapBio` for a target of type `T`, has ended, and the
    /// caller returns the result of the `Ended` that this becomes.
    pub(in super::super) unsafe fn from_raw(
        bio: *mut c::bio,
        status: &'a mut c::blk_status_t,
    ) -> Option<Self> {
        let bio = NonNull::new(bio)?;
        // SAFETY: by this function's contract.
        let parts = unsafe { Parts::again(bio) };
        if parts.is_ended() {
            return None;
        }
        Some(Self { parts, status })
    }

    /// Returns what became of the bio.
    pub fn status(&self) -> Status {
        Status::from_c(*self.status)
    }

    /// Returns what the bio asked for.
    pub fn operation(&self) -> Operation {
        self.parts.operation()
    }

    /// Returns whether the write was to last when it completes.
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

    /// Passes the bio up with a status.
    pub fn finish(self, status: Status) -> Ended<'a> {
        *self.status = status.raw();
        Ended::new(c::DM_ENDIO_DONE)
    }

    /// Passes the bio up with the status that it has.
    pub fn finish_unchanged(self) -> Ended<'a> {
        Ended::new(c::DM_ENDIO_DONE)
    }

    /// Has device-mapper map the bio again later. Only while a noflush suspend
    /// is in progress; otherwise it becomes an I/O error.
    pub fn requeue(self) -> Ended<'a> {
        Ended::new(c::DM_ENDIO_REQUEUE)
    }

    /// Keeps the bio for later, as it was when it was mapped.
    pub fn hold(mut self) -> (HeldBio<T>, Ended<'a>) {
        self.parts.restore();
        let visit = self.parts.visits();
        // From here on the bio, which may be ended in another thread at once, no
        // longer keeps the target for this call.
        // SAFETY: while the bio is ours, device-mapper keeps its target.
        unsafe { visit.as_ref() }.enter();
        let mut ended = Ended::new(c::DM_ENDIO_INCOMPLETE);
        ended.visit = Some(visit);
        (HeldBio::new(self.parts), ended)
    }
}
