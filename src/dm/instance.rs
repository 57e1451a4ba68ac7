// SPDX-License-Identifier: GPL-2.0-only

//! What `ti->private` points to, and the leases on it.

use super::{
    lifecycle::Lifecycle,
    opened::OpenDevices,
    target::thunks,
    Target, //
};
use crate::{
    kern::{
        warn_bug,
        InFlight, //
    },
    sys::bindings as c, //
};
use core::ptr::{
    self,
    NonNull, //
};
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
};

/// The layer's own part of a target in a table.
///
/// # Invariants
///
/// - `head` comes first, since C finds its function there.
/// - `target` is null while the target is being made, and afterwards an
///   `Arc::into_raw` pointer whose reference the instance owns.
#[repr(C)]
pub(super) struct Instance<T: Target> {
    head: c::shim_instance_head,
    target: Atomic<*const T>,
    shared: Shared,
    /// Calls of `end_io` that have given their bio away: nothing else keeps the
    /// target for them any more.
    visits: InFlight,
    pub(super) lifecycle: Lifecycle,
}

/// What leases refer to, whatever the type of the target.
pub(super) struct Shared {
    /// Users of the table that the instance has to outlive.
    leases: InFlight,
    pub(super) devices: OpenDevices,
}

impl<T: Target> Instance<T> {
    /// Allocates an instance without a target.
    pub(super) fn allocate() -> Result<NonNull<Self>> {
        let instance = KBox::new(
            Self {
                head: c::shim_instance_head {
                    status: Some(thunks::status::<T>),
                },
                // INVARIANT: the target is yet to be made.
                target: Atomic::new(ptr::null()),
                shared: Shared {
                    leases: InFlight::new(),
                    devices: OpenDevices::new(),
                },
                visits: InFlight::new(),
                lifecycle: Lifecycle::new(),
            },
            GFP_KERNEL,
        )?;
        // SAFETY: `KBox::into_raw` never returns null.
        Ok(unsafe { NonNull::new_unchecked(KBox::into_raw(instance)) })
    }

    /// Returns the instance of a target.
    ///
    /// # Safety
    ///
    /// `ti` is a target of type `T`, between the success of its constructor and
    /// the end of its destructor, for all of `'a`.
    pub(super) unsafe fn of<'a>(ti: NonNull<c::dm_target>) -> &'a Self {
        // SAFETY: by this function's contract the target is valid.
        let instance = unsafe { (*ti.as_ptr()).private };
        // SAFETY: by this function's contract it points to an instance; only
        // shared references to that are made.
        unsafe { &*instance.cast() }
    }

    /// Gives the instance its target.
    pub(super) fn set_target(&self, target: Arc<T>) {
        // INVARIANT: from now on the instance owns the reference.
        // ORDERING: device-mapper publishes the table after the constructor.
        self.target.store(Arc::into_raw(target), Relaxed);
    }

    /// Returns the target.
    ///
    /// # Safety
    ///
    /// [`Instance::set_target`] was called, [`Instance::free`] was not.
    pub(super) unsafe fn target(&self) -> ArcBorrow<'_, T> {
        // SAFETY: by this function's contract and the type invariant the
        // pointer owns a reference for as long as the instance exists.
        unsafe { ArcBorrow::from_raw(self.target.load(Relaxed)) }
    }

    /// Returns what leases refer to.
    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Returns the counter of leases.
    pub(super) fn leases(&self) -> &InFlight {
        &self.shared.leases
    }

    /// Returns the counter of calls that have given their bio away.
    pub(super) fn visits(&self) -> &InFlight {
        &self.visits
    }

    /// Frees the instance: drops its reference to the target, waits until every
    /// lease is back, and puts the devices back. Sleeps.
    ///
    /// # Safety
    ///
    /// - `instance` comes from [`Instance::allocate`] and nobody uses it any
    ///   more, except through leases.
    /// - `ti` is the target that it was allocated for; its constructor has failed
    ///   or its destructor is running.
    pub(super) unsafe fn free(instance: NonNull<Self>, ti: NonNull<c::dm_target>) {
        // SAFETY: by this function's contract the instance is valid.
        let this = unsafe { instance.as_ref() };
        let target = this.target.load(Relaxed);
        if !target.is_null() {
            // SAFETY: by the type invariant the pointer owns a reference, which
            // is taken out of the instance here.
            let target = unsafe { Arc::from_raw(target) };
            if Arc::into_unique_or_drop(target).is_none() {
                warn_bug(c"a device-mapper target outlives its destructor");
            }
        }
        this.shared.leases.wait_idle();
        // SAFETY: by this function's contract; every `Device` held a lease.
        unsafe { this.shared.devices.put_all(ti.as_ptr()) };
        // SAFETY: allocated by `KBox`, and no lease refers to it any more.
        drop(unsafe { KBox::from_raw(instance.as_ptr()) });
    }
}

/// The right to use a `dm_target`: it is not freed before the lease is dropped.
///
/// # Invariants
///
/// `shared.leases` counts this lease; until it is zero `ti` and `shared` are
/// valid.
pub(super) struct Lease {
    ti: NonNull<c::dm_target>,
    shared: NonNull<Shared>,
}

// SAFETY: a lease only keeps memory alive; its counter is atomic.
unsafe impl Send for Lease {}
// SAFETY: as for `Send`.
unsafe impl Sync for Lease {}

impl Lease {
    /// Takes a lease.
    ///
    /// # Safety
    ///
    /// `ti` is valid and will be until the leases of `shared`, which is part of
    /// its instance, are zero; the caller keeps that from happening during the
    /// call.
    pub(super) unsafe fn take(ti: NonNull<c::dm_target>, shared: &Shared) -> Self {
        shared.leases.enter();
        // INVARIANT: counted just above.
        Self {
            ti,
            shared: NonNull::from(shared),
        }
    }

    /// Returns the list of the target's devices.
    pub(super) fn devices(&self) -> &OpenDevices {
        // SAFETY: valid by the type invariant; only shared references are made.
        unsafe { &self.shared.as_ref().devices }
    }

    /// Returns the target, which stays valid as long as the lease does.
    pub(super) fn ti(&self) -> *mut c::dm_target {
        self.ti.as_ptr()
    }

    /// Returns the table that the target is part of, valid as long as the
    /// lease is.
    pub(super) fn table(&self) -> *mut c::dm_table {
        // SAFETY: valid by the type invariant; the field never changes.
        unsafe { (*self.ti()).table }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // SAFETY: valid by the type invariant.
        let leases = unsafe { &raw const (*self.shared.as_ptr()).leases };
        // SAFETY: pairs with `enter` in `take`; by the type invariant the
        // counter is valid.
        unsafe { InFlight::leave(leases) };
    }
}
