// SPDX-License-Identifier: GPL-2.0-only

//! A bio that the target keeps.

use super::{
    Operation,
    SplitPool, //
};
use crate::{
    dm::{
        per_bio::Parts,
        Device,
        Status,
        Target, //
    },
    kern::{
        warn_bug,
        InFlight, //
    },
    sys::bindings as c, //
};
use core::{
    mem::ManuallyDrop,
    ptr::{
        self,
        NonNull, //
    },
};
use kernel::prelude::*;

/// Bytes in a sector, as a power of two.
const SECTOR_SHIFT: u32 = 9;

/// A bio that is neither at a device nor ended: the target decides, later and
/// in any thread.
///
/// Whoever drops one has lost a user's bio: it ends with an I/O error, and the
/// kernel warns. While one exists its target does not go away.
#[must_use = "a held bio has to be submitted, completed or requeued"]
pub struct HeldBio<T: Target>(ManuallyDrop<Parts<T>>);

impl<T: Target> HeldBio<T> {
    pub(super) fn new(parts: Parts<T>) -> Self {
        // SAFETY: while the bio is ours, device-mapper keeps its target.
        unsafe { parts.leases().as_ref() }.enter();
        Self(ManuallyDrop::new(parts))
    }

    /// Gives the bio up together with the duty to end its lease.
    pub(super) fn into_raw(self) -> NonNull<c::bio> {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is not used again, nor dropped.
        unsafe { ManuallyDrop::take(&mut this.0) }.into_raw()
    }

    /// # Safety
    ///
    /// `bio` comes from [`HeldBio::into_raw`] for the same `T`, once.
    pub(super) unsafe fn from_raw(bio: NonNull<c::bio>) -> Self {
        // SAFETY: by this function's contract.
        Self(ManuallyDrop::new(unsafe { Parts::again(bio) }))
    }

    /// Returns what the bio asks for.
    pub fn operation(&self) -> Operation {
        self.0.operation()
    }

    /// Returns whether the write has to last when it completes.
    pub fn is_fua(&self) -> bool {
        self.0.has_flag(c::SHIM_REQ_FUA)
    }

    /// Returns which copy this is, from 0, if the constructor asked for several.
    pub fn target_bio_number(&self) -> u32 {
        self.0.target_bio_number()
    }

    /// Returns the first sector of the whole bio, relative to the target.
    pub fn sector(&self) -> u64 {
        self.0.sector()
    }

    /// Returns the length of the whole bio in sectors.
    pub fn sectors(&self) -> u32 {
        self.0.sectors()
    }

    /// Returns first sector and length of what
    /// [`submit_front`](Self::submit_front) has not sent off yet.
    pub fn remaining(&self) -> (u64, u32) {
        let length = self.0.current_sectors();
        let sent = self.sectors().saturating_sub(length);
        (self.sector().saturating_add(u64::from(sent)), length)
    }

    /// Returns what the target keeps with the bio.
    pub fn per_bio(&self) -> &T::PerBio {
        self.0.per_bio()
    }

    /// Returns what the target keeps with the bio.
    pub fn per_bio_mut(&mut self) -> &mut T::PerBio {
        self.0.per_bio_mut()
    }

    /// Copies data out of the bio's pages, from `skip_sectors` behind its start.
    /// Any context.
    ///
    /// The user may change the pages at the same time; the copy is then a
    /// mixture, and what is decided upon it has to be decided upon the copy.
    ///
    /// # Errors
    ///
    /// `EINVAL` when the bio carries no data or not that much.
    pub fn copy_from_bio(&self, skip_sectors: u32, destination: &mut [u8]) -> Result {
        let bytes = destination.as_mut_ptr();
        // SAFETY: `bytes` is valid for writes of the given length.
        unsafe { self.copy(skip_sectors, bytes, destination.len(), false) }
    }

    /// Copies data into the bio's pages, from `skip_sectors` behind its start.
    /// Any context.
    ///
    /// # Errors
    ///
    /// `EINVAL` when the bio has no pages or not that many.
    pub fn copy_to_bio(&mut self, skip_sectors: u32, source: &[u8]) -> Result {
        let bytes = source.as_ptr().cast_mut();
        // SAFETY: `bytes` is valid for reads of the given length, and is only
        // read in this direction.
        unsafe { self.copy(skip_sectors, bytes, source.len(), true) }
    }

