// SPDX-License-Identifier: GPL-2.0-only

//! Showing device-mapper the devices in use.

use super::Device;
use crate::sys::bindings as c;
use core::marker::PhantomData;
use kernel::prelude::*;

/// Is shown each section of each device; see
/// [`Target::iterate_devices`](super::Target::iterate_devices).
///
/// # Invariants
///
/// For `'a`, `callout` may be called with `ti` and `data`.
pub struct DeviceVisitor<'a> {
    ti: *mut c::dm_target,
    callout: c::iterate_devices_callout_fn,
    data: *mut c_void,
    result: c_int,
    _call: PhantomData<&'a ()>,
}

impl DeviceVisitor<'_> {
    /// # Safety
    ///
    /// These are the arguments of the `iterate_devices` callback that `'a` is
    /// the duration of.
    pub(super) unsafe fn from_raw(
        ti: *mut c::dm_target,
        callout: c::iterate_devices_callout_fn,
        data: *mut c_void,
    ) -> Self {
        // INVARIANT: by this function's contract.
        Self {
            ti,
            callout,
            data,
            result: 0,
            _call: PhantomData,
        }
    }

    /// Shows one section, in sectors. Does nothing once device-mapper has seen
    /// enough.
    pub fn visit(&mut self, device: &Device, start: u64, sectors: u64) {
        let Some(callout) = self.callout else {
            return;
        };
        if self.result == 0 {
            // SAFETY: allowed by the type invariant; the device is open.
            self.result = unsafe { callout(self.ti, device.dm_dev(), start, sectors, self.data) };
        }
    }

    pub(super) fn result(&self) -> c_int {
        self.result
    }
}
