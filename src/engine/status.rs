// SPDX-License-Identifier: GPL-2.0-only

//! What can be asked of the engine at any time.

use super::health::Health;

/// Where the engine stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Never activated.
    Inactive,
    /// Reading or formatting the metadata.
    Loading,
    /// In service.
    Active,
    /// Coming to rest.
    Suspending,
    /// At rest.
    Suspended,
    /// The activation was refused.
    Refused,
}

/// A snapshot of everything that is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Status {
    /// Where the engine stands.
    pub state: State,
    /// How the set is, while in service.
    pub health: Health,
    /// Nothing of main could be read when it was last tried.
    pub main_is_gone: bool,
    /// Nothing of the spare could be read when it was last tried.
    pub spare_is_gone: bool,
    /// Blocks served by a slot.
    pub remapped: u64,
    /// Blocks with a poisoned sector.
    pub poisoned: u64,
    /// Slots in use.
    pub slots_used: u64,
    /// Slots in all.
    pub slots_total: u64,
    /// Slots found bad since activation.
    pub slots_bad: u64,
    /// The newest transaction.
    pub tid: u64,
    /// Commits since construction.
    pub commits: u64,
    /// Checkpoints since construction.
    pub checkpoints: u64,
    /// Commits that reached no copy.
    pub commit_failures: u64,
    /// Copies of the metadata; 0 before activation.
    pub copies: u8,
    /// One bit for each copy in use.
    pub copies_healthy: u8,
    /// The set; zeros before activation.
    pub uuid: [u8; 16],
    /// Requests that wait.
    pub waiting: u32,
    /// Requests that are being worked on.
    pub active: u32,
    /// Reads of main that failed with a media error, after a request did.
    pub main_read_errors: u64,
    /// Writes of main that failed with a media error.
    pub main_write_errors: u64,
    /// Reads and writes of slots that failed with a media error.
    pub slot_errors: u64,
    /// Failures of other classes.
    pub other_errors: u64,
    /// Repeated reads of whole blocks.
    pub read_retries: u64,
    /// Sectors saved one by one.
    pub salvaged_sectors: u64,
    /// Sectors lost.
    pub lost_sectors: u64,
    /// Blocks whose last poisoned sector was overwritten.
    pub healed_blocks: u64,
    /// Blocks that found no slot.
    pub not_remapped: u64,
    /// Requests that failed because nothing of main could be read.
    pub main_gone: u64,
    /// Requests that failed because nothing of the spare could be read.
    pub spare_gone: u64,
    /// Times a copy was left out.
    pub copy_failures: u64,
    /// Metadata writes that took too long.
    pub commit_timeouts: u64,
    /// Some entries may or may not be on the spare.
    pub uncommitted: bool,
    /// This activation formatted the spare.
    pub formatted: bool,
    /// The set had been suspended cleanly.
    pub was_clean: bool,
    /// Memory held by the engine, roughly.
    pub memory_bytes: u64,
}
