// SPDX-License-Identifier: GPL-2.0-only

//! Images of both legs of a volume of dedup mode, and ways to damage them.

use crate::images::{sparectl, text};
use dm_spare_engine::dedup::format::{page, Checkpoint, Geometry, Header, Layout};
use dm_spare_engine::dedup::{Leg, Lsn, PageNumber};
use dm_spare_engine::Block;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Output;

/// The name of every volume that the engine formats here.
pub(crate) const UUID: [u8; 16] = *b"a-volume-in-test";
/// Its secret.
pub(crate) const SECRET: [u8; 16] = *b"a-secret-in-test";
/// Blocks of the spare.
pub(crate) const SPARE_BLOCKS: u64 = 16;
/// A small volume: four map pages, some 1,900 data blocks.
pub(crate) const GEOMETRY: Geometry = Geometry {
    main_blocks: 2000,
    logical_blocks: 3000,
    journal_blocks: 64,
    index_blocks: 0,
};

/// Both images, in a folder that vanishes with this value.
pub(crate) struct DedupImages {
    folder: tempfile::TempDir,
    pub(crate) geometry: Geometry,
}

impl DedupImages {
    /// Blank images.
    pub(crate) fn blank(geometry: Geometry) -> Self {
        let images = Self {
            folder: tempfile::tempdir().expect("a folder"),
            geometry,
        };
        for (leg, blocks) in [
            (Leg::Main, geometry.main_blocks),
            (Leg::Spare, SPARE_BLOCKS),
        ] {
            File::create(images.path(leg))
                .and_then(|file| file.set_len(blocks * 4096))
                .expect("an image");
        }
        images
    }

    /// A copy that can be damaged while this one stays.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::blank(self.geometry);
        for leg in Leg::BOTH {
            std::fs::copy(self.path(leg), copy.path(leg)).expect("a copy");
        }
        copy
    }

    pub(crate) fn path(&self, leg: Leg) -> PathBuf {
        self.folder.path().join(match leg {
            Leg::Main => "main",
            Leg::Spare => "spare",
        })
    }

    pub(crate) fn file(&self, leg: Leg) -> File {
        OpenOptions::new()
            .read(true)
            .write(true)
            .open(self.path(leg))
            .expect("an image")
    }

    pub(crate) fn layout(&self) -> Layout {
        Layout::new(self.geometry).expect("a layout")
    }

    /// All bytes of both.
    pub(crate) fn bytes(&self) -> [Vec<u8>; 2] {
        Leg::BOTH.map(|leg| std::fs::read(self.path(leg)).expect("an image"))
    }

    /// Runs a command of which the spare is the argument, and main an option.
    pub(crate) fn run(&self, command: &str, more: &[&str]) -> Output {
        let (main, spare) = (self.path(Leg::Main), self.path(Leg::Spare));
        let mut arguments = vec![command, text(&spare), "--main", text(&main)];
        arguments.extend(more);
        sparectl(&arguments)
    }

    /// Runs a command whose arguments are main and the spare.
    pub(crate) fn run_on_both(&self, command: &str, more: &[&str]) -> Output {
        let (main, spare) = (self.path(Leg::Main), self.path(Leg::Spare));
        let mut arguments = vec![command, text(&main), text(&spare)];
        arguments.extend(more);
        sparectl(&arguments)
    }

    pub(crate) fn read(&self, leg: Leg, block: u64) -> Block {
        let mut content = Block([0; 4096]);
        self.file(leg)
            .read_exact_at(&mut content.0, block * 4096)
            .expect("a read");
        content
    }

    pub(crate) fn write(&self, leg: Leg, block: u64, content: &Block) {
        self.file(leg)
            .write_all_at(&content.0, block * 4096)
            .expect("a write");
    }

    /// Flips one bit of a block.
    pub(crate) fn damage(&self, leg: Leg, block: u64) {
        let mut content = self.read(leg, block);
        content.0[200] ^= 1;
        self.write(leg, block, &content);
    }

    /// Writes zeros over a block.
    pub(crate) fn clear(&self, leg: Leg, block: u64) {
        self.write(leg, block, &Block([0; 4096]));
    }

    /// Changes a page in its place, and seals it again.
    pub(crate) fn edit(&self, number: PageNumber, change: impl FnOnce(&mut Block)) {
        self.edit_with_lsn(number, |block, _| change(block));
    }

    /// The same, and the LSN that it names too.
    pub(crate) fn edit_with_lsn(
        &self,
        number: PageNumber,
        change: impl FnOnce(&mut Block, &mut Lsn),
    ) {
        let layout = self.layout();
        let address = layout.page_address(number);
        let mut block = self.read(Leg::Main, address);
        let header = Header::open_any(&block.0, address, crc32c::crc32c).expect("a page");
        let (place, mut lsn) = (header.place, Lsn(header.sequence));
        change(&mut block, &mut lsn);
        let kind = layout.page_kind(number).expect("a page");
        page::seal(&mut block, number, kind, lsn, place, crc32c::crc32c);
        self.write(Leg::Main, address, &block);
    }

    /// The newest checkpoint on a leg.
    pub(crate) fn newest(&self, leg: Leg) -> Checkpoint {
        [0, 1]
            .into_iter()
            .filter_map(|number| {
                let address = Layout::checkpoint_address(number);
                let block = self.read(leg, address);
                let layout = self.layout();
                Checkpoint::open(&block, leg, address, &layout, UUID, crc32c::crc32c).ok()
            })
            .max_by_key(|checkpoint| checkpoint.number)
            .expect("a checkpoint")
    }

    /// Changes the newest checkpoint on both legs.
    pub(crate) fn edit_checkpoint(&self, change: impl Fn(&mut Checkpoint)) {
        for leg in Leg::BOTH {
            let mut checkpoint = self.newest(leg);
            let address = Layout::checkpoint_address(checkpoint.number);
            let mut block = self.read(leg, address);
            change(&mut checkpoint);
            checkpoint.seal(leg, UUID, &mut block, crc32c::crc32c);
            self.write(leg, Layout::checkpoint_address(checkpoint.number), &block);
        }
    }
}
