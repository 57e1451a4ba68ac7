// SPDX-License-Identifier: GPL-2.0-only

//! A one-shot timer that expires in a worker's thread.

use super::{
    client::ClientSlot,
    workqueue::{
        OwnedQueue,
        Work,
        Worker, //
    },
};
use crate::sys::bindings as c;
use core::ptr::NonNull;
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        ArcBorrow, //
    },
    types::Opaque, //
};

#[repr(C)]
struct Item<T> {
    work: Opaque<c::delayed_work>,
    client: ClientSlot<T>,
    ticket: Atomic<u32>,
}

/// A timer that calls [`Work::timer_expired`] once, in the thread of a
/// [`Worker`].
///
/// While it is armed it holds a reference to the object that it will call; the
/// object stops its timers before its last other reference goes.
///
/// # Invariants
///
/// `item` is an allocation that this object owns, with an initialised delayed
/// work item that is only ever queued on `queue`.
pub struct Timer<T: Work> {
    item: NonNull<Item<T>>,
    queue: Arc<OwnedQueue>,
}

// SAFETY: the work item is handled by C functions that may be called on every
// thread, and the client slot is `Send`.
unsafe impl<T: Work> Send for Timer<T> {}
// SAFETY: as for `Send`; the client slot is `Sync`.
unsafe impl<T: Work> Sync for Timer<T> {}

impl<T: Work> Timer<T> {
    /// Makes a timer that will expire in the thread of `worker`. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn new(worker: &Worker<T>) -> Result<Self> {
        let item = KBox::new(
            Item::<T> {
                work: Opaque::uninit(),
                client: ClientSlot::new(),
                ticket: Atomic::new(0),
            },
            GFP_KERNEL,
        )?;
        // CAST: `work` is the first field of a `repr(C)` struct.
        let item = KBox::into_raw(item);
        // SAFETY: the item is at the address where it stays, and
        // `expire::<T>` is the function for exactly this type of item.
        unsafe { c::shim_delayed_work_init(item.cast(), Some(expire::<T>)) };
        // SAFETY: `KBox::into_raw` never returns null.
        let item = unsafe { NonNull::new_unchecked(item) };
        // INVARIANT: allocated and initialised above.
        Ok(Self {
            item,
            queue: worker.queue(),
        })
    }

    /// Starts the timer anew, whether it runs or not. Any context.
    ///
    /// `ticket` is handed to [`Work::timer_expired`]. An expiry that is already
    /// on its way may still come, with either ticket.
    pub fn arm(&self, client: ArcBorrow<'_, T>, ticket: u32, milliseconds: u32) {
        let item = self.item();
        if !item.client.acquire(client) {
            return;
        }
        // ORDERING: queueing the work orders this store before its callback.
        item.ticket.store(ticket, Relaxed);
        // Not one `mod_delayed_work`, which does not tell a timer that was idle
        // from one that is being stopped and so was not started.
        // SAFETY: the work item is valid by the type invariant.
        if unsafe { c::cancel_delayed_work(item.work.get()) } {
            // SAFETY: the timer was pending and will not expire: its reference
            // is still in the slot.
            drop(unsafe { item.client.release() });
        }
        // SAFETY: queue and work item are valid by the type invariant. If the
        // item is now queued, the callback gives the reference back.
        let queued = unsafe {
            c::shim_delayed_work_queue(self.queue.as_ptr(), item.work.get(), milliseconds)
        };
        if !queued {
            // SAFETY: pairs with the `acquire` above: the timer is being
            // stopped, or somebody else armed it and holds a reference.
            drop(unsafe { item.client.release() });
        }
    }

    /// Stops the timer. Sleeps while an expiry is being handled; must not be
    /// called from that handler. Arming it meanwhile has no effect. Afterwards
    /// none is pending or running.
    pub fn stop(&self) {
        // SAFETY: the work item is valid by the type invariant.
        if unsafe { c::cancel_delayed_work_sync(self.item().work.get()) } {
            // SAFETY: the timer was pending and will not expire: its reference
            // is still in the slot.
            drop(unsafe { self.item().client.release() });
        }
    }

    fn item(&self) -> &Item<T> {
        // SAFETY: valid by the type invariant; only shared references are made.
        unsafe { self.item.as_ref() }
    }
}

impl<T: Work> Drop for Timer<T> {
    fn drop(&mut self) {
        self.stop();
        // SAFETY: the allocation came from `KBox::into_raw`, is ours, and C has
        // forgotten it.
        drop(unsafe { KBox::from_raw(self.item.as_ptr()) });
    }
}

/// # Safety
///
/// C calls this with the work item of a live [`Item<T>`] that was armed with
/// one reference acquired.
unsafe extern "C" fn expire<T: Work>(work: *mut c::work_struct) {
    // CAST: a `delayed_work` begins with its `work_struct`, and it is itself
    // the first field of the `repr(C)` item.
    let item = work.cast::<Item<T>>();
    // SAFETY: by this function's contract the item is alive; it is not used
    // after the reference below is gone.
    let item = unsafe { &*item };
    let ticket = item.ticket.load(Relaxed);
    // SAFETY: by this function's contract it holds a reference for this call.
    let client = unsafe { item.client.release() };
    T::timer_expired(client.as_arc_borrow(), ticket);
}
