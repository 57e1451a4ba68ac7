// SPDX-License-Identifier: GPL-2.0-only

//! What a target can ask and set while it is being made.

use super::{
    instance::{
        Lease,
        Shared, //
    },
    ConstructError,
    Device,
    Events, //
};
use crate::sys::bindings as c;
use core::ptr::NonNull;
use kernel::{
    error::to_result,
    prelude::*, //
};

/// A table line on its way to becoming a target.
///
/// # Invariants
///
/// For `'a`, `ti` is a `dm_target` whose constructor is running, and `shared`
/// belongs to its instance.
pub struct Constructor<'a> {
    ti: NonNull<c::dm_target>,
    shared: &'a Shared,
}

impl<'a> Constructor<'a> {
    /// # Safety
    ///
    /// The constructor of `ti` is running, and goes on for `'a`; `ti` is not
    /// freed before the leases of `shared` are zero.
    pub(super) unsafe fn from_raw(ti: NonNull<c::dm_target>, shared: &'a Shared) -> Self {
        // INVARIANT: by this function's contract.
        Self { ti, shared }
    }

    /// Returns the first sector of the mapped device that the line covers.
    pub fn begin(&self) -> u64 {
        // SAFETY: valid by the type invariant.
        unsafe { (*self.ti.as_ptr()).begin }
    }

    /// Returns the number of sectors that the line covers.
    pub fn length(&self) -> u64 {
        // SAFETY: valid by the type invariant.
        unsafe { (*self.ti.as_ptr()).len }
    }

    /// Returns the name of the mapped device as logs show it: `major:minor`.
    pub fn device_name(&self) -> &'a str {
        // SAFETY: valid by the type invariant.
        unsafe { device_name(self.ti.as_ptr()) }
    }

    /// Returns whether the table is loaded for writing.
    pub fn is_writable(&self) -> bool {
        // SAFETY: valid by the type invariant.
        let table = unsafe { (*self.ti.as_ptr()).table };
        // SAFETY: the table is valid as long as the target.
        let mode = unsafe { c::dm_table_get_mode(table) };
        mode & c::SHIM_BLK_OPEN_WRITE != 0
    }

    /// Opens a device in the mode of the table. May sleep.
    ///
    /// # Errors
    ///
    /// It cannot be opened, is in use, or is zoned; the sentence names it.
    pub fn device(&mut self, path: &str) -> Result<Device, ConstructError> {
        // SAFETY: the constructor is running, by the type invariant.
        unsafe { Device::open(self.lease(), path) }
    }

    /// Returns the means to raise events of the mapped device.
    pub fn events(&mut self) -> Events {
        Events::new(self.lease())
    }

    /// Has longer bios split: none crosses a multiple of `sectors`.
    ///
    /// # Errors
    ///
    /// `sectors` is out of range. 0 means no limit.
    pub fn set_max_io_length(&mut self, sectors: u32) -> Result<(), ConstructError> {
        // SAFETY: the constructor is running.
        to_result(unsafe { c::dm_set_target_max_io_len(self.ti.as_ptr(), u64::from(sectors)) })
            .map_err(|error| {
                ConstructError::new(error, fmt!("the I/O length {sectors} is out of range"))
            })
    }

    /// Sets how many copies of each flush arrive, told apart by
    /// [`MapBio::target_bio_number`](super::MapBio::target_bio_number).
    pub fn set_flush_bios(&mut self, count: u32) {
        self.ti().num_flush_bios = count;
    }

    /// Sets how many copies of each discard arrive; none, and discards are
    /// refused. With more than one they cannot be split.
    pub fn set_discard_bios(&mut self, count: u32) {
        self.ti().num_discard_bios = count;
    }

    /// As [`set_discard_bios`](Self::set_discard_bios), for secure erase.
    pub fn set_secure_erase_bios(&mut self, count: u32) {
        self.ti().num_secure_erase_bios = count;
    }

    /// As [`set_discard_bios`](Self::set_discard_bios), for write-zeroes.
    pub fn set_write_zeroes_bios(&mut self, count: u32) {
        self.ti().num_write_zeroes_bios = count;
    }

    /// Has flushes arrive even if no device in use has a volatile cache.
    pub fn set_flush_supported(&mut self, value: bool) {
        self.ti().set_flush_supported(value);
    }

    /// Has discards arrive even if no device in use supports them.
    pub fn set_discards_supported(&mut self, value: bool) {
        self.ti().set_discards_supported(value);
    }

    /// Has discards split at multiples of the longest discard.
    pub fn set_max_discard_granularity(&mut self, value: bool) {
        self.ti().set_max_discard_granularity(value);
    }

    /// Limits how many bios of the swap are in flight at a time.
    pub fn set_limit_swap_bios(&mut self, value: bool) {
        self.ti().set_limit_swap_bios(value);
    }

    fn ti(&mut self) -> &mut c::dm_target {
        // SAFETY: valid by the type invariant. While its constructor runs, the
        // target is not published, and the layer uses it through this function
        // only.
        unsafe { self.ti.as_mut() }
    }

    fn lease(&self) -> Lease {
        // SAFETY: by the type invariant, and the constructor's caller frees
        // the instance only after it has waited for the leases.
        unsafe { Lease::take(self.ti, self.shared) }
    }
}

/// Returns the name of the mapped device that a target belongs to.
///
/// # Safety
///
/// `ti` is valid for `'a`.
pub(super) unsafe fn device_name<'a>(ti: *mut c::dm_target) -> &'a str {
    // SAFETY: by this function's contract.
    let table = unsafe { (*ti).table };
    // SAFETY: the table, and the mapped device that it is for, outlive the
    // target.
    let device = unsafe { c::dm_table_get_md(table) };
    // SAFETY: the device is valid.
    let name = unsafe { c::dm_device_name(device) };
    // SAFETY: the name is NUL-terminated and lives as long as the device.
    let name = unsafe { CStr::from_char_ptr(name) };
    name.to_str().unwrap_or("?")
}
