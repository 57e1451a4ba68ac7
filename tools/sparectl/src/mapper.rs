// SPDX-License-Identifier: GPL-2.0-only

//! What is asked of device-mapper, behind a trait, so that tests can answer instead.

mod dmsetup;
mod kernel_log;
mod traffic;

pub use dmsetup::Dmsetup;
pub use kernel_log::last_sentence;
pub use traffic::Traffic;

use crate::failure::Failure;
use crate::leg::Leg;

/// One target of a mapped device, from a status line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TargetLine {
    /// First sector within the mapped device.
    pub start: u64,
    /// Length in sectors.
    pub length: u64,
    /// The target's name.
    pub target: String,
    /// The words behind it.
    pub words: String,
}

/// Device-mapper.
pub trait Mapper {
    /// Whether a leg can be mapped.
    ///
    /// # Errors
    ///
    /// It is no block device.
    fn check_leg(&self, leg: &Leg) -> Result<(), Failure>;

    /// Creates a mapped device with one line of table.
    ///
    /// # Errors
    ///
    /// The kernel's own sentence where it can be found. Nothing is left behind.
    fn create(&self, name: &str, table: &str) -> Result<(), Failure>;

    /// Removes a mapped device.
    ///
    /// # Errors
    ///
    /// It does not exist or is in use.
    fn remove(&self, name: &str) -> Result<(), Failure>;

    /// Whether a mapped device exists.
    ///
    /// # Errors
    ///
    /// Device-mapper cannot be asked.
    fn exists(&self, name: &str) -> Result<bool, Failure>;

    /// The status of every target of a mapped device.
    ///
    /// # Errors
    ///
    /// It does not exist.
    fn status(&self, name: &str) -> Result<Vec<TargetLine>, Failure>;

    /// Sends a message to the target at a sector of a mapped device; the reply, which may be empty.
    ///
    /// # Errors
    ///
    /// The kernel's own sentence where it can be found.
    fn message(&self, name: &str, sector: u64, text: &str) -> Result<String, Failure>;

    /// What went through a mapped device since it was created; none where the kernel does not count it.
    fn traffic(&self, name: &str) -> Option<Traffic>;
}

/// The one `spare` target of a mapped device.
///
/// # Errors
///
/// The device does not exist, has no such target, or several: then it must be addressed with dmsetup.
pub fn spare_target(mapper: &dyn Mapper, name: &str) -> Result<TargetLine, Failure> {
    let lines = mapper.status(name)?;
    let mut found = lines.iter().filter(|line| line.target == "spare");
    match (found.next(), found.next()) {
        (Some(line), None) => Ok(line.clone()),
        (Some(_), Some(_)) => Err(Failure::new(format!(
            "{name} has several spare targets: use dmsetup message with the first sector of the one you mean"
        ))),
        (None, _) => {
            let other = lines.first().map_or("no target", |line| &line.target);
            Err(Failure::new(format!(
                "{name} is no spare device, its table holds {other}: name a device that sparectl create has made"
            )))
        }
    }
}
