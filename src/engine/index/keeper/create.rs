// SPDX-License-Identifier: GPL-2.0-only

//! Making a new index: only its superblocks are written. Whatever else is there has another name in its headers.

use super::{Keeper, Phase};
use crate::engine::event::ErrorClass;
use crate::engine::index::action::{KeeperAction, OpenError};
use crate::engine::index::format::Superblock;
use crate::engine::index::io::IoKind;
use crate::engine::index::units::{Image, Window};

/// Which superblock is being written; all are when there is none.
pub(super) type Step = Option<usize>;

impl Keeper {
    /// Begins with the last superblock.
    pub(super) fn create(&mut self, uuid: [u8; 16], out: &mut impl FnMut(KeeperAction)) {
        self.uuid = uuid;
        self.window = Window::EMPTY;
        self.images = (Image(0), Image(0));
        self.generation = 0;
        self.is_saved = false;
        self.table.clear();
        self.write_superblock(1, out);
    }

    fn write_superblock(&mut self, copy: usize, out: &mut impl FnMut(KeeperAction)) {
        self.phase = Phase::Creating(Some(copy));
        let block = self.layout.superblocks().get(copy).copied().unwrap_or(0);
        let superblock = Superblock {
            uuid: self.uuid,
            generation: 1,
            parameters: self.geometry.parameters,
            compatible: 0,
            incompatible: 0,
            geometry_known: true,
        };
        let first = self
            .single_memory
            .as_mut()
            .and_then(|memory| memory.blocks_mut().first_mut());
        if let Some(first) = first {
            superblock.encode(&self.geometry, block, first, self.checksum);
        }
        let kind = IoKind::Write {
            block,
            blocks: 1,
            fua: false,
        };
        self.single(kind, out);
    }

    /// A superblock was written.
    pub(super) fn superblock_written(
        &mut self,
        result: Result<(), ErrorClass>,
        out: &mut impl FnMut(KeeperAction),
    ) {
        match (&self.phase, result) {
            (_, Err(_)) => self.refuse(OpenError::Storage, out),
            (Phase::Creating(Some(1)), Ok(())) => self.write_superblock(0, out),
            (_, Ok(())) => {
                self.phase = Phase::Creating(None);
                self.flush(out);
            }
        }
    }

    /// The superblocks are durable.
    pub(super) fn created(
        &mut self,
        result: Result<(), ErrorClass>,
        out: &mut impl FnMut(KeeperAction),
    ) {
        match result {
            Ok(()) => self.start_zones(out),
            Err(_) => self.refuse(OpenError::Storage, out),
        }
    }
}
