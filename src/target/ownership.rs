// SPDX-License-Identifier: GPL-2.0-only

//! One device serves one target: who uses it, and how a reloaded table takes it over.

use kernel::prelude::*;

use crate::{
    dm::{
        ConstructError,
        Device, //
    },
    kern::Claimant, //
};

/// This target's right to use a device.
pub(crate) struct Ownership(Claimant);

impl Ownership {
    /// Refuses a device that serves another mapped device; `role` says as what it is to be used. Sleeps.
    pub(crate) fn new(role: &str, device: &Device, mapped_device: &str) -> Result<Self, ConstructError> {
        let (major, minor) = device.number();
        let key = (u64::from(major) << 32) | u64::from(minor);
        let claimant = Claimant::new(key, owner(mapped_device)).map_err(|error| {
            ConstructError::new(
                error,
                fmt!(
                    "{role} device {} already serves another spare target: remove that one first, or use another device",
                    device.name()
                ),
            )
        })?;
        Ok(Self(claimant))
    }

    /// Takes the device for I/O. Sleeps.
    pub(crate) fn take(&self) -> Result {
        self.0.claim()
    }

    /// Keeps the device, but lets the next table of the same mapped device take it over. Sleeps.
    pub(crate) fn rest(&self) {
        self.0.rest();
    }
}

/// The mapped device as a number: its "major:minor" name, eight bits a character folded together.
///
/// Names are at most "1048575:1048575"; FNV-1a (Fowler, Noll, Vo, 1991; public domain constants) keeps them apart.
fn owner(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
