// SPDX-License-Identifier: GPL-2.0-only

//! Bios of one's own, from a pool, each owning its buffer.
//!
//! C header: [`include/linux/bio.h`](srctree/include/linux/bio.h)

use super::{
    block_status::BlockStatus,
    in_flight::InFlight, //
};
use crate::sys::bindings as c;
use core::{
    marker::PhantomData,
    ops::Range,
    ptr::{
        self,
        NonNull, //
    },
};
use kernel::{
    error::to_result,
    prelude::*,
    types::Opaque, //
};

/// Bytes in a sector.
const SECTOR_BYTES: usize = 512;

/// Pieces that one bio can carry: the kernel's `BIO_MAX_VECS`.
pub const PIECES_MAXIMUM: u16 = 256;

/// A block device that I/O can be sent to.
///
/// # Safety
///
/// - [`BlockDevice::as_ptr`] returns an open block device.
/// - It stays open, and the counter in place, until that counter is zero after
///   the last use of the object.
pub unsafe trait BlockDevice {
    /// Returns the device.
    fn as_ptr(&self) -> *mut c_void;
    /// Returns the counter of the I/O that is on its way to the device.
    fn in_flight(&self) -> &InFlight;
}

/// What goes with a bio of a [`BioSet`] and comes back with it.
pub trait OwnIo: Send + 'static {
    /// The memory that is read into or written from. The bio owns it while it
    /// is in flight, whatever becomes of whoever submitted it.
    type Buffer: Send + 'static;

    /// Returns the buffer's bytes, in pieces that follow each other. Each is
    /// aligned to 512 bytes and is directly mapped kernel memory, such as what a
    /// `KBox` holds; one that lies within a page may also come from `vmalloc`,
    /// as in a large `KVVec`.
    fn pieces(buffer: &mut Self::Buffer) -> impl Iterator<Item = &mut [u8]>;

    /// The bio has ended, exactly once for each submission. Any context,
    /// hardirq included: must not sleep, nor drop what sleeps when dropped.
    fn completed(self, status: BlockStatus, buffer: Option<Self::Buffer>);
}

/// A pool of bios.
///
/// # Invariants
///
/// The bio set is initialised and does not move. `in_flight` counts the bios
/// that were allocated from it and have not come back.
#[pin_data(PinnedDrop)]
pub(crate) struct BioPool {
    #[pin]
    set: Opaque<c::bio_set>,
    pub(crate) in_flight: InFlight,
}

// SAFETY: bios may be allocated and freed on every thread.
unsafe impl Send for BioPool {}
// SAFETY: as for `Send`.
unsafe impl Sync for BioPool {}

impl BioPool {
    /// Makes a pool that always has `pool_size` bios, each with `front_pad`
    /// bytes in front of it. `flags` are the kernel's `BIOSET_*`. May sleep.
    pub(crate) fn new(pool_size: u32, front_pad: u32, flags: c_int) -> Result<Pin<KBox<Self>>> {
        KBox::try_pin_init(
            try_pin_init!(Self {
                set <- Opaque::try_ffi_init(|slot: *mut c::bio_set| {
                    // SAFETY: `slot` is valid for writes; a bio set starts out
                    // zeroed.
                    unsafe { ptr::write_bytes(slot, 0, 1) };
                    // SAFETY: `slot` is zeroed and at its final address.
                    to_result(unsafe { c::bioset_init(slot, pool_size, front_pad, flags) })
                }),
                in_flight: InFlight::new(),
            }? Error),
            GFP_KERNEL,
        )
    }

    pub(crate) fn as_ptr(&self) -> *mut c::bio_set {
        self.set.get()
    }
}

#[pinned_drop]
impl PinnedDrop for BioPool {
    fn drop(self: Pin<&mut Self>) {
        self.in_flight.wait_idle();
        // SAFETY: initialised by the type invariant, and every bio is back.
        unsafe { c::bioset_exit(self.set.get()) };
    }
}

