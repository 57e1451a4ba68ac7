// SPDX-License-Identifier: GPL-2.0-only

//! References that travel through C callbacks.

use super::log::warn_bug;
use core::{
    marker::PhantomData,
    ptr, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        Arc,
        ArcBorrow, //
    },
};

/// The one object whose references a work item, a timer or a callback carries.
///
/// C remembers only that an item is queued, once. So every queueing takes one
/// reference with [`ClientSlot::acquire`]; if C says that the item was queued
/// already, or when the callback runs, one is given back with
/// [`ClientSlot::release`].
///
/// # Invariants
///
/// The pointer is null until the first `acquire` and then for ever the
/// `Arc::into_raw` pointer of one object.
pub(super) struct ClientSlot<T>(Atomic<*const c_void>, PhantomData<fn(T) -> T>);

// SAFETY: all that happens through a shared slot is that references to `T` are
// made and dropped on different threads, which these bounds on `T` allow.
unsafe impl<T: Send + Sync> Send for ClientSlot<T> {}
// SAFETY: as for `Send`.
unsafe impl<T: Send + Sync> Sync for ClientSlot<T> {}

impl<T> ClientSlot<T> {
    /// Makes a slot that is not yet bound to an object.
    pub(super) const fn new() -> Self {
        // INVARIANT: null, and `acquire` was never called.
        Self(Atomic::new(ptr::null()), PhantomData)
    }

    /// Takes one reference of `client` into the slot. Any context.
    ///
    /// The first call binds the slot. For another object than the bound one it
    /// warns and returns false, with no reference taken.
    pub(super) fn acquire(&self, client: ArcBorrow<'_, T>) -> bool {
        let reference = Arc::into_raw(Arc::from(client));
        // ORDERING: full, so that whoever sees the pointer sees the object.
        match self.0.cmpxchg(ptr::null(), reference.cast(), Full) {
            Ok(_) => true,
            Err(bound) if bound == reference.cast() => true,
            Err(_) => {
                // SAFETY: `into_raw` made the pointer just above and nobody
                // else took its reference.
                drop(unsafe { Arc::from_raw(reference) });
                warn_bug(c"a work item was queued for two objects");
                false
            }
        }
    }

    /// Takes one reference back out of the slot. Any context, but dropping the
    /// last reference of an object may sleep.
    ///
    /// # Safety
    ///
    /// The call pairs with one earlier [`ClientSlot::acquire`] that returned
    /// true.
    pub(super) unsafe fn release(&self) -> Arc<T> {
        // ORDERING: the queueing that lies between acquire and release orders
        // the store of the pointer before this load.
        let bound = self.0.load(Relaxed);
        // SAFETY: by the type invariant the pointer comes from `into_raw`, and
        // by this function's contract it still owns a reference.
        unsafe { Arc::from_raw(bound.cast()) }
    }
}
