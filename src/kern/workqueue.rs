// SPDX-License-Identifier: GPL-2.0-only

//! A work queue of one's own, with one work item.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use super::client::ClientSlot;
use crate::sys::bindings as c;
use core::ptr::NonNull;
use kernel::{
    error::from_err_ptr,
    fmt,
    prelude::*,
    str::CString,
    sync::{
        Arc,
        ArcBorrow, //
    },
    types::Opaque, //
};

/// What runs in a [`Worker`].
pub trait Work: Send + Sync + Sized + 'static {
    /// Does what there is to do. Task context, may sleep; runs in a queue that
    /// makes progress under memory pressure, one call at a time.
    fn run(this: ArcBorrow<'_, Self>);

    /// A [`Timer`](super::Timer) ran out. Same thread and context as
    /// [`Work::run`], never at the same time. `ticket` is what the timer was
    /// last armed with.
    fn timer_expired(_this: ArcBorrow<'_, Self>, _ticket: u32) {}
}

/// An ordered queue that lives as long as anything refers to it.
///
/// # Invariants
///
/// The pointer is a valid work queue that this object owns.
pub(super) struct OwnedQueue(NonNull<c::workqueue_struct>);

// SAFETY: the C functions on work queues may be called on every thread.
unsafe impl Send for OwnedQueue {}
// SAFETY: as for `Send`.
unsafe impl Sync for OwnedQueue {}

impl OwnedQueue {
    fn new(name: fmt::Arguments<'_>) -> Result<Self> {
        let name = CString::try_from_fmt(name)?;
        // SAFETY: the name is NUL-terminated and copied by the callee.
        let queue = unsafe { c::shim_ordered_workqueue(name.as_char_ptr()) };
        // INVARIANT: a queue was allocated, and only this object knows it.
        Ok(Self(NonNull::new(from_err_ptr(queue)?).ok_or(ENOMEM)?))
    }

    pub(super) fn as_ptr(&self) -> *mut c::workqueue_struct {
        self.0.as_ptr()
    }
}

impl Drop for OwnedQueue {
    fn drop(&mut self) {
        // SAFETY: the queue is ours. Every item on it belongs to an owner that
        // keeps a reference to this object and cancelled the item before.
        unsafe { c::destroy_workqueue(self.as_ptr()) };
    }
}

#[repr(C)]
struct Item<T> {
    work: Opaque<c::work_struct>,
    client: ClientSlot<T>,
}

/// An ordered work queue with memory reclaim, and one work item on it.
///
/// A worker belongs into the object whose [`Work::run`] it calls. Every queued
/// item holds a reference to that object, so the object must see to it that
/// nothing is queued ([`Worker::drain`]) before its last other reference goes:
/// dropping the worker from within its own work would wait for itself.
///
/// # Invariants
///
/// `item` is an allocation that this object owns, with an initialised work item
/// that is only ever queued on `queue`.
pub struct Worker<T: Work> {
    item: NonNull<Item<T>>,
    queue: Arc<OwnedQueue>,
}

// SAFETY: the work item is handled by C functions that may be called on every
// thread, and the client slot is `Send`.
unsafe impl<T: Work> Send for Worker<T> {}
// SAFETY: as for `Send`; the client slot is `Sync`.
unsafe impl<T: Work> Sync for Worker<T> {}

impl<T: Work> Worker<T> {
    /// Makes the queue. `name` is what process listings show. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn new(name: fmt::Arguments<'_>) -> Result<Self> {
        let queue = Arc::new(OwnedQueue::new(name)?, GFP_KERNEL)?;
        let item = KBox::new(
            Item::<T> {
                work: Opaque::uninit(),
                client: ClientSlot::new(),
            },
            GFP_KERNEL,
        )?;
        // CAST: `work` is the first field of a `repr(C)` struct.
        let item = KBox::into_raw(item);
        // SAFETY: the item is at the address where it stays, and `run_item::<T>`
        // is the function for exactly this type of item.
        unsafe { c::shim_work_init(item.cast(), Some(run_item::<T>)) };
        // SAFETY: `KBox::into_raw` never returns null.
        let item = unsafe { NonNull::new_unchecked(item) };
        // INVARIANT: allocated and initialised above.
        Ok(Self { item, queue })
    }

    /// Has [`Work::run`] called once more, soon. Any context.
    ///
    /// Calls before the work starts count as one; a call while it runs has it
    /// run again. A worker serves one object only: for a second one this warns
    /// and does nothing.
    pub fn enqueue(&self, client: ArcBorrow<'_, T>) {
        let item = self.item();
        if !item.client.acquire(client) {
            return;
        }
        // SAFETY: queue and work item are valid by the type invariant. If the
        // item is now queued, the callback gives the reference back.
        let queued = unsafe {
            c::queue_work_on(
                c::wq_misc_consts_WORK_CPU_UNBOUND as c_int,
                self.queue.as_ptr(),
                item.work.get(),
            )
        };
        if !queued {
            // SAFETY: pairs with the `acquire` above: the item that is queued
            // already owns another reference.
            drop(unsafe { item.client.release() });
        }
    }

    /// Waits until the work was seen idle. Sleeps; not from the work itself.
    ///
    /// The caller has made sure that nobody else goes on enqueueing.
    pub fn drain(&self) {
        // SAFETY: the work item is valid by the type invariant.
        while unsafe { c::flush_work(self.item().work.get()) } {}
    }

    pub(super) fn queue(&self) -> Arc<OwnedQueue> {
        self.queue.clone()
    }

    fn item(&self) -> &Item<T> {
        // SAFETY: valid by the type invariant; only shared references are made.
        unsafe { self.item.as_ref() }
    }
}

impl<T: Work> Drop for Worker<T> {
    fn drop(&mut self) {
        // SAFETY: the work item is valid by the type invariant.
        if unsafe { c::cancel_work_sync(self.item().work.get()) } {
            // SAFETY: the item was queued and will not run: its reference is
            // still in the slot.
            drop(unsafe { self.item().client.release() });
        }
        // SAFETY: the allocation came from `KBox::into_raw`, is ours, and C has
        // forgotten it.
        drop(unsafe { KBox::from_raw(self.item.as_ptr()) });
    }
}

/// # Safety
///
/// C calls this with the work item of a live [`Item<T>`] that was queued with
/// one reference acquired.
unsafe extern "C" fn run_item<T: Work>(work: *mut c::work_struct) {
    // CAST: `work` is the first field of the `repr(C)` item.
    let item = work.cast::<Item<T>>();
    // SAFETY: by this function's contract the item is alive; it is not used
    // after the reference below is gone.
    let item = unsafe { &*item };
    // SAFETY: by this function's contract it holds a reference for this call.
    let client = unsafe { item.client.release() };
    T::run(client.as_arc_borrow());
}
