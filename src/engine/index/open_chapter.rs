// SPDX-License-Identifier: GPL-2.0-only

//! The chapter that a zone is filling: the newest records, in memory only.

mod entry;
mod frozen;
mod key_range;

pub use entry::Entry;
pub use frozen::{FrozenChapter, Position};
pub use key_range::KeyRange;

pub(super) use entry::Slot;

use super::record::{Data, Name};
use super::units::ChapterCode;
use core::pin::Pin;
use kernel::{
    alloc::{AllocError, Flags},
    sync::{Arc, UniqueArc}, //
};

/// Places of the other table that are emptied with each entry that is put: so that none of them is left long before the
/// chapter is full.
const CLEARED_PER_PUT: usize = 2;

/// Bytes of one table for so many records.
pub fn memory_bytes(records: u64) -> u64 {
    frozen::table_bytes(records)
}

/// Why an entry was not stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// The chapter is full.
    Full,
    /// Too many keys are so close to this one that they cannot be told apart quickly. Fingerprints never are.
    Crowded,
}

/// The table that is not in use, and how far it was emptied.
struct Spare {
    table: UniqueArc<FrozenChapter>,
    cleared: usize,
}

/// The open chapter of a zone, and the memory of a second one, for when the first is closed and being written.
pub struct OpenChapter {
    table: UniqueArc<FrozenChapter>,
    spare: Option<Spare>,
}

impl OpenChapter {
    /// An empty chapter for `capacity` records whose keys lie in `range`. Allocates all it will ever need; may sleep.
    ///
    /// # Errors
    ///
    /// Too little memory.
    pub fn new(capacity: usize, range: KeyRange, flags: Flags) -> Result<Self, AllocError> {
        let table = || UniqueArc::new(FrozenChapter::new(capacity, range, flags)?, flags);
        Ok(Self {
            table: table()?,
            spare: Some(Spare {
                table: table()?,
                cleared: usize::MAX,
            }),
        })
    }

    /// What is known about a name, deleted or not.
    pub fn find(&self, name: Name) -> Option<Entry> {
        self.table.find(name)
    }

    /// Where a name is, or would be.
    pub fn locate(&self, name: Name) -> Position {
        self.table.position(name)
    }

    /// What is known about the name at a position, deleted or not.
    pub fn at(&self, position: Position) -> Option<Entry> {
        self.table.at(position)
    }

    /// Reads what [`find`](Self::find) would read first. Calls for several names in turn overlap their cache misses.
    pub fn touch(&self, name: Name) -> u64 {
        self.table.touch(name)
    }

    /// Stores a record. Of a name that is known already the data are replaced; what it replaces in a closed chapter
    /// stays as it was, if it was known. Returns how many more entries there is room for.
    ///
    /// # Errors
    ///
    /// The chapter is full or crowded; it was not changed.
    pub fn put(
        &mut self,
        name: Name,
        data: Data,
        replaces: Option<ChapterCode>,
    ) -> Result<usize, Refused> {
        self.store(Entry {
            name,
            data,
            replaces,
            deleted: false,
        })
    }

    /// Stores an entry as it is, deleted or not, otherwise as [`put`](Self::put). A deleted entry hides the record that
    /// an older chapter has of the name.
    ///
    /// # Errors
    ///
    /// The chapter is full or crowded; it was not changed.
    pub fn store(&mut self, entry: Entry) -> Result<usize, Refused> {
        self.store_at(self.locate(entry.name), entry)
    }

    /// The same with the position of the name, which must be as [`locate`](Self::locate) would find it now.
    ///
    /// # Errors
    ///
    /// As [`store`](Self::store).
    pub fn store_at(&mut self, position: Position, entry: Entry) -> Result<usize, Refused> {
        debug_assert_eq!(position, self.locate(entry.name));
        match position {
            Position::Found(index) => {
                let known = self.table.at(position);
                let replaces = known.and_then(|known| known.replaces).or(entry.replaces);
                self.table.replace(index, &Entry { replaces, ..entry });
            }
            Position::Missing(_) if self.remaining() == 0 => return Err(Refused::Full),
            Position::Missing(index) => {
                if !self.table.insert(index, &entry) {
                    return Err(Refused::Crowded);
                }
                self.clear_some(CLEARED_PER_PUT);
            }
        }
        Ok(self.remaining())
    }

    /// Marks a name as deleted; the entry as it was, if there was one that was not deleted yet. It keeps its room.
    pub fn delete(&mut self, name: Name) -> Option<Entry> {
        let Position::Found(index) = self.table.position(name) else {
            return None;
        };
        let known = self.table.find(name).filter(|known| !known.deleted)?;
        let deleted = Entry {
            deleted: true,
            ..known
        };
        self.table.replace(index, &deleted);
        Some(known)
    }

    /// How many more entries there is room for.
    pub fn remaining(&self) -> usize {
        self.table.capacity() - self.table.used()
    }

    /// Entries that are not deleted.
    pub fn live(&self) -> usize {
        self.table.live()
    }

    /// Entries from a place on, as [`FrozenChapter::entries_from`].
    pub fn entries_from(&self, place: usize) -> impl Iterator<Item = (usize, Entry)> + '_ {
        self.table.entries_from(place)
    }

    /// Whether the chapter can be closed: the memory of the one before it is back.
    pub fn can_freeze(&self) -> bool {
        self.spare.is_some()
    }

    /// Closes the chapter and begins an empty one; none, and nothing changes, if the one before it was not given back.
    pub fn freeze(&mut self) -> Option<Arc<FrozenChapter>> {
        self.clear_some(usize::MAX);
        let Spare { table, .. } = self.spare.take()?;
        Some(core::mem::replace(&mut self.table, table).into())
    }

    /// Takes back the memory of a chapter that was written. Whether it was the last reference to it: if not, the
    /// memory is lost, and no chapter can be closed any more.
    #[must_use = "without the memory no chapter can be closed any more"]
    pub fn give_back(&mut self, chapter: Arc<FrozenChapter>) -> bool {
        let Some(table) = Arc::into_unique_or_drop(chapter) else {
            return false;
        };
        self.spare = Some(Spare {
            table: Pin::into_inner(table),
            cleared: 0,
        });
        true
    }

    /// Bytes of memory.
    pub fn memory_bytes(&self) -> u64 {
        2 * self.table.memory_bytes()
    }

    fn clear_some(&mut self, places: usize) {
        if let Some(spare) = &mut self.spare {
            spare.cleared = spare.table.clear(spare.cleared, places);
        }
    }
}
