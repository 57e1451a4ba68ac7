// SPDX-License-Identifier: GPL-2.0-only

//! The chapter table: which chapters exist.

use super::stream::{Piece, LANE_BLOCKS};
use super::{IoOwner, Keeper, Phase};
use crate::engine::index::action::KeeperAction;
use crate::engine::index::format::{ChapterHeader, ChapterPart, Invalid};
use crate::engine::index::io::IoKind;
use crate::engine::index::units::{Chapter, Image, Page, Window};
use kernel::alloc::{AllocError, Flags, KVVec};

/// What is known of the chapter in one slot.
#[derive(Clone, Copy)]
pub(super) struct Known {
    /// Chapter 0 if there is none.
    pub(super) chapter: Chapter,
    pub(super) pages: u32,
    /// Images that were durable with it.
    pub(super) images: u64,
}

const NOTHING: Known = Known {
    chapter: Chapter(0),
    pages: 0,
    images: 0,
};

/// The chapters of all slots.
pub(super) struct Table {
    known: KVVec<Known>,
    /// The next block to be read, and to be looked at, counted from the beginning of the table.
    begun: u64,
    seen: u64,
    /// The header whose parts are being gathered.
    gathered: Option<ChapterHeader>,
    oldest: Chapter,
    /// Blocks that are read at once.
    piece_blocks: u32,
    /// A read of several blocks has failed: each is to be read by itself, from the beginning.
    is_spoiled: bool,
}

impl Table {
    pub(super) fn new(slots: u64, flags: Flags) -> Result<Self, AllocError> {
        let slots = usize::try_from(slots).map_err(|_| AllocError)?;
        Ok(Self {
            known: KVVec::from_elem(NOTHING, slots, flags)?,
            begun: 0,
            seen: 0,
            gathered: None,
            oldest: Chapter::FIRST,
            piece_blocks: LANE_BLOCKS,
            is_spoiled: false,
        })
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.known.fill(NOTHING);
        self.begun = 0;
        self.seen = 0;
        self.gathered = None;
        self.oldest = Chapter::FIRST;
        self.is_spoiled = false;
    }

    /// What is known of a chapter.
    pub(super) fn get(&self, chapter: Chapter) -> Option<&Known> {
        self.known
            .get(self.slot(chapter))
            .filter(|known| known.chapter == chapter)
    }

    /// Takes note of a chapter.
    pub(super) fn set(&mut self, known: Known) {
        let slot = self.slot(known.chapter);
        if let Some(place) = self.known.get_mut(slot) {
            *place = known;
        }
    }

    /// The newest chapter.
    fn newest(&self) -> Known {
        let newest = self.known.iter().max_by_key(|known| known.chapter);
        newest.copied().unwrap_or(NOTHING)
    }

    /// The chapter behind the newest one of a window that had at most so many images: what is not in these images is
    /// in that chapter and later ones.
    pub(super) fn behind_images(&self, window: &Window, images: u64) -> Chapter {
        let before = self
            .known
            .iter()
            .filter(|known| window.contains(known.chapter) && known.images <= images)
            .max_by_key(|known| known.chapter);
        let short = u64::from(cfg!(seeded_bug = "index_tail_too_short"));
        before.map_or(window.oldest, |known| Chapter(known.chapter.0 + 1 + short))
    }

    /// Bytes of memory.
    pub(super) fn memory_bytes(&self) -> u64 {
        (self.known.len() * size_of::<Known>()) as u64
    }

    fn slot(&self, chapter: Chapter) -> usize {
        // CAST: below the number of slots, which is a usize.
        chapter.slot(self.known.len() as u64) as usize
    }
}

impl Keeper {
    /// Begins to read the chapter table.
    pub(super) fn begin_table(&mut self, out: &mut impl FnMut(KeeperAction)) {
        self.phase = Phase::Table;
        self.table.clear();
        self.table.piece_blocks = LANE_BLOCKS;
        self.read_table(out);
    }

