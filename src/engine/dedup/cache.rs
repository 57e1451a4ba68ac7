// SPDX-License-Identifier: GPL-2.0-only

//! Pages in memory.
//!
//! The first frames belong to the presence pages, each to its own, for ever. The others hold map and pool pages; the
//! victim is found with a clock: a page that was looked at since the hand passed last is passed over once. A page
//! that is pinned, dirty or on its way is no victim.

mod frame;
mod table;

pub(super) use frame::{Frame, FrameState};

use super::units::PageNumber;
use crate::engine::block::new_buffer;
use crate::engine::units::BLOCK_BYTES;
use kernel::alloc::{AllocError, Flags, KVVec};
use table::PageTable;

/// The pages.
pub(super) struct Cache {
    frames: KVVec<Frame>,
    /// The frames of presence pages.
    fixed: usize,
    table: PageTable,
    hand: usize,
    free: KVVec<u32>,
}

impl Cache {
    /// A cache of so many map and pool pages, and all presence pages.
    pub(super) fn new(
        presence_pages: u32,
        cache_pages: u32,
        flags: Flags,
    ) -> Result<Self, AllocError> {
        let fixed = usize::try_from(presence_pages).map_err(|_| AllocError)?;
        let others = usize::try_from(cache_pages).map_err(|_| AllocError)?;
        let count = fixed.checked_add(others).ok_or(AllocError)?;
        let mut frames = KVVec::with_capacity(count, flags)?;
        for index in 0..count {
            let mut frame = Frame::new(new_buffer(flags)?);
            if index < fixed {
                // CAST: below the number of presence pages.
                frame.assign(PageNumber(index as u32));
            }
            frames.push(frame, flags)?;
        }
        let mut free = KVVec::with_capacity(others, flags)?;
        for index in (fixed..count).rev() {
            // CAST: settings allow fewer.
            free.push(index as u32, flags)?;
        }
        Ok(Self {
            frames,
            fixed,
            table: PageTable::new(others, flags)?,
            hand: fixed,
            free,
        })
    }

    /// All frames, those of presence pages too.
    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    /// Bytes of memory.
    pub(super) fn memory_bytes(&self) -> u64 {
        (self.frames.len() * BLOCK_BYTES) as u64
    }

    pub(super) fn get(&self, frame: usize) -> Option<&Frame> {
        self.frames.get(frame)
    }

    pub(super) fn get_mut(&mut self, frame: usize) -> Option<&mut Frame> {
        self.frames.get_mut(frame)
    }

    /// The frame of a page that is there or on its way.
    pub(super) fn find(&mut self, page: PageNumber) -> Option<usize> {
        // CAST: 32 bits fit.
        let frame = if (page.0 as usize) < self.fixed {
            page.0 as usize
        } else {
            self.table.find(page)?
        };
        self.frames.get_mut(frame)?.used_lately = true;
        Some(frame)
    }

    /// A frame for a page that is not there, as if it were being read; none if all are needed.
    pub(super) fn claim(&mut self, page: PageNumber) -> Option<usize> {
        let index = match self.free.pop() {
            // CAST: 32 bits fit.
            Some(index) => index as usize,
            None => self.evict()?,
        };
        let frame = self.frames.get_mut(index)?;
        frame.assign(page);
        frame.state = FrameState::Loading;
        frame.used_lately = true;
        self.table.insert(page, index);
        Some(index)
    }

    /// Forgets the page of a frame.
    pub(super) fn release(&mut self, index: usize) {
        let Some(frame) = self.frames.get_mut(index) else {
            return;
        };
        frame.state = FrameState::Free;
        if index >= self.fixed {
            self.table.remove(frame.page);
            // There is room for all frames. CAST: settings allow fewer.
            let _ = self.free.push_within_capacity(index as u32);
        }
    }

    /// Takes a page out of its frame. Looks at each frame at most twice.
    fn evict(&mut self) -> Option<usize> {
        let count = self.frames.len().saturating_sub(self.fixed);
        for _ in 0..count.saturating_mul(2) {
            let index = self.hand.max(self.fixed);
            self.hand = if index + 1 < self.frames.len() {
                index + 1
            } else {
                self.fixed
            };
            let frame = self.frames.get_mut(index)?;
            if !frame.is_evictable() || core::mem::take(&mut frame.used_lately) {
                continue;
            }
            self.table.remove(frame.page);
            return Some(index);
        }
        None
    }
}
