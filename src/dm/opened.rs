// SPDX-License-Identifier: GPL-2.0-only

//! The devices that a target has opened.
//!
//! device-mapper keeps a list of them that it protects only by the order in
//! which it builds and destroys tables. So a device is put back where that order
//! allows it, when the target is freed, and not when a [`Device`](super::Device)
//! happens to be dropped.

use crate::{
    kern::InFlight,
    sys::bindings as c, //
};
use core::ptr::{
    self,
    NonNull, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
};

/// One opened device.
pub(super) struct OpenDevice {
    device: NonNull<c::dm_dev>,
    /// The target's own bios on their way to it.
    in_flight: InFlight,
    next: *mut OpenDevice,
}

impl OpenDevice {
    pub(super) fn dm_dev(&self) -> *mut c::dm_dev {
        self.device.as_ptr()
    }

    pub(super) fn in_flight(&self) -> &InFlight {
        &self.in_flight
    }
}

/// All of one target.
///
/// # Invariants
///
/// The pointer is null or begins a list, linked by `next`, of allocations that
/// this object owns; each holds a device that is open.
pub(super) struct OpenDevices(Atomic<*mut OpenDevice>);

impl OpenDevices {
    pub(super) const fn new() -> Self {
        // INVARIANT: the list is empty.
        Self(Atomic::new(ptr::null_mut()))
    }

    /// Opens the device that `name` names. Sleeps.
    ///
    /// The result is valid until [`OpenDevices::put_all`].
    ///
    /// # Safety
    ///
    /// The constructor of `ti` is running, and this is its list.
    pub(super) unsafe fn open(
        &self,
        ti: *mut c::dm_target,
        name: &CStr,
        mode: c::blk_mode_t,
    ) -> Result<NonNull<OpenDevice>> {
        let mut device = ptr::null_mut();
        // SAFETY: the target is under construction by this function's contract,
        // the name is NUL-terminated, `device` is a local variable.
        kernel::error::to_result(unsafe {
            c::dm_get_device(ti, name.as_char_ptr(), mode, &mut device)
        })?;
        let device = NonNull::new(device).ok_or(ENODEV)?;
        let node = KBox::new(
            OpenDevice {
                device,
                in_flight: InFlight::new(),
                // ORDERING: only the constructor adds, in one thread.
                next: self.0.load(Relaxed),
            },
            GFP_KERNEL,
        );
        let Ok(node) = node else {
            // SAFETY: opened just above, for this target, which is still under
            // construction.
            unsafe { c::dm_put_device(ti, device.as_ptr()) };
            return Err(ENOMEM);
        };
        let node = KBox::into_raw(node);
        // INVARIANT: the node's device is open, and the node is owned by the
        // list from here on.
        self.0.store(node, Relaxed);
        // SAFETY: `KBox::into_raw` never returns null.
        Ok(unsafe { NonNull::new_unchecked(node) })
    }

    /// Puts every device back, once no own bio is on its way to it. Sleeps.
    ///
    /// # Safety
    ///
    /// `ti` is the target of this list, its constructor has failed or its
    /// destructor is running, and nobody uses what [`OpenDevices::open`]
    /// returned any more.
    pub(super) unsafe fn put_all(&self, ti: *mut c::dm_target) {
        // INVARIANT: the list is taken over whole and is empty afterwards.
        let mut next = self.0.load(Relaxed);
        self.0.store(ptr::null_mut(), Relaxed);
        while !next.is_null() {
            // SAFETY: by the type invariant the pointer came from
            // `KBox::into_raw` and is owned here.
            let node = unsafe { KBox::from_raw(next) };
            node.in_flight.wait_idle();
            // SAFETY: open by the type invariant, for `ti` by this function's
            // contract, and no bio of ours is on its way to it.
            unsafe { c::dm_put_device(ti, node.dm_dev()) };
            next = node.next;
        }
    }
}
