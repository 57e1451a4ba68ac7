// SPDX-License-Identifier: GPL-2.0-only

//! What the layer and the target keep with each bio.

use super::{
    instance::Instance,
    Operation,
    Target, //
};
use crate::{
    kern::{
        BlockDevice,
        BlockStatus,
        InFlight, //
    },
    sys::bindings as c, //
};
use core::ptr::{
    self,
    NonNull, //
};
use kernel::prelude::*;

/// A bio as the target was given it, before lower devices change it.
#[derive(Clone, Copy)]
pub(super) struct Record {
    iter: c::bvec_iter,
    operation: c::blk_opf_t,
    flags: c_ushort,
}

impl Record {
    fn of(bio: &c::bio) -> Self {
        Self {
            iter: bio.bi_iter,
            operation: bio.bi_opf,
            flags: bio.bi_flags,
        }
    }
}

/// How far a bio has come; says whether `end_io` concerns the target.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// With the target, or on its way to a device for it.
    Open,
    /// As `Open`; parts of it are on their way as bios of their own.
    Split,
    /// Ended by the target: its `end_io` is not to see it again.
    Ended,
}

/// The memory that device-mapper reserves in front of each bio.
///
/// It is recycled: what is in it is only defined after [`Parts::begin`].
#[repr(C)]
pub(super) struct Area<T: Target> {
    ti: NonNull<c::dm_target>,
    record: Record,
    stage: Stage,
    data: T::PerBio,
}

impl<T: Target> Area<T> {
    /// Bytes to reserve. Device-mapper aligns the end of the area to 8 bytes,
    /// so its start is aligned if the size is a multiple of 8.
    pub(super) const SIZE: u32 = {
        assert!(
            align_of::<Self>() == 8,
            "data of a bio may be aligned to 8 bytes at most"
        );
        assert!(size_of::<Self>() <= 4096, "data of a bio are too large");
        // CAST: checked just above.
        size_of::<Self>() as u32
    };
}

/// A bio together with its area: what every token is made of.
///
/// # Invariants
///
/// - `bio` is a clone that device-mapper gave to this target and that is not yet
///   disposed of; nobody else uses it while this object exists.
/// - `area` is the area of `bio`, initialised.
pub(super) struct Parts<T: Target> {
    bio: NonNull<c::bio>,
    area: NonNull<Area<T>>,
}

// SAFETY: a bio may be handed from thread to thread, and `PerBio` is `Send`.
unsafe impl<T: Target> Send for Parts<T> {}

impl<T: Target> Parts<T> {
    /// Takes a bio that is about to be mapped and initialises its area.
    ///
    /// # Safety
    ///
    /// `bio` is a clone for `ti`, a target of type `T`, that the caller owns.
    pub(super) unsafe fn begin(ti: NonNull<c::dm_target>, bio: NonNull<c::bio>) -> Self {
        let area = Self::area_of(bio);
        // SAFETY: the caller owns the bio.
        let record = Record::of(unsafe { bio.as_ref() });
        // SAFETY: device-mapper reserved `Area::<T>::SIZE` bytes there, aligned
        // as `SIZE` says, for the owner of the bio.
        unsafe {
            area.write(Area {
                ti,
                record,
                stage: Stage::Open,
                data: T::PerBio::default(),
            })
        };
        // INVARIANT: owned by this function's contract; initialised above.
        Self { bio, area }
    }

    /// Takes a bio back whose area is initialised.
    ///
    /// # Safety
    ///
    /// As for [`Parts::begin`], which `bio` went through before.
    pub(super) unsafe fn again(bio: NonNull<c::bio>) -> Self {
        // INVARIANT: by this function's contract.
        Self {
            bio,
            area: Self::area_of(bio),
        }
    }

    /// Gives the bio up as a pointer.
    pub(super) fn into_raw(self) -> NonNull<c::bio> {
        self.bio
    }

    pub(super) fn as_raw(&self) -> NonNull<c::bio> {
        self.bio
    }

    pub(super) fn bio(&self) -> *mut c::bio {
        self.bio.as_ptr()
    }

    fn area_of(bio: NonNull<c::bio>) -> NonNull<Area<T>> {
        // CAST: the size is at most 4096.
        // SAFETY: every bio of this module's targets has an area of this size.
        let area = unsafe { c::dm_per_bio_data(bio.as_ptr(), Area::<T>::SIZE as usize) };
        // SAFETY: the area lies within the allocation that the bio is part of.
        unsafe { NonNull::new_unchecked(area.cast()) }
    }

    fn area(&self) -> &Area<T> {
        // SAFETY: by the type invariant.
        unsafe { self.area.as_ref() }
    }

    fn area_mut(&mut self) -> &mut Area<T> {
        // SAFETY: by the type invariant.
        unsafe { self.area.as_mut() }
    }

    fn ti(&self) -> *mut c::dm_target {
        self.area().ti.as_ptr()
    }

    pub(super) fn per_bio(&self) -> &T::PerBio {
        &self.area().data
    }

    pub(super) fn per_bio_mut(&mut self) -> &mut T::PerBio {
        &mut self.area_mut().data
    }

