// SPDX-License-Identifier: GPL-2.0-only

//! Parts of a held bio that end one by one, in any order.

use super::{
    HeldBio,
    Operation, //
};
use crate::{
    dm::{
        Device,
        Status,
        Target, //
    },
    kern::{
        BioPool,
        BlockDevice,
        BlockStatus,
        InFlight, //
    },
    sys::bindings as c, //
};
use core::{
    marker::PhantomData,
    ops::Range,
    ptr::NonNull, //
};
use kernel::prelude::*;

/// What goes with a part and hears of its end.
pub trait PartIo: Send + 'static {
    /// The part has ended, exactly once for each that was sent. Any context,
    /// hardirq included: must not sleep, nor drop what sleeps when dropped.
    ///
    /// The whole may be completed from here on.
    fn completed(self, status: Status);
}

/// Bios for the parts that [`HeldBio::submit_part`] sends.
///
/// Dropping the set waits for what is in flight.
pub struct PartSet<C: PartIo> {
    pool: Pin<KBox<BioPool>>,
    _contexts: PhantomData<fn(C)>,
}

/// What lies in front of each part while it is in flight.
struct Frame<C> {
    context: C,
    whole: NonNull<c::bio>,
    /// Was entered for this part.
    pool: NonNull<InFlight>,
}

impl<C: PartIo> PartSet<C> {
    /// Bytes in front of a bio: a frame, rounded up so that the bio is aligned.
    const FRONT_PAD: usize = size_of::<Frame<C>>().next_multiple_of(align_of::<c::bio>());

    /// Makes a set of which `pool_size` bios can always be in flight. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn new(pool_size: u32) -> Result<Self> {
        const {
            assert!(
                align_of::<Frame<C>>() <= align_of::<u64>(),
                "the context of a part may be aligned to 8 bytes at most"
            )
        };
        Ok(Self {
            pool: BioPool::new(pool_size, u32::try_from(Self::FRONT_PAD)?, 0)?,
            _contexts: PhantomData,
        })
    }

    /// Waits until no part is in flight and every [`PartIo::completed`] has
    /// returned. Sleeps.
    pub fn wait_idle(&self) {
        self.pool.in_flight.wait_idle();
    }

    /// Sends `length` bytes of `whole`, from `skip` on, to a device.
    ///
    /// # Safety
    ///
    /// The caller owns `whole`, which has pages and is as it was when it was
    /// mapped, and will end it; `skip` + `length` is within its length.
    unsafe fn submit(
        &self,
        whole: NonNull<c::bio>,
        (skip, length): (u32, u32),
        device: &impl BlockDevice,
        sector: u64,
        context: C,
    ) {
        // SAFETY: the device is open, as it belongs to the table that the whole, which has not ended, keeps; the
        // whole is valid and the pool initialised.
        // With GFP_NOIO and a pool this sleeps rather than fails, but for what
        // encryption or integrity data need.
        let part = unsafe {
            c::bio_alloc_clone(
                device.as_ptr().cast(),
                whole.as_ptr(),
                c::SHIM_GFP_NOIO,
                self.pool.as_ptr(),
            )
        };
        if part.is_null() {
            context.completed(BlockStatus::RESOURCE);
            return;
        }
        // SAFETY: the set put `FRONT_PAD` bytes, aligned to 8, in front of the
        // part, and nobody else uses them.
        unsafe {
            Self::frame(part).write(Frame {
                context,
                whole,
                pool: NonNull::from(&self.pool.in_flight),
            })
        };
        self.pool.in_flight.enter();
        // SAFETY: the whole is ours and has not ended.
        unsafe { c::shim_bio_increment_remaining(whole.as_ptr()) };
        if skip != 0 {
            // SAFETY: the part is ours and longer than `skip`.
            unsafe { c::__bio_advance(part, skip) };
        }
        {
            // SAFETY: the part is ours.
            let part = unsafe { &mut *part };
            part.bi_iter.bi_size = length;
            part.bi_iter.bi_sector = sector;
            // Whoever sends it may wait.
            part.bi_opf &= !c::SHIM_REQ_NOWAIT;
            part.bi_end_io = Some(part_end_io::<C>);
        }
        // SAFETY: the part is complete and is given up here.
        unsafe { c::submit_bio_noacct(part) };
    }

    fn frame(part: *mut c::bio) -> *mut Frame<C> {
        part.wrapping_byte_sub(Self::FRONT_PAD).cast()
    }
}

impl<T: Target> HeldBio<T> {
    /// Sends the sectors `part` of the bio to `sector` of a device, as a bio of
    /// its own. Task context, not from `map`.
    ///
    /// The outcome, errors of the arguments included, comes through
    /// [`PartIo::completed`]. The bio stays held, and may be given parts in any
    /// order. It must be completed, which takes effect when all parts are
    /// back; an error of one of them counts more than the status given then.
    /// Not to be mixed with [`submit_front`](Self::submit_front).
    pub fn submit_part<C: PartIo>(
        &mut self,
        set: &PartSet<C>,
        device: &Device,
        sector: u64,
        part: Range<u32>,
        context: C,
    ) {
        let is_whole = self.remaining() == (self.sector(), self.sectors());
        let has_data = matches!(self.operation(), Operation::Read | Operation::Write);
        let is_inside = part.start < part.end && part.end <= self.sectors();
        if !(is_whole && has_data && is_inside) {
            context.completed(Status::INVALID);
            return;
        }
        let bytes = |sectors: u32| sectors << c::SECTOR_SHIFT;
        let range = (bytes(part.start), bytes(part.end - part.start));
        let whole = self.begin_parts();
        // SAFETY: the bio is ours, and the range within it was checked.
        unsafe { set.submit(whole, range, device, sector, context) };
    }
}

/// # Safety
///
/// The block layer calls this once, with a part that [`PartSet::<C>::submit`]
/// sent.
unsafe extern "C" fn part_end_io<C: PartIo>(part: *mut c::bio) {
    // SAFETY: written before submission and read once, here.
    let frame = unsafe { PartSet::<C>::frame(part).read() };
    // SAFETY: the part has ended and is ours again.
    let status = BlockStatus::from_c(unsafe { (*part).bi_status });
    // SAFETY: drops the only reference; the pool outlives it, as it is still
    // counted in flight.
    unsafe { c::bio_put(part) };
    // SAFETY: the whole waits for this part.
    unsafe { c::shim_bio_merge_status(frame.whole.as_ptr(), status.raw()) };
    frame.context.completed(status);
    // SAFETY: entered in `submit`; the pool outlives its count.
    unsafe { InFlight::leave(frame.pool.as_ptr()) };
    // SAFETY: pairs with the increment in `submit`; the last of these calls ends
    // the whole, if its owner has completed it.
    unsafe { c::bio_endio(frame.whole.as_ptr()) };
}