/// What lies in front of each bio while it is in flight.
struct Frame<C: OwnIo> {
    context: C,
    buffer: Option<C::Buffer>,
    /// Both counters were entered for this bio.
    pool: NonNull<InFlight>,
    device: NonNull<InFlight>,
}

/// A set of bios for one kind of I/O.
///
/// All submitting functions need task context and must not be called from
/// within a `map` function: they may wait for an earlier bio of the set to
/// come back. They allocate from the pool only, so they make progress without
/// free memory. The outcome, errors of the arguments included, always comes
/// through [`OwnIo::completed`].
///
/// Dropping the set waits for what is in flight.
pub struct BioSet<C: OwnIo> {
    pool: Pin<KBox<BioPool>>,
    _contexts: PhantomData<fn(C)>,
}

impl<C: OwnIo> BioSet<C> {
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
                "the context of a bio may be aligned to 8 bytes at most"
            )
        };
        Ok(Self {
            pool: BioPool::new(
                pool_size,
                u32::try_from(Self::FRONT_PAD)?,
                c::SHIM_BIOSET_NEED_BVECS,
            )?,
            _contexts: PhantomData,
        })
    }

    /// Reads from `sector` of the device into sectors `within` of the buffer.
    pub fn read(
        &self,
        device: &impl BlockDevice,
        sector: u64,
        buffer: C::Buffer,
        within: Range<u32>,
        context: C,
    ) {
        let operation = c::req_op_REQ_OP_READ;
        self.submit(device, operation, sector, Some((buffer, within)), context);
    }

    /// Writes sectors `within` of the buffer to `sector` of the device; with
    /// `fua` past the device's volatile cache.
    pub fn write(
        &self,
        device: &impl BlockDevice,
        sector: u64,
        buffer: C::Buffer,
        within: Range<u32>,
        fua: bool,
        context: C,
    ) {
        // Synchronous and idle: somebody waits, so writeback throttling must
        // not hold it up behind the writes of others.
        let mut operation = c::req_op_REQ_OP_WRITE | c::SHIM_REQ_SYNC | c::SHIM_REQ_IDLE;
        if fua {
            operation |= c::SHIM_REQ_FUA;
        }
        self.submit(device, operation, sector, Some((buffer, within)), context);
    }

    /// Empties the device's volatile cache.
    pub fn flush(&self, device: &impl BlockDevice, context: C) {
        let operation = c::req_op_REQ_OP_WRITE | c::SHIM_REQ_SYNC | c::SHIM_REQ_PREFLUSH;
        self.submit(device, operation, 0, None, context);
    }

    /// Returns the number of bios in flight. Any context.
    pub fn in_flight(&self) -> u32 {
        self.pool.in_flight.count()
    }

    /// Waits until no bio is in flight and every [`OwnIo::completed`] has
    /// returned. Sleeps.
    pub fn wait_idle(&self) {
        self.pool.in_flight.wait_idle();
    }

    fn submit(
        &self,
        device: &impl BlockDevice,
        operation: c::blk_opf_t,
        sector: u64,
        data: Option<(C::Buffer, Range<u32>)>,
        context: C,
    ) {
        let (mut buffer, within) = data.unzip();
        let vectors = match (&mut buffer, &within) {
            (Some(buffer), Some(within)) => overlaps(C::pieces(buffer), within.clone()).count(),
            _ => 0,
        };
        // A bio with more pieces than exist in one is refused below.
        let vectors = u16::try_from(vectors)
            .unwrap_or(u16::MAX)
            .min(PIECES_MAXIMUM);
        // SAFETY: the device is open and the set initialised. With GFP_NOIO and
        // a pool this sleeps rather than fails.
        let bio = unsafe {
            c::bio_alloc_bioset(
                device.as_ptr().cast(),
                vectors,
                operation,
                c::SHIM_GFP_NOIO,
                self.pool.as_ptr(),
            )
        };
        let frame = Self::frame(bio);
        // SAFETY: the set put `FRONT_PAD` bytes, aligned to 8, in front of the
        // bio, and nobody else uses them.
        unsafe {
            frame.write(Frame {
                context,
                buffer,
                pool: NonNull::from(&self.pool.in_flight),
                device: NonNull::from(device.in_flight()),
            })
        };
        self.pool.in_flight.enter();
        device.in_flight().enter();
        {
            // SAFETY: the bio was just allocated and is ours.
            let bio = unsafe { &mut *bio };
            bio.bi_iter.bi_sector = sector;
            bio.bi_end_io = Some(end_io::<C>);
        }
        // SAFETY: the frame was just written and the bio is not yet in flight.
        let buffer = unsafe { &mut (*frame).buffer };
        if let (Some(buffer), Some(within)) = (buffer, within) {
            if !attach(bio, C::pieces(buffer), within) {
                // SAFETY: the bio is ours; this ends it.
                unsafe { (*bio).bi_status = c::SHIM_BLK_STS_INVAL };
                // SAFETY: as above; `end_io` takes it from here.
                unsafe { c::bio_endio(bio) };
                return;
            }
        }
        // SAFETY: the bio is complete: device, sector, operation, data, end.
        unsafe { c::submit_bio_noacct(bio) };
    }

    fn frame(bio: *mut c::bio) -> *mut Frame<C> {
        bio.wrapping_byte_sub(Self::FRONT_PAD).cast()
    }
}

