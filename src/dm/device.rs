// SPDX-License-Identifier: GPL-2.0-only

//! Devices that a table line names.

use super::{
    instance::Lease,
    ConstructError, //
};
use crate::{
    kern::{
        BlockDevice,
        InFlight, //
    },
    sys::bindings as c, //
};
use core::{
    mem::MaybeUninit,
    ptr::{
        self,
        NonNull, //
    },
};
use kernel::{
    error::{
        to_result,
        Error, //
    },
    prelude::*,
    str::CString, //
};

/// An open block device of a table line.
///
/// Opened in the mode of the table; put back when dropped, which sleeps and
/// waits for the target's own bios on it.
///
/// # Invariants
///
/// `device` was opened for the target that the lease is for, and is still open.
pub struct Device {
    device: NonNull<c::dm_dev>,
    lease: Lease,
    /// On the heap, since bios point to it while the `Device` may move.
    in_flight: KBox<InFlight>,
}

// SAFETY: what is done through a shared `Device` only reads facts that the
// block layer allows any thread to read.
unsafe impl Send for Device {}
// SAFETY: as for `Send`.
unsafe impl Sync for Device {}

// SAFETY: open by the type invariant, until `Drop` has waited for the counter,
// which is on the heap and so stays in place.
unsafe impl BlockDevice for Device {
    fn as_ptr(&self) -> *mut c_void {
        self.bdev().cast()
    }

    fn in_flight(&self) -> &InFlight {
        &self.in_flight
    }
}

impl Device {
    /// Opens a device for a target that is being made.
    pub(super) fn open(lease: Lease, path: &str) -> Result<Self, ConstructError> {
        let name = CString::try_from_fmt(fmt!("{path}"))?;
        let in_flight = KBox::new(InFlight::new(), GFP_KERNEL)?;
        // SAFETY: the lease keeps the table valid.
        let mode = unsafe { c::dm_table_get_mode(lease.table()) };
        let mut device = ptr::null_mut();
        // SAFETY: the target is under construction, the name is NUL-terminated,
        // `device` is a local variable.
        let result = to_result(unsafe {
            c::dm_get_device(lease.ti(), name.as_char_ptr(), mode, &mut device)
        });
        let device = result
            .and_then(|()| NonNull::new(device).ok_or(ENODEV))
            .map_err(|error| Self::refusal(path, error))?;
        // INVARIANT: opened just above.
        let device = Self {
            device,
            lease,
            in_flight,
        };
        if device.facts().zoned {
            return Err(ConstructError::invalid(fmt!(
                "the device `{path}` is zoned; use one without zones"
            )));
        }
        Ok(device)
    }

    /// Returns the size in sectors.
    pub fn sectors(&self) -> u64 {
        self.facts().sectors
    }

    /// Returns the logical block size in bytes.
    pub fn logical_block_size(&self) -> u32 {
        self.facts().logical_block_size
    }

    /// Returns the physical block size in bytes.
    pub fn physical_block_size(&self) -> u32 {
        self.facts().physical_block_size
    }

    /// Returns the name as tables show it: `major:minor`.
    pub fn name(&self) -> &str {
        // SAFETY: by the type invariant the device is valid; its name never
        // changes.
        let name = unsafe { &(*self.device.as_ptr()).name };
        // SAFETY: the name is NUL-terminated.
        let name = unsafe { CStr::from_char_ptr(name.as_ptr()) };
        name.to_str().unwrap_or("?")
    }

    /// Returns major and minor number.
    pub fn number(&self) -> (u32, u32) {
        let facts = self.facts();
        (facts.major, facts.minor)
    }

    /// Returns whether both are the same block device.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.number() == other.number()
    }

    /// Returns whether a flush is needed for written data to last.
    pub fn has_volatile_cache(&self) -> bool {
        self.facts().volatile_cache
    }

    /// Returns whether a write can go past the volatile cache by itself. The
    /// block layer emulates that where it is missing.
    pub fn supports_fua(&self) -> bool {
        self.facts().fua
    }

    /// Returns whether the device refuses writes.
    pub fn is_read_only(&self) -> bool {
        self.facts().read_only
    }

    /// Returns the longest discard in sectors, 0 if there are none.
    pub fn max_discard_sectors(&self) -> u32 {
        self.facts().max_discard_sectors
    }

    /// Returns the longest write-zeroes in sectors, 0 if there are none.
    pub fn max_write_zeroes_sectors(&self) -> u32 {
        self.facts().max_write_zeroes_sectors
    }

    pub(super) fn dm_dev(&self) -> *mut c::dm_dev {
        self.device.as_ptr()
    }

    pub(super) fn bdev(&self) -> *mut c::block_device {
        // SAFETY: valid by the type invariant.
        unsafe { (*self.device.as_ptr()).bdev }
    }

    fn facts(&self) -> c::shim_device_facts {
        let mut facts = MaybeUninit::uninit();
        // SAFETY: the device is open by the type invariant.
        unsafe { c::shim_device_facts(self.bdev(), facts.as_mut_ptr()) };
        // SAFETY: the shim fills in every field.
        unsafe { facts.assume_init() }
    }

    fn refusal(path: &str, error: Error) -> ConstructError {
        let remedy = if error == EBUSY {
            "it is in use by a file system, a partition or another target"
        } else if error == ENODEV || error == ENOENT || error == ENXIO {
            "check its name"
        } else if error == ENOMEM {
            "the kernel has not enough free memory"
        } else if error == EACCES || error == EPERM || error == EROFS {
            "it is read-only; make it writable or load the table read-only"
        } else {
            "see the kernel log"
        };
        ConstructError::new(
            error,
            fmt!("the device `{path}` cannot be opened ({error:?}): {remedy}"),
        )
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.in_flight.wait_idle();
        // SAFETY: opened for this target by the type invariant, and no bio of
        // ours is on its way to it.
        unsafe { c::dm_put_device(self.lease.ti(), self.device.as_ptr()) };
    }
}
