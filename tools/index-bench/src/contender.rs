// SPDX-License-Identifier: GPL-2.0-only

//! The structures that are compared.

mod cuckoo;
mod delta_lists;
mod two_choice;

pub use cuckoo::CuckooFilter;
pub use delta_lists::DeltaLists;
pub use two_choice::TwoChoice;

/// Chapters of the window.
pub const WINDOW: u64 = 960;
/// Bits by which chapters are told apart.
pub const CODE_BITS: u32 = 10;
/// A checkpoint of everything takes so many chapters.
pub const CHECKPOINT_CHAPTERS: u64 = 48;

/// A volume index that maps keys to chapters of a rolling window.
pub trait Contender {
    /// In a word or two.
    fn name(&self) -> &'static str;
    /// Makes room for the next chapter, and lets the oldest expire.
    fn open(&mut self, chapter: u64, records: u64);
    /// Adds the keys of a chapter, which are in order.
    fn apply(&mut self, chapter: u64, keys: &[u64]);
    /// What is due with each chapter for checkpoints; returns the bytes to be written.
    fn checkpoint(&mut self, chapter: u64) -> u64;
    /// Looks keys up together, and returns how many chapters were answered in all.
    fn look_up(&mut self, keys: &[u64]) -> usize;
    /// Whether a key is found in a chapter.
    fn has(&mut self, key: u64, chapter: u64) -> bool;
    /// All memory.
    fn bytes(&self) -> u64;
    /// Keys that were left out for want of room.
    fn lost(&self) -> u64;
}

/// The oldest chapter that is live when `chapter` is the newest.
pub fn oldest(chapter: u64) -> u64 {
    (chapter + 1).saturating_sub(WINDOW).max(1)
}
