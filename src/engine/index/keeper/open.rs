// SPDX-License-Identifier: GPL-2.0-only

//! Opening an index: its superblock, its chapter table, what was saved, and whether images are there.

use super::probe::Probe;
use super::{Keeper, Phase};
use crate::engine::event::ErrorClass;
use crate::engine::index::action::{KeeperAction, OpenError};
use crate::engine::index::event::OpenMode;
use crate::engine::index::format::{Invalid, SaveHeader, Superblock};
use crate::engine::index::io::IoKind;

/// Which block is being read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// This superblock; what was wrong with the one before.
    Superblock(usize, Option<OpenError>),
    /// The header of the saved chapters.
    Saved,
    /// The first block of an image.
    Image(Probe),
}

impl Keeper {
    /// Brings an index into service.
    pub(super) fn open(&mut self, mode: OpenMode, out: &mut impl FnMut(KeeperAction)) {
        if !matches!(self.phase, Phase::Closed) {
            return;
        }
        self.mode = mode;
        match mode {
            OpenMode::Create { uuid } => self.create(uuid, out),
            _ => self.read_superblock(0, None, out),
        }
    }

    fn read_superblock(
        &mut self,
        copy: usize,
        before: Option<OpenError>,
        out: &mut impl FnMut(KeeperAction),
    ) {
        self.phase = Phase::Opening(Step::Superblock(copy, before));
        let block = self.layout.superblocks().get(copy).copied().unwrap_or(0);
        self.single(IoKind::Read { block, blocks: 1 }, out);
    }

    /// A block was read.
    pub(super) fn block_read(
        &mut self,
        result: Result<(), ErrorClass>,
        out: &mut impl FnMut(KeeperAction),
    ) {
        if result.is_err() {
            self.statistics.read_errors += 1;
        }
        match &self.phase {
            Phase::Opening(Step::Superblock(copy, before)) => {
                let (copy, before) = (*copy, *before);
                match self.check_superblock(copy, result) {
                    Ok(uuid) => {
                        self.uuid = uuid;
                        self.begin_table(out);
                    }
                    Err(why) if copy == 0 => self.read_superblock(1, Some(why), out),
                    Err(why) => self.refuse(before.unwrap_or(why), out),
                }
            }
            Phase::Opening(Step::Saved) => {
                self.check_saved(result);
                self.begin_probe(out);
            }
            Phase::Opening(Step::Image(probe)) => {
                let probe = *probe;
                self.probe_read(probe, result, out);
            }
            _ => {}
        }
    }

    fn check_superblock(
        &self,
        copy: usize,
        result: Result<(), ErrorClass>,
    ) -> Result<[u8; 16], OpenError> {
        result.map_err(|_| OpenError::Storage)?;
        let address = self.layout.superblocks().get(copy).copied().unwrap_or(0);
        let block = self.single_memory.as_ref().and_then(|m| m.blocks().first());
        let block = block.ok_or(OpenError::Storage)?;
        let found =
            Superblock::decode(&block.0, address, self.checksum).map_err(|why| match why {
                Invalid::Version(version) => OpenError::Version(version.into()),
                _ => OpenError::NoIndex,
            })?;
        let is_same = found.geometry_known && found.parameters == self.geometry.parameters;
        if found.incompatible != 0 {
            return Err(OpenError::Version(u16::MAX));
        }
        is_same.then_some(found.uuid).ok_or(OpenError::NoIndex)
    }

    /// The chapter table is known: what was saved comes next.
    pub(super) fn read_saved(&mut self, out: &mut impl FnMut(KeeperAction)) {
        self.phase = Phase::Opening(Step::Saved);
        let block = self.layout.save;
        self.single(IoKind::Read { block, blocks: 1 }, out);
    }

    /// Whether open chapters were saved behind the newest chapter.
    fn check_saved(&mut self, result: Result<(), ErrorClass>) {
        self.saved_pages = 0;
        let place = self.place(self.layout.save);
        let block = self.single_memory.as_ref().and_then(|m| m.blocks().first());
        let (Ok(()), Some(block)) = (result, block) else {
            // Something may be there: it has to be discarded.
            self.is_saved = true;
            return;
        };
        let header = SaveHeader::decode(&block.0, &place, &self.layout, self.checksum);
        let Ok(header) = header else {
            self.is_saved = !matches!(header, Err(Invalid::Blank | Invalid::NotOurs));
            return;
        };
        self.generation = header.generation;
        self.is_saved = header.saved.is_some();
        if let Some(saved) = header.saved {
            if saved.chapter == self.open_chapter() {
                // CAST: a save has far fewer pages than 2^32.
                self.saved_pages = saved.pages as u32;
                self.was_clean = true;
            }
        }
    }
}
