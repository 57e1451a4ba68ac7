// SPDX-License-Identifier: GPL-2.0-only

//! The names of the newest chapters, kept until all segments of the volume index are here.

use crate::engine::index::record::Name;
use crate::engine::index::search::sort;
use crate::engine::index::units::Chapter;
use crate::engine::index::volume_index::Tail;
use kernel::alloc::{AllocError, Flags, KVVec};

/// The names of the newest chapters.
pub(in super::super) struct TailOfNames {
    pub(super) plain: Tail,
    pub(super) hooks: Tail,
    apart: bool,
    /// The chapter that is being gathered.
    chapter: Chapter,
    plain_keys: KVVec<u64>,
    hook_keys: KVVec<u64>,
}

impl TailOfNames {
    /// No names. `apart` says that hooks have a volume index of their own.
    pub(in super::super) fn new(apart: bool) -> Self {
        Self {
            plain: Tail::new(),
            hooks: Tail::new(),
            apart,
            chapter: Chapter(0),
            plain_keys: KVVec::new(),
            hook_keys: KVVec::new(),
        }
    }

    /// Adds a name. The names of a chapter come one after another, and those of older chapters first.
    pub(in super::super) fn add(
        &mut self,
        name: Name,
        chapter: Chapter,
        flags: Flags,
    ) -> Result<(), AllocError> {
        if chapter != self.chapter {
            self.finish(flags)?;
            self.chapter = chapter;
        }
        if self.apart && name.is_hook() {
            self.hook_keys.push(name.key, flags)
        } else {
            self.plain_keys.push(name.key, flags)
        }
    }

    /// Ends the chapter that is being gathered.
    pub(in super::super) fn finish(&mut self, flags: Flags) -> Result<(), AllocError> {
        for (tail, keys) in [
            (&mut self.plain, &mut self.plain_keys),
            (&mut self.hooks, &mut self.hook_keys),
        ] {
            if !keys.is_empty() {
                let mut keys = core::mem::take(keys);
                // Those of a saved open chapter may come from several zones.
                if !keys.is_sorted() {
                    sort(&mut keys);
                }
                tail.push(self.chapter, keys, flags)?;
            }
        }
        Ok(())
    }

    /// Forgets all names.
    pub(in super::super) fn clear(&mut self) {
        self.plain.clear();
        self.hooks.clear();
    }

    /// Bytes of memory.
    pub(in super::super) fn memory_bytes(&self) -> u64 {
        let gathered = self.plain_keys.len() + self.hook_keys.len();
        self.plain.memory_bytes() + self.hooks.memory_bytes() + (gathered * size_of::<u64>()) as u64
    }
}