/// The parts of the pieces that lie within the given sectors of all of them together.
fn overlaps<'a>(
    pieces: impl Iterator<Item = &'a mut [u8]>,
    within: Range<u32>,
) -> impl Iterator<Item = &'a mut [u8]> {
    // CAST: 32 bits fit into a `usize` on every supported machine.
    let (start, end) = (within.start as usize, within.end as usize);
    let mut skip = start.saturating_mul(SECTOR_BYTES);
    let mut left = end.saturating_sub(start).saturating_mul(SECTOR_BYTES);
    pieces.filter_map(move |piece| {
        let length = piece.len();
        let part = piece.get_mut(skip.min(length)..)?;
        skip = skip.saturating_sub(length);
        let length = part.len().min(left);
        left = left.saturating_sub(length);
        part.get_mut(..length).filter(|part| !part.is_empty())
    })
}

/// Makes the given sectors of the pieces the data of `bio`; false if they do not
/// exist, are too many, or no device may be pointed at them.
fn attach<'a>(
    bio: *mut c::bio,
    pieces: impl Iterator<Item = &'a mut [u8]>,
    within: Range<u32>,
) -> bool {
    let sectors = within.end.saturating_sub(within.start);
    let mut attached = 0usize;
    for part in overlaps(pieces, within) {
        let Ok(length) = u32::try_from(part.len()) else {
            return false;
        };
        if part.as_ptr().addr() % SECTOR_BYTES != 0 {
            return false;
        }
        // SAFETY: the bio is ours and checks its room itself. The bytes belong to
        // the buffer in the bio's frame, which nobody touches until the bio ends.
        if !unsafe { c::shim_bio_add_buffer(bio, part.as_mut_ptr().cast(), length) } {
            return false;
        }
        attached = attached.saturating_add(part.len());
    }
    // CAST: as in `overlaps`.
    attached != 0 && attached == (sectors as usize).saturating_mul(SECTOR_BYTES)
}

/// # Safety
///
/// The block layer calls this once, with a bio that [`BioSet::<C>::submit`]
/// made and submitted.
unsafe extern "C" fn end_io<C: OwnIo>(bio: *mut c::bio) {
    // SAFETY: the frame was written before submission and is read once, here.
    let frame = unsafe { BioSet::<C>::frame(bio).read() };
    // SAFETY: the bio has ended and is ours again.
    let status = BlockStatus::from_c(unsafe { (*bio).bi_status });
    // SAFETY: drops the only reference; the pool outlives it, as it is still
    // counted in flight.
    unsafe { c::bio_put(bio) };
    frame.context.completed(status, frame.buffer);
    // SAFETY: entered in `submit`; the device outlives its count.
    unsafe { InFlight::leave(frame.device.as_ptr()) };
    // SAFETY: entered in `submit`; the pool outlives its count.
    unsafe { InFlight::leave(frame.pool.as_ptr()) };
}
