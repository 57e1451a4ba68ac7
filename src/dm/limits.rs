// SPDX-License-Identifier: GPL-2.0-only

//! The limits that a mapped device announces.

use crate::sys::bindings as c;

/// Queue limits while device-mapper computes them.
///
/// On entry to [`Target::io_hints`](super::Target::io_hints) they are those of
/// the devices that [`Target::iterate_devices`](super::Target::iterate_devices)
/// showed, joined.
pub struct Limits<'a>(&'a mut c::queue_limits);

impl Limits<'_> {
    /// # Safety
    ///
    /// For `'a`, `limits` is valid and nobody else uses it.
    pub(super) unsafe fn from_raw<'a>(limits: *mut c::queue_limits) -> Limits<'a> {
        // SAFETY: by this function's contract.
        Limits(unsafe { &mut *limits })
    }

    /// Returns the logical block size in bytes.
    pub fn logical_block_size(&self) -> u32 {
        self.0.logical_block_size
    }

    /// Returns the physical block size in bytes.
    pub fn physical_block_size(&self) -> u32 {
        self.0.physical_block_size
    }

    /// Sets the logical block size in bytes: the unit of all I/O.
    pub fn set_logical_block_size(&mut self, bytes: u32) {
        self.0.logical_block_size = bytes;
    }

    /// Sets the physical block size in bytes: the unit that is written as one.
    pub fn set_physical_block_size(&mut self, bytes: u32) {
        self.0.physical_block_size = bytes;
    }

    /// Sets the smallest I/O in bytes that performs well.
    pub fn set_io_min(&mut self, bytes: u32) {
        self.0.io_min = bytes;
    }

    /// Sets the I/O size in bytes that performs best, 0 for none.
    pub fn set_io_opt(&mut self, bytes: u32) {
        self.0.io_opt = bytes;
    }

    /// Sets the longest I/O in sectors.
    pub fn set_max_sectors(&mut self, sectors: u32) {
        self.0.max_hw_sectors = sectors;
    }

    /// Announces discards: their granularity in bytes, their length in sectors.
    pub fn set_discard(&mut self, granularity_bytes: u32, max_sectors: u32) {
        self.0.discard_granularity = granularity_bytes;
        self.0.max_hw_discard_sectors = max_sectors;
    }

    /// Announces write-zeroes of a length in sectors, 0 for none.
    pub fn set_max_write_zeroes_sectors(&mut self, sectors: u32) {
        self.0.max_write_zeroes_sectors = sectors;
        self.0.max_hw_wzeroes_unmap_sectors = 0;
    }

    /// Announces no secure erase.
    pub fn disable_secure_erase(&mut self) {
        self.0.max_secure_erase_sectors = 0;
    }

    /// Announces no polling: a bio that is held cannot be polled for.
    pub(super) fn disable_polling(&mut self) {
        self.0.features &= !c::SHIM_BLK_FEAT_POLL;
    }
}