    /// Remembers the bio as it is now.
    pub(super) fn record(&mut self) {
        // SAFETY: the bio is ours by the type invariant.
        let record = Record::of(unsafe { self.bio.as_ref() });
        self.area_mut().record = record;
    }

    /// Undoes what lower devices did to the bio since [`Parts::record`].
    pub(super) fn restore(&mut self) {
        let record = self.area().record;
        // SAFETY: the bio is ours by the type invariant.
        let bio = unsafe { self.bio.as_mut() };
        bio.bi_iter = record.iter;
        bio.bi_opf = record.operation;
        bio.bi_flags = record.flags;
        bio.bi_status = 0;
        bio.bi_next = ptr::null_mut();
        // SAFETY: as above; no part of it is in flight when it has come back.
        unsafe { c::shim_bio_reset_remaining(bio) };
        self.area_mut().stage = Stage::Open;
    }

    /// Points the bio at a device.
    pub(super) fn redirect(&mut self, device: &impl BlockDevice, sector: u64) {
        // SAFETY: the bio is ours, the device is open.
        unsafe { c::shim_bio_set_dev(self.bio(), device.as_ptr().cast()) };
        // SAFETY: the bio is ours.
        unsafe { (*self.bio()).bi_iter.bi_sector = sector };
    }

    /// Ends the bio for good, without the target's `end_io`.
    pub(super) fn end(mut self, status: BlockStatus) {
        let split = self.area().stage == Stage::Split;
        self.area_mut().stage = Stage::Ended;
        let bio = self.bio();
        if split {
            // SAFETY: the bio is ours; its other parts may be setting the
            // status at the same time, in the same way.
            unsafe { c::shim_bio_merge_status(bio, status.raw()) };
        } else {
            // SAFETY: the bio is ours.
            unsafe { (*bio).bi_status = status.raw() };
        }
        // SAFETY: the bio is ours and is given up here.
        unsafe { c::bio_endio(bio) };
    }

    pub(super) fn set_split(&mut self) {
        self.area_mut().stage = Stage::Split;
    }

    pub(super) fn is_ended(&self) -> bool {
        self.area().stage == Stage::Ended
    }

    /// Returns the operation as recorded.
    pub(super) fn operation(&self) -> Operation {
        Operation::from_raw(self.area().record.operation, self.sectors())
    }

    pub(super) fn has_flag(&self, flag: c::blk_opf_t) -> bool {
        self.area().record.operation & flag != 0
    }

    /// Returns the first sector, relative to the target, as recorded.
    pub(super) fn sector(&self) -> u64 {
        self.relative(self.area().record.iter.bi_sector)
    }

    /// Returns the length in sectors, as recorded.
    pub(super) fn sectors(&self) -> u32 {
        self.area().record.iter.bi_size >> c::SECTOR_SHIFT
    }

    /// Returns the length in sectors at this moment.
    pub(super) fn current_sectors(&self) -> u32 {
        // SAFETY: the bio is ours by the type invariant.
        unsafe { (*self.bio()).bi_iter.bi_size >> c::SECTOR_SHIFT }
    }

    pub(super) fn record_iter(&self) -> c::bvec_iter {
        self.area().record.iter
    }

    fn relative(&self, sector: u64) -> u64 {
        if self.sectors() == 0 {
            return 0;
        }
        // SAFETY: the target outlives its bios.
        sector.wrapping_sub(unsafe { (*self.ti()).begin })
    }

    /// Returns which copy of a flush or discard this is.
    pub(super) fn target_bio_number(&self) -> u32 {
        // SAFETY: the bio is a clone that device-mapper made.
        unsafe { c::dm_bio_get_target_bio_nr(self.bio()) }
    }

    /// Returns how many copies of such a bio device-mapper makes.
    pub(super) fn copies(&self) -> u32 {
        // SAFETY: the target outlives its bios, and nobody changes it after the
        // constructor.
        let ti = unsafe { &*self.ti() };
        match self.operation() {
            Operation::Read | Operation::Write => 1,
            Operation::Discard => ti.num_discard_bios,
            Operation::SecureErase => ti.num_secure_erase_bios,
            Operation::WriteZeroes => ti.num_write_zeroes_bios,
            Operation::Flush | Operation::Other(_) => 0,
        }
    }

    /// Returns the counter of visits of the target that the bio belongs to.
    pub(super) fn visits(&self) -> NonNull<InFlight> {
        // SAFETY: the target of a bio outlives the bio.
        let instance = unsafe { Instance::<T>::of(self.area().ti) };
        NonNull::from(instance.visits())
    }

    /// Returns whether device-mapper takes bios back, to map them again later.
    pub(super) fn can_requeue(&self) -> bool {
        // SAFETY: the target outlives its bios.
        unsafe { c::dm_noflush_suspending(self.ti()) != 0 }
    }

    /// Returns the counter of leases of the target that the bio belongs to.
    pub(super) fn leases(&self) -> NonNull<InFlight> {
        // SAFETY: the target of a bio outlives the bio.
        let instance = unsafe { Instance::<T>::of(self.area().ti) };
        NonNull::from(instance.leases())
    }
}
