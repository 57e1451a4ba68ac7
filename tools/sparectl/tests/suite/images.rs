// SPDX-License-Identifier: GPL-2.0-only

//! A folder with images of a main device and a spare, and ways to write and damage metadata on them.

use dm_spare_engine::format::header::FLAG_LAST;
use dm_spare_engine::format::table_block::{put_record, RECORDS_PER_BLOCK};
use dm_spare_engine::format::{Header, Kind, Layout, Record};
use dm_spare_engine::{Block, Lbn, Slot};
use sparectl::leg::{Access, Leg};
use sparectl::survey::{Lineage, SetSurvey, Survey};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::{Command, Output};

/// Sectors of main: 100 blocks and a half.
pub(crate) const MAIN_SECTORS: u64 = 804;
/// Blocks of the spare.
pub(crate) const SPARE_BLOCKS: u64 = 600;

/// Both images, in a folder that vanishes with this value.
pub(crate) struct Images {
    folder: tempfile::TempDir,
}

/// Runs the program.
pub(crate) fn sparectl(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sparectl"))
        .args(arguments)
        .output()
        .expect("the program runs")
}

/// What it printed to stdout.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What it printed to stderr.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A record of a block that is served by a slot.
pub(crate) fn remap(lbn: u64, slot: u32, mask: u8) -> Record {
    Record {
        lbn: Lbn(lbn),
        slot: (slot != 0).then_some(Slot(slot)),
        mask,
    }
}

impl Images {
    /// Blank images.
    pub(crate) fn blank() -> Self {
        Self::sized(MAIN_SECTORS, SPARE_BLOCKS)
    }

    /// Blank images of other sizes.
    pub(crate) fn sized(main_sectors: u64, spare_blocks: u64) -> Self {
        let images = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        for (path, sectors) in [
            (images.main(), main_sectors),
            (images.spare(), spare_blocks * 8),
        ] {
            File::create(path)
                .and_then(|file| file.set_len(sectors * 512))
                .expect("an image");
        }
        images
    }

    /// A set with so many copies, as `sparectl format` makes it.
    pub(crate) fn formatted(copies: u8) -> Self {
        let images = Self::blank();
        let output = images.format(&["--metadata-copies", &copies.to_string()]);
        assert!(output.status.success(), "{}", stderr(&output));
        images
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub(crate) fn main(&self) -> PathBuf {
        self.folder.path().join("main")
    }

    pub(crate) fn spare(&self) -> PathBuf {
        self.folder.path().join("spare")
    }

    /// Runs `sparectl format` on both images.
    pub(crate) fn format(&self, more: &[&str]) -> Output {
        let (main, spare) = (self.main(), self.spare());
        let mut arguments = vec!["format", text(&main), text(&spare)];
        arguments.extend(more);
        sparectl(&arguments)
    }

    /// Runs a command on the spare.
    pub(crate) fn run(&self, command: &str, more: &[&str]) -> Output {
        let spare = self.spare();
        let mut arguments = vec![command, text(&spare)];
        arguments.extend(more);
        sparectl(&arguments)
    }

    /// All bytes of the spare.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.spare()).expect("the spare")
    }

    pub(crate) fn survey(&self) -> Survey {
        let mut leg = Leg::open_unused(&self.spare(), Access::Read).expect("the spare");
        let sectors = leg.sectors();
        Survey::read(&mut leg, sectors, &mut |_, _| {})
    }

    /// The set, and the newest state of its metadata.
    pub(crate) fn set(&self) -> (SetSurvey, Lineage) {
        let set = self.survey().set.expect("a set");
        let lineage = set.lineage.expect("a checkpoint");
        (set, lineage)
    }

    pub(crate) fn write_block(&self, block: u64, content: &[u8; 4096]) {
        OpenOptions::new()
            .write(true)
            .open(self.spare())
            .and_then(|file| file.write_all_at(content, block * 4096))
            .expect("a write");
    }

    pub(crate) fn read_block(&self, block: u64) -> [u8; 4096] {
        let mut content = [0; 4096];
        File::open(self.spare())
            .and_then(|file| file.read_exact_at(&mut content, block * 4096))
            .expect("a read");
        content
    }

    /// Flips one bit of a block.
    pub(crate) fn damage(&self, block: u64) {
        let mut content = self.read_block(block);
        content[200] ^= 1;
        self.write_block(block, &content);
    }

    /// Commits records as the next transaction, on the copies in `mask`.
    pub(crate) fn commit(&self, records: &[Record], flags: u8, mask: u8) {
        let (set, lineage) = self.set();
        let tid = lineage.last + 1;
        for copy in 0..set.layout.copies {
            if mask & (1 << copy) != 0 {
                let address = set.layout.log(copy, tid);
                let header = Header {
                    kind: Kind::Log,
                    tid,
                    epoch: lineage.epoch,
                    flags,
                    members: lineage.members,
                    ..header(&set, copy, address)
                };
                self.write_block(address, &sealed(header, records).0);
            }
        }
    }

    /// Writes a checkpoint with these records into the area that is not in use, behind the newest transaction.
    pub(crate) fn checkpoint(&self, records: &[Record], mask: u8) {
        let (set, lineage) = self.set();
        let chunks: Vec<&[Record]> = records.chunks(RECORDS_PER_BLOCK).collect();
        for copy in 0..set.layout.copies {
            for (index, chunk) in chunks.iter().enumerate() {
                let is_last = index + 1 == chunks.len();
                if is_last && mask & (1 << copy) == 0 {
                    continue;
                }
                let address = set
                    .layout
                    .checkpoint(copy, 1 - lineage.area, index as u64)
                    .expect("room");
                let header = Header {
                    kind: Kind::Checkpoint,
                    tid: lineage.last,
                    epoch: lineage.epoch,
                    sequence: lineage.sequence.wrapping_add(1),
                    index: index as u32,
                    flags: if is_last { FLAG_LAST } else { 0 },
                    members: lineage.members,
                    ..header(&set, copy, address)
                };
                self.write_block(address, &sealed(header, chunk).0);
            }
        }
    }

    pub(crate) fn layout(&self) -> Layout {
        self.set().0.layout
    }
}

/// A path as an argument.
pub(crate) fn text(path: &std::path::Path) -> &str {
    path.to_str().expect("a path of letters")
}

fn header(set: &SetSurvey, copy: u8, address: u64) -> Header {
    Header {
        kind: Kind::Log,
        address,
        tid: 0,
        uuid: set.superblock.uuid,
        epoch: 0,
        sequence: 0,
        index: 0,
        count: 0,
        copy,
        copies: set.layout.copies,
        members: 0,
        flags: 0,
    }
}

fn sealed(header: Header, records: &[Record]) -> Block {
    let mut block = Block([0; 4096]);
    for (index, record) in records.iter().enumerate() {
        assert!(put_record(&mut block, index, record));
    }
    let header = Header {
        count: records.len() as u32,
        ..header
    };
    header.seal(&mut block, crc32c::crc32c);
    block
}