    /// # Safety
    ///
    /// `bytes` is valid for `length` bytes: for reads, and for writes unless
    /// `to_bio`.
    unsafe fn copy(
        &self,
        skip_sectors: u32,
        bytes: *mut u8,
        length: usize,
        to_bio: bool,
    ) -> Result {
        if !matches!(self.operation(), Operation::Read | Operation::Write) {
            return Err(EINVAL);
        }
        let iter = self.0.record_iter();
        let skip = skip_sectors.checked_mul(1 << SECTOR_SHIFT).ok_or(EINVAL)?;
        let length = u32::try_from(length).map_err(|_| EINVAL)?;
        let end = skip.checked_add(length).ok_or(EINVAL)?;
        if end > iter.bi_size {
            return Err(EINVAL);
        }
        if length == 0 {
            return Ok(());
        }
        // SAFETY: the bio is ours and has the pages that its recorded iterator
        // describes, of which this is a part; `bytes` by this function's
        // contract.
        unsafe {
            c::shim_bio_copy(
                self.0.bio(),
                ptr::from_ref(&iter),
                bytes.cast(),
                skip,
                length,
                to_bio,
            )
        };
        Ok(())
    }

    /// Sends the bio, or what remains of it, to `sector` of a device;
    /// [`Target::end_io`] sees it again. Task context, not from `map`.
    pub fn submit_to(self, device: &Device, sector: u64) {
        self.dispose(|mut parts| {
            parts.redirect(device, sector);
            // SAFETY: the bio is ours, points at a device, and is given up here.
            unsafe { c::submit_bio_noacct(parts.bio()) };
        });
    }

    /// Sends the first `sectors` of what remains of the bio to `sector` of a
    /// device, as a bio of its own from `pool`. Task context, not from `map`.
    ///
    /// The last part goes with [`submit_to`](Self::submit_to). When all parts
    /// are back, [`Target::end_io`] sees the bio, whole, with one of their
    /// errors.
    ///
    /// # Errors
    ///
    /// `EINVAL` when `sectors` is 0 or not less than what remains.
    pub fn submit_front(
        &mut self,
        pool: &SplitPool,
        device: &Device,
        sector: u64,
        sectors: u32,
    ) -> Result {
        if sectors == 0
            || sectors >= self.0.current_sectors()
            || self.0.has_flag(c::SHIM_REQ_ATOMIC)
        {
            return Err(EINVAL);
        }
        self.0.set_split();
        // SAFETY: the bio is ours, and `sectors` is less than its length.
        unsafe { pool.submit_front(self.0.bio(), device, sector, sectors) }
    }

    /// Has the bio wait for parts, whose errors become its own.
    pub(super) fn begin_parts(&mut self) -> NonNull<c::bio> {
        self.0.set_split();
        self.0.as_raw()
    }

    /// Ends the bio. Any context.
    pub fn complete(self, status: Status) {
        self.dispose(|parts| parts.end(status));
    }

    /// Has device-mapper map the bio again later. Any context.
    ///
    /// # Errors
    ///
    /// Hands the bio back when no noflush suspend is in progress, or it was given
    /// up: device-mapper would make an I/O error of it.
    pub fn requeue(self) -> Result<(), Self> {
        if !self.0.can_requeue() {
            return Err(self);
        }
        self.complete(Status::DM_REQUEUE);
        Ok(())
    }

    fn dispose(self, last: impl FnOnce(Parts<T>)) {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is not used again, nor dropped.
        let parts = unsafe { ManuallyDrop::take(&mut this.0) };
        let leases = parts.leases();
        last(parts);
        // SAFETY: pairs with `enter` in `new`; the instance waits for it.
        unsafe { InFlight::leave(leases.as_ptr()) };
    }
}

impl<T: Target> Drop for HeldBio<T> {
    fn drop(&mut self) {
        warn_bug(c"a held bio was dropped");
        // SAFETY: `self.0` is not used again.
        let parts = unsafe { ManuallyDrop::take(&mut self.0) };
        let leases = parts.leases();
        parts.end(Status::IOERR);
        // SAFETY: pairs with `enter` in `new`; the instance waits for it.
        unsafe { InFlight::leave(leases.as_ptr()) };
    }
}
