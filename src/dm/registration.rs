// SPDX-License-Identifier: GPL-2.0-only

//! Making a target known to device-mapper.

use super::{
    target::thunks,
    Target, //
};
use crate::sys::bindings as c;
use core::marker::PhantomData;
use kernel::{
    error::to_result,
    prelude::*,
    types::Opaque, //
};

/// A registered target type. Unregisters when dropped.
///
/// Belongs into the module's type. Every table line with the target pins the
/// module, so there is none left when the module, and this with it, goes.
///
/// # Invariants
///
/// The target type is registered and does not move.
#[pin_data(PinnedDrop)]
pub struct Registration<T: Target> {
    #[pin]
    target_type: Opaque<c::target_type>,
    _target: PhantomData<fn(T)>,
}

// SAFETY: nothing can be done with a registration but to drop it, and a type
// may be unregistered on every thread.
unsafe impl<T: Target> Send for Registration<T> {}
// SAFETY: as for `Send`.
unsafe impl<T: Target> Sync for Registration<T> {}

impl<T: Target> Registration<T> {
    /// Registers the target. May sleep.
    ///
    /// # Errors
    ///
    /// `EEXIST` when the name is taken.
    pub fn new(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            target_type <- Opaque::try_ffi_init(|slot: *mut c::target_type| {
                // SAFETY: `slot` is valid for writes.
                unsafe { slot.write(thunks::target_type::<T>(module)) };
                // SAFETY: the type is filled in, will not move, and is
                // unregistered before it is freed.
                to_result(unsafe { c::dm_register_target(slot) })
            }),
            _target: PhantomData,
        })
    }
}

#[pinned_drop]
impl<T: Target> PinnedDrop for Registration<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: registered by the type invariant.
        unsafe { c::dm_unregister_target(self.target_type.get()) };
    }
}
