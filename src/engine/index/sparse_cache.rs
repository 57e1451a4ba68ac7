// SPDX-License-Identifier: GPL-2.0-only

//! The filters of a few old chapters of a sparse index.
//!
//! Of an old chapter only the hooks are indexed. When one of them is looked up, names that were written together with
//! it are likely to follow: the filters of the whole chapter are taken into the cache, and tell of any name whether
//! the chapter may have it, and on which page. Each zone keeps the filters of its own names only.

use super::extent::Extent;
use super::format::{filter_page, FilterPage};
use super::geometry::SPARSE_CACHE_CHAPTERS;
use super::parked::List;
use super::record::Name;
use super::units::{Chapter, Page};
use kernel::alloc::{AllocError, Flags, KVec};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Free,
    Reading,
    /// Being read, and not wanted any more.
    Doomed,
    Cached,
}

struct Entry {
    state: State,
    chapter: Chapter,
    /// The first filter page in memory, and how many there are.
    first: u32,
    pages: u32,
    memory: Option<Extent>,
    waiting: List,
    /// When it was last of use.
    used: u64,
}

/// The filters of a few chapters.
pub(super) struct SparseCache {
    entries: KVec<Entry>,
    blocks: u32,
    clock: u64,
}

/// Filters to be read.
pub(super) struct Wanted {
    pub(super) index: usize,
    /// How many filter pages.
    pub(super) pages: u32,
    pub(super) memory: Extent,
}

impl SparseCache {
    /// Room for seven chapters, of each of which at most `blocks` filter pages are kept; for none if that is 0.
    pub(super) fn new(blocks: u32, flags: Flags) -> Result<Self, AllocError> {
        let mut entries = KVec::new();
        for _ in 0..SPARSE_CACHE_CHAPTERS * u64::from(blocks != 0) {
            entries.push(
                Entry {
                    state: State::Free,
                    chapter: Chapter(0),
                    first: 0,
                    pages: 0,
                    // CAST: 32 bits fit.
                    memory: Some(Extent::new(blocks as usize, flags)?),
                    waiting: List::EMPTY,
                    used: 0,
                },
                flags,
            )?;
        }
        Ok(Self {
            entries,
            blocks,
            clock: 0,
        })
    }

    /// Whether the filters of a chapter are here or on their way.
    pub(super) fn has(&self, chapter: Chapter) -> bool {
        let is_it = |entry: &Entry| {
            entry.chapter == chapter && matches!(entry.state, State::Reading | State::Cached)
        };
        self.entries.iter().any(is_it)
    }

    /// Filters that are on their way.
    pub(super) fn reading(&self) -> Option<usize> {
        self.entries
            .iter()
            .position(|entry| matches!(entry.state, State::Reading | State::Doomed))
    }

    /// Makes room for a chapter whose filter pages from `first` to `last` are wanted: that of the chapter that was not
    /// of use for the longest time. None while all are being read.
    pub(super) fn begin(&mut self, chapter: Chapter, first: u32, last: u32) -> Option<Wanted> {
        let (index, entry) = self
            .entries
            .iter_mut()
            .enumerate()
            .filter(|(_, entry)| matches!(entry.state, State::Free | State::Cached))
            .min_by_key(|(_, entry)| (entry.state == State::Cached, entry.used))?;
        let memory = entry.memory.take()?;
        self.clock += 1;
        entry.state = State::Reading;
        entry.chapter = chapter;
        entry.first = first;
        entry.pages = (last.saturating_sub(first) + 1).min(self.blocks);
        entry.used = self.clock;
        Some(Wanted {
            index,
            pages: entry.pages,
            memory,
        })
    }

    /// The chapter whose filters an entry has, the first of them, and how many.
    pub(super) fn of(&self, index: usize) -> Option<(Chapter, u32, u32)> {
        let entry = self.entries.get(index)?;
        Some((entry.chapter, entry.first, entry.pages))
    }

    /// Takes filters that were read; `good` says that they may be used. What waited for them.
    pub(super) fn finish(&mut self, index: usize, memory: Extent, good: bool) -> List {
        let Some(entry) = self.entries.get_mut(index) else {
            return List::EMPTY;
        };
        entry.memory = Some(memory);
        entry.state = if good && entry.state == State::Reading {
            State::Cached
        } else {
            State::Free
        };
        entry.waiting.take()
    }

    /// What waits for filters.
    pub(super) fn waiting(&mut self, index: usize) -> Option<&mut List> {
        self.entries.get_mut(index).map(|entry| &mut entry.waiting)
    }

    /// Whether a chapter may have a name on a page, as far as its filters are here.
    pub(super) fn may_contain(&self, index: usize, page: Page, name: Name) -> bool {
        let (part, place) = filter_page::place_of(page);
        let Some(entry) = self.entries.get(index) else {
            return false;
        };
        let offset = part.wrapping_sub(entry.first);
        if offset >= entry.pages {
            return false;
        }
        // CAST: 32 bits fit.
        let block = entry
            .memory
            .as_ref()
            .and_then(|memory| memory.blocks().get(offset as usize));
        block.is_some_and(|block| FilterPage::of_checked(block).may_contain(place, name))
    }

    /// The cached chapter that comes next in number before `before`: the newest first.
    pub(super) fn next_before(&self, before: Chapter) -> Option<(usize, Chapter)> {
        self.entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.state == State::Cached && entry.chapter < before)
            .map(|(index, entry)| (index, entry.chapter))
            .max_by_key(|(_, chapter)| *chapter)
    }

    /// The filters of a chapter were of use.
    pub(super) fn touch(&mut self, chapter: Chapter) {
        self.clock += 1;
        let clock = self.clock;
        for entry in self.entries.iter_mut() {
            if entry.chapter == chapter {
                entry.used = clock;
            }
        }
    }

    /// Drops the filters of chapters before `oldest`.
    pub(super) fn forget_before(&mut self, oldest: Chapter) {
        for entry in self.entries.iter_mut() {
            if entry.chapter < oldest {
                entry.state = match entry.state {
                    State::Cached | State::Free => State::Free,
                    State::Reading | State::Doomed => State::Doomed,
                };
            }
        }
    }

    /// Bytes of memory.
    pub(super) fn memory_bytes(&self) -> u64 {
        let memory = self
            .entries
            .iter()
            .filter_map(|entry| entry.memory.as_ref());
        memory.map(Extent::memory_bytes).sum()
    }
}
