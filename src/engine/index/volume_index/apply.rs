// SPDX-License-Identifier: GPL-2.0-only

//! The names of a closed chapter enter the volume index, many at a time.

use super::shape::Place;
use super::{NotIndexed, VolumeIndex};
use crate::engine::index::units::Chapter;

/// Names whose buckets are asked for together, so that the waits for memory overlap.
const BATCH: usize = 32;

/// A name of a closed chapter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change {
    /// The key of the name.
    pub key: u64,
    /// The chapter that the volume index has had for the name so far.
    pub replaces: Option<Chapter>,
}

/// What became of the names of a chapter.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Applied {
    /// New entries.
    pub inserted: u64,
    /// Entries that were there and belong to the new chapter now.
    pub moved: u64,
    /// Names that found no room.
    pub not_indexed: u64,
    /// Names whose segment is not resident: they must come from the tail when it is loaded.
    pub not_resident: u64,
}

impl VolumeIndex {
    /// Has entries point at `chapter`, which must be in the window. Takes the changes in any order, and is fast if they
    /// come in that of their keys. Allocates nothing.
    pub fn apply(
        &mut self,
        chapter: Chapter,
        changes: impl IntoIterator<Item = Change>,
    ) -> Applied {
        let mut applied = Applied::default();
        let mut changes = changes.into_iter();
        loop {
            let mut batch: [Option<(Place, Option<Chapter>)>; BATCH] = [None; BATCH];
            let mut touched = 0;
            for (slot, change) in batch.iter_mut().zip(&mut changes) {
                let place = self.shape.place(change.key);
                if let Some(segment) = self.segment(place.segment) {
                    touched ^= segment.touch(&self.shape, &place);
                }
                *slot = Some((place, change.replaces));
            }
            self.touched ^= touched;
            for (place, replaces) in batch.iter().map_while(|slot| *slot) {
                self.apply_one(chapter, &place, replaces, &mut applied);
            }
            if matches!(batch, [.., None]) {
                return applied;
            }
        }
    }

    #[inline]
    fn apply_one(
        &mut self,
        chapter: Chapter,
        place: &Place,
        replaces: Option<Chapter>,
        applied: &mut Applied,
    ) {
        if replaces.is_some_and(|from| self.move_at(place, from, chapter)) {
            applied.moved += 1;
            return;
        }
        match self.insert_at(place, chapter) {
            Ok(()) => applied.inserted += 1,
            Err(NotIndexed::NotResident) => applied.not_resident += 1,
            Err(NotIndexed::Full | NotIndexed::Expired) => applied.not_indexed += 1,
        }
    }
}
