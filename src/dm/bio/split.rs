// SPDX-License-Identifier: GPL-2.0-only

//! Parts of a bio on their way to different places.

use crate::{
    kern::{
        BioPool,
        BlockDevice,
        BlockStatus,
        InFlight, //
    },
    sys::bindings as c, //
};
use core::ptr::NonNull;
use kernel::{
    error::from_err_ptr,
    prelude::*, //
};

/// Bios for the parts that [`HeldBio::submit_front`](super::HeldBio::submit_front)
/// splits off. Dropping the pool waits for those in flight.
pub struct SplitPool(Pin<KBox<BioPool>>);

/// What lies in front of each part while it is in flight.
#[repr(C)]
struct Frame {
    whole: NonNull<c::bio>,
    /// Was entered for this part.
    pool: NonNull<InFlight>,
}

impl SplitPool {
    /// Bytes in front of a bio.
    const FRONT_PAD: usize = size_of::<Frame>().next_multiple_of(align_of::<c::bio>());

    /// Makes a pool of which `pool_size` bios can always be in flight. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn new(pool_size: u32) -> Result<Self> {
        let front_pad = u32::try_from(Self::FRONT_PAD)?;
        Ok(Self(BioPool::new(pool_size, front_pad, 0)?))
    }

    /// Sends the front of `whole` to a device.
    ///
    /// # Safety
    ///
    /// The caller owns `whole`, gives it neither up nor back before it has sent
    /// or ended the rest of it, and `sectors` is less than its length.
    pub(super) unsafe fn submit_front(
        &self,
        whole: *mut c::bio,
        device: &impl BlockDevice,
        sector: u64,
        sectors: u32,
    ) -> Result {
        let length = c_int::try_from(sectors)?;
        // SAFETY: by this function's contract; with GFP_NOIO and a pool this
        // sleeps rather than fails.
        let part = from_err_ptr(unsafe {
            c::bio_split(whole, length, c::SHIM_GFP_NOIO, self.0.as_ptr())
        })?;
        let whole = NonNull::new(whole).ok_or(EINVAL)?;
        // SAFETY: the set put `FRONT_PAD` bytes in front of the part.
        unsafe {
            Self::frame(part).write(Frame {
                whole,
                pool: NonNull::from(&self.0.in_flight),
            })
        };
        self.0.in_flight.enter();
        // SAFETY: the whole is ours and at most one short of its last part.
        unsafe { c::shim_bio_increment_remaining(whole.as_ptr()) };
        // SAFETY: the part is ours and the device open.
        unsafe { c::shim_bio_set_dev(part, device.as_ptr().cast()) };
        {
            // SAFETY: the part is ours.
            let part = unsafe { &mut *part };
            part.bi_iter.bi_sector = sector;
            part.bi_end_io = Some(part_end_io);
        }
        // SAFETY: the part is complete and is given up here.
        unsafe { c::submit_bio_noacct(part) };
        Ok(())
    }

    fn frame(part: *mut c::bio) -> *mut Frame {
        part.wrapping_byte_sub(Self::FRONT_PAD).cast()
    }
}

/// # Safety
///
/// The block layer calls this once, with a part that
/// [`SplitPool::submit_front`] sent.
unsafe extern "C" fn part_end_io(part: *mut c::bio) {
    // SAFETY: written before submission and read once, here.
    let frame = unsafe { SplitPool::frame(part).read() };
    // SAFETY: the part has ended and is ours again.
    let status = BlockStatus::from_c(unsafe { (*part).bi_status });
    // SAFETY: drops the only reference; the pool outlives it, as it is still
    // counted in flight.
    unsafe { c::bio_put(part) };
    // SAFETY: the whole waits for this part.
    unsafe { c::shim_bio_merge_status(frame.whole.as_ptr(), status.raw()) };
    // SAFETY: entered in `submit_front`; the pool outlives its count.
    unsafe { InFlight::leave(frame.pool.as_ptr()) };
    // SAFETY: pairs with the increment in `submit_front`; the last of these
    // calls ends the whole.
    unsafe { c::bio_endio(frame.whole.as_ptr()) };
}