    /// Goes on reading it.
    pub(super) fn read_table(&mut self, out: &mut impl FnMut(KeeperAction)) {
        let (first, blocks) = self.layout.table();
        loop {
            while let Some((lane, piece, result)) = self.stream.next_read() {
                self.table.is_spoiled |= result.is_err() && piece.blocks > 1;
                for index in 0..piece.blocks {
                    self.take_part(lane, index, result.is_ok());
                }
            }
            if self.table.is_spoiled {
                if !self.stream.is_idle() {
                    return;
                }
                self.statistics.headers_lost = 0;
                self.table.clear();
                self.table.piece_blocks = 1;
            }
            if self.table.begun >= blocks {
                break;
            }
            let Some(lane) = self.stream.free_lane() else {
                return;
            };
            let count = u64::from(self.table.piece_blocks).min(blocks - self.table.begun);
            let piece = Piece {
                block: first + self.table.begun,
                // CAST: at most LANE_BLOCKS.
                blocks: count as u32,
                chapter: Chapter(0),
                page: Page(0),
            };
            self.table.begun += count;
            self.read_piece(lane, piece, out);
        }
        if self.table.seen == blocks {
            self.table_known(out);
        }
    }

    /// Begins to read on a lane of the stream.
    pub(super) fn read_piece(
        &mut self,
        lane: usize,
        piece: Piece,
        out: &mut impl FnMut(KeeperAction),
    ) {
        let memory = self.stream.begin_read(lane, piece);
        let kind = IoKind::Read {
            block: piece.block,
            blocks: piece.blocks,
        };
        self.start_io(IoOwner::Lane(lane), kind, memory, out);
    }

    /// Looks at the next block of the table.
    fn take_part(&mut self, lane: usize, index: u32, is_read: bool) {
        let (first, _) = self.layout.table();
        let seen = self.table.seen;
        self.table.seen += 1;
        let parts = u64::from(self.geometry.header_blocks);
        let number = seen.checked_rem(parts).unwrap_or(0);
        let place = self.place(first + seen);
        // CAST: below LANE_BLOCKS.
        let block = self.stream.memory(lane);
        let block = block.and_then(|memory| memory.blocks().get(index as usize));
        let opened = match block {
            Some(block) if is_read => {
                ChapterPart::open(&block.0, &place, &self.layout, self.checksum)
            }
            _ => Err(Invalid::Checksum),
        };
        if !matches!(opened, Ok(_) | Err(Invalid::Blank | Invalid::Foreign)) {
            self.statistics.headers_lost += 1;
        }
        let gathered = self.table.gathered.take();
        let Ok(part) = opened else {
            return self.forget_gathered(gathered);
        };
        let chapter = part.header.chapter;
        if number == 0 {
            self.bounds.forget(chapter);
        } else if gathered != Some(part.header) {
            return self.forget_gathered(gathered);
        }
        self.bounds.add(chapter, part.bounds());
        if number + 1 < parts {
            self.table.gathered = Some(part.header);
            return;
        }
        if self.table.newest().chapter < chapter {
            self.table.oldest = part.header.oldest;
        }
        self.table.set(Known {
            chapter,
            pages: part.header.pages,
            images: part.header.images,
        });
    }

    fn forget_gathered(&self, gathered: Option<ChapterHeader>) {
        if let Some(header) = gathered {
            self.bounds.forget(header.chapter);
        }
    }

    /// All headers were looked at.
    fn table_known(&mut self, out: &mut impl FnMut(KeeperAction)) {
        let newest = self.table.newest();
        self.window = Window {
            oldest: self.geometry.oldest(newest.chapter).max(self.table.oldest),
            newest: newest.chapter,
        };
        self.images = (Image(0), Image(newest.images));
        for known in self.table.known.iter_mut() {
            if known.chapter.0 != 0 && !self.window.contains(known.chapter) {
                self.bounds.forget(known.chapter);
                *known = NOTHING;
            }
        }
        self.read_saved(out);
    }
}
