// SPDX-License-Identifier: GPL-2.0-only

//! Devices that a table line names.

use super::{
    instance::Lease,
    opened::OpenDevice,
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
    ptr::NonNull, //
};
use kernel::{
    error::Error,
    prelude::*,
    str::CString, //
};

/// An open block device of a table line.
///
/// Opened in the mode of the table. It stays open until the target is freed, even
/// if this is dropped earlier.
///
/// # Invariants
///
/// `opened` is in the list of the target that the lease is for, which puts it
/// back only after the lease is dropped.
pub struct Device {
    opened: NonNull<OpenDevice>,
    /// Keeps the list that `opened` is in.
    _lease: Lease,
}

// SAFETY: what is done through a shared `Device` only reads facts that the
// block layer allows any thread to read.
unsafe impl Send for Device {}
// SAFETY: as for `Send`.
unsafe impl Sync for Device {}

// SAFETY: open by the type invariant, and put back only after its target's list
// has waited for the counter, which is on the heap and so stays in place.
unsafe impl BlockDevice for Device {
    fn as_ptr(&self) -> *mut c_void {
        self.bdev().cast()
    }

    fn in_flight(&self) -> &InFlight {
        self.opened().in_flight()
    }
}

impl Device {
    /// Opens a device for a target that is being made.
    ///
    /// # Safety
    ///
    /// The constructor of the lease's target is running.
    pub(super) unsafe fn open(lease: Lease, path: &str) -> Result<Self, ConstructError> {
        let name = CString::try_from_fmt(fmt!("{path}"))?;
        // SAFETY: the lease keeps the table valid.
        let mode = unsafe { c::dm_table_get_mode(lease.table()) };
        // SAFETY: by this function's contract.
        let opened = unsafe { lease.devices().open(lease.ti(), &name, mode) }
            .map_err(|error| Self::refusal(path, error))?;
        // INVARIANT: opened just above.
        let device = Self {
            opened,
            _lease: lease,
        };
        if device.facts().zoned {
            return Err(ConstructError::invalid(fmt!(
                "the device `{path}` is zoned; use one without zones"
            )));
        }
        Ok(device)
    }

    fn opened(&self) -> &OpenDevice {
        // SAFETY: valid by the type invariant; only shared references are made.
        unsafe { self.opened.as_ref() }
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
        let name = unsafe { &(*self.dm_dev()).name };
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
        self.opened().dm_dev()
    }

    pub(super) fn bdev(&self) -> *mut c::block_device {
        // SAFETY: valid by the type invariant.
        unsafe { (*self.dm_dev()).bdev }
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
