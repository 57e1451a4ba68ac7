// SPDX-License-Identifier: GPL-2.0-only

//! What both modes refuse with the same words.

use kernel::prelude::*;

use crate::dm::{
    ConstructError,
    Device,
    MessageError, //
};

/// Refuses a device that is to be its own spare.
///
/// # Errors
///
/// Both are the same device.
pub(super) fn check_are_two(main: &Device, spare: &Device) -> Result<(), ConstructError> {
    if !main.is_same_as(spare) {
        return Ok(());
    }
    Err(ConstructError::invalid(fmt!(
        "main and spare are one device, {}: give two devices",
        main.name()
    )))
}

/// The smallest unit that a device reads and writes, in sectors.
///
/// # Errors
///
/// It does not divide a block of 4096 bytes, which could not be served then.
pub(super) fn logical_block_sectors(device: &Device) -> Result<u32, ConstructError> {
    match device.logical_block_size() {
        512 => Ok(1),
        4096 => Ok(8),
        size => Err(ConstructError::invalid(fmt!(
            "device {} has logical blocks of {} bytes: only 512 and 4096 are supported",
            device.name(),
            size
        ))),
    }
}

/// Words behind a message that takes none; `words` counts its name too.
pub(super) fn takes_no_argument(name: &str, words: usize) -> MessageError {
    MessageError::invalid(fmt!(
        "message `{}` takes no argument, but {} came with it: send it alone",
        name,
        words.saturating_sub(1)
    ))
}
