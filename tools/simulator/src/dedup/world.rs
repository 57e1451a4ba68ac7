// SPDX-License-Identifier: GPL-2.0-only

//! The volume, its disks, what is under way, and what was asked.

mod answers;
mod outside;
mod shell;
mod tally;

use super::album::Album;
use super::checker::{self, Checker};
use super::content::{Hashing, Value, SECRET};
use super::model::Model;
use crate::disk::Disk;
use crate::rng::Rng;
use crate::sector::{marked, Sector};
use dm_spare_engine::dedup::format::superblock::Method;
use dm_spare_engine::dedup::format::{Checkpoint, Geometry, Layout};
use dm_spare_engine::dedup::{
    Action, Activation, Content, Event, Fill, Fingerprint, Lbn, Leg, OperationId, Pbn, Refusal,
    Request, RequestId, RequestKind, Settings, Status, Translations, Volume,
};
use dm_spare_engine::{Block, Token};
use kernel::alloc::flags::GFP_KERNEL;
use kernel::alloc::KBox;
use kernel::sync::Arc;
use std::collections::{BTreeMap, BTreeSet, HashMap};

pub use tally::Tally;

/// Blocks that are found without the volume: few, so that they push each other out.
const TRANSLATIONS: usize = 64;
/// The name of the volume.
pub const UUID: [u8; 16] = *b"a-volume-in-test";

/// How a volume is made.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// The settings.
    pub settings: Settings,
    /// How blocks are fingerprinted.
    pub hashing: Hashing,
}

impl Shape {
    /// A small volume: a ring of 64 blocks, so many map pages, some hundred data blocks.
    pub fn small(data_blocks: u64, map_pages: u64, operations: u32, weak: u64) -> Self {
        let logical_blocks = 809 * map_pages - 100;
        let metadata = 8 + 64 + map_pages + data_blocks / 224 + 3;
        Self {
            settings: Settings {
                geometry: Geometry {
                    main_blocks: metadata + data_blocks,
                    logical_blocks,
                    journal_blocks: 64,
                    index_blocks: 0,
                },
                spare_blocks: 16,
                method: Method::Fast,
                trusts_fingerprints: false,
                checks_reads: false,
                cache_pages: 3 * operations + 3,
                operations,
                journal_buffers: 24,
                write_buffers: 2,
                first_pool_page: 0,
            },
            hashing: Hashing { weak },
        }
    }

    /// Where things lie.
    ///
    /// # Panics
    ///
    /// If the geometry makes no volume.
    pub fn layout(&self) -> Layout {
        Layout::new(self.settings.geometry).expect("the geometry makes a volume")
    }
}

/// A request without an answer.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    kind: RequestKind,
    began: u64,
    /// Of a write: what it writes. Of a read: what has come so far, by block.
    data: Vec<Option<Value>>,
    reads_left: usize,
}

/// What takes much longer than all else, so that much happens meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Slow {
    /// Everything takes equally long.
    Nothing,
    /// Reads of data.
    DataReads,
    /// Reads of metadata.
    PageReads,
    /// Writes of pages to their places.
    PageWrites,
}

/// Something under way.
pub(crate) enum Flight {
    Io {
        token: Token,
        kind: dm_spare_engine::dedup::IoKind,
        buffer: Option<KBox<Block>>,
        /// The disk's number of the write or flush.
        number: u64,
    },
    DataWrite {
        operation: OperationId,
        pbn: Pbn,
        number: u64,
    },
    DataRead {
        operation: OperationId,
        request: u32,
        at: u64,
        pbn: Pbn,
        blocks: u64,
    },
    ReadChecked {
        operation: OperationId,
        request: u32,
        at: u64,
        pbn: Pbn,
        fingerprint: Fingerprint,
    },
    Compare {
        operation: OperationId,
        request: u32,
        pbn: Pbn,
    },
    CompareWrites {
        operation: OperationId,
        equal: bool,
    },
    Ask {
        operation: OperationId,
        fingerprint: Fingerprint,
    },
    /// A read that found its blocks without the volume.
    OutsideRead {
        number: u64,
        began: u64,
        lbn: Lbn,
        pbn: Pbn,
        blocks: u64,
    },
    /// What the volume waits for: all such reads have ended that had begun when it asked.
    ReadersGone,
}

/// The world.
pub struct World {
    /// How the volume is made.
    pub shape: Shape,
    volume: Volume,
    translations: Arc<Translations>,
    /// The volume wants to be told when the reads up to this one that it does not know of have ended.
    waits_for_readers: Option<u64>,
    /// Such reads that have begun.
    outside_reads: u64,
    /// Main and the spare.
    pub disks: [Disk; 2],
    /// What was promised.
    pub model: Model,
    flights: Vec<Flight>,
    asked: BTreeMap<u32, Asked>,
    requests: u32,
    index: HashMap<[u8; 16], Pbn>,
    /// The index answers one in so many questions with anything; 0 is never.
    pub index_lies: usize,
    /// One in so many writes of data fails; 0 is never.
    pub bad_data_writes: usize,
    /// Writes of metadata fail.
    pub bad_metadata_writes: bool,
    /// Requests may fail because metadata is damaged.
    pub expects_damage: bool,
    /// Contents all of whose copies on main have rotted: whoever reads them must get an error.
    pub rotten: BTreeSet<Value>,
    /// A read without the volume begins before each request, of blocks that the request is about.
    pub reads_outside: bool,
    /// What takes much longer than all else; reads without the volume always do.
    pub slow: Slow,
    /// So many other things happen meanwhile.
    pub patience: usize,
    /// The answer to the activation.
    pub activated: Option<Result<Activation, Refusal>>,
    /// The answer to the last suspend.
    pub suspended: Option<bool>,
    /// The volume said that it cannot be written any more.
    pub read_only: bool,
    /// Keeps what lies on the legs before and behind each activation.
    pub album: Option<Album>,
    /// Tells what happens.
    pub trace: bool,
    /// What happened.
    pub tally: Tally,
    wrong: Option<String>,
}

impl World {
    /// A volume on blank disks, as far as it must be: behind the superblocks lies what an earlier volume has left, and
    /// behind that rubbish.
    pub fn new(shape: Shape) -> Self {
        let blank = marked(0);
        let dirt = marked(0x5555_aaaa);
        let mut bytes: [u8; 512] = *dirt;
        bytes[..4].copy_from_slice(b"dspd");
        let left = Sector::new(bytes);
        let disk = |blocks: u64| {
            Disk::new(blocks * 8, |sector| match (sector / 8, sector % 8) {
                (0, _) => blank.clone(),
                (_, 0) => left.clone(),
                _ => dirt.clone(),
            })
        };
        let disks = [
            disk(shape.settings.geometry.main_blocks),
            disk(shape.settings.spare_blocks),
        ];
        Self::on(shape, disks, Model::default())
    }

    /// A volume on these disks.
    ///
    /// # Panics
    ///
    /// If the settings cannot be used.
    pub fn on(shape: Shape, disks: [Disk; 2], model: Model) -> Self {
        let translations = Translations::new(TRANSLATIONS, GFP_KERNEL)
            .and_then(|table| Arc::new(table, GFP_KERNEL))
            .unwrap_or_else(|error| panic!("{error:?}"));
        let volume = Volume::new(
            shape.settings,
            Some(translations.clone()),
            crc32c::crc32c,
            GFP_KERNEL,
        );
        Self {
            shape,
            volume: volume.unwrap_or_else(|error| panic!("{error:?}")),
            translations,
            waits_for_readers: None,
            outside_reads: 0,
            disks,
            model,
            flights: Vec::new(),
            asked: BTreeMap::new(),
            requests: 0,
            index: HashMap::new(),
            index_lies: 0,
            bad_data_writes: 0,
            bad_metadata_writes: false,
            expects_damage: false,
            rotten: BTreeSet::new(),
            reads_outside: false,
            slow: Slow::Nothing,
            patience: 200,
            activated: None,
            suspended: None,
            read_only: false,
            album: None,
            trace: false,
            tally: Tally::default(),
            wrong: None,
        }
    }

    /// Asks for a crash that leaves of each undecided sector what the number drawn says, and begins anew on what is left.
    pub fn crash(&self, random: &mut Rng) -> Self {
        let style = random.below(6);
        let disks = [0, 1].map(|leg| {
            let disk: &Disk = &self.disks[leg];
            let mut decided = Vec::new();
            for (at, states) in disk.undecided() {
                let state = match style {
                    0 => 0,
                    1 => states.len() - 1,
                    // Whole blocks mostly.
                    2 if at % 8 != 0 && random.below(8) != 0 => continue,
                    _ => random.below(states.len()),
                };
                decided.push((at, states[state].clone()));
            }
            disk.crashed(&decided)
        });
        self.begun_anew(disks)
    }

    /// The machine is reset, and the disks keep what is in their caches.
    pub fn reset(&self) -> Self {
        self.begun_anew([0, 1].map(|leg| Disk::reset(&self.disks[leg])))
    }

    /// As `crash`, with the durable state (`newest` is false) or everything that was ever written.
    pub fn crash_plainly(&self, newest: bool) -> Self {
        let disks = [0, 1].map(|leg| {
            let disk: &Disk = &self.disks[leg];
            let decided: Vec<_> = disk
                .undecided()
                .into_iter()
                .map(|(at, states)| {
                    (
                        at,
                        states[if newest { states.len() - 1 } else { 0 }].clone(),
                    )
                })
                .collect();
            disk.crashed(&decided)
        });
        self.begun_anew(disks)
    }

    fn begun_anew(&self, disks: [Disk; 2]) -> Self {
        let mut tally = self.tally_now();
        tally.crashes += 1;
        Self {
            index: self.index.clone(),
            index_lies: self.index_lies,
            bad_data_writes: self.bad_data_writes,
            reads_outside: self.reads_outside,
            slow: self.slow,
            patience: self.patience,
            requests: self.requests,
            album: self.album.clone(),
            trace: self.trace,
            tally,
            ..Self::on(self.shape, disks, self.model.clone())
        }
    }

    /// What happened until now.
    pub fn tally_now(&self) -> Tally {
        let status = self.volume.status();
        let mut tally = self.tally;
        tally.shared += status.counters.shared;
        tally.joined += status.counters.joined;
        tally.collisions += status.counters.collisions;
        tally.without_space += status.counters.without_space;
        tally.batches += status.batches;
        tally
    }

    /// Sends an event, and does what the volume wants done.
    pub fn send(&mut self, event: Event) {
        let mut actions = Vec::new();
        self.volume
            .handle(event, &mut |action| actions.push(action));
        for action in actions {
            self.perform(action);
        }
    }

    /// Brings the volume into service.
    pub fn activate(&mut self) {
        self.send(Event::Activate {
            uuid_if_formatting: UUID,
            secret_if_formatting: SECRET,
        });
    }

    /// Activates, runs until that is answered, and checks everything that lies on main.
    ///
    /// # Errors
    ///
    /// What went wrong; a refusal is wrong.
    pub fn activate_and_check(&mut self, random: &mut Rng) -> Result<(), String> {
        if let Some(album) = &mut self.album {
            album.keep(&self.disks, "found")?;
        }
        self.activate();
        while self.activated.is_none() {
            if !self.deliver(random)? {
                return Err("the activation never ends".to_owned());
            }
        }
        self.check_activated()?;
        if let Some(album) = &mut self.album {
            album.keep(&self.disks, "loaded")?;
        }
        Ok(())
    }

    /// Checks what an activation has left on main.
    ///
    /// # Errors
    ///
    /// What went wrong; a refusal is wrong.
    pub fn check_activated(&mut self) -> Result<(), String> {
        let activation = match self.activated {
            Some(Ok(activation)) => activation,
            Some(Err(refusal)) => return Err(format!("refused: {refusal}")),
            None => return Err("not activated".to_owned()),
        };
        self.tally.replayed += activation.replayed;
        self.tally.checkpoints += 1;
        let content = self.content()?;
        let written: Vec<u64> = self.model.blocks().chain(content.keys().copied()).collect();
        for lbn in written {
            let value = content.get(&lbn).copied().unwrap_or(Value::Zero);
            if !self.model.may_survive(lbn, value) {
                return Err(format!(
                    "block {lbn} is {value:?} after a crash: {}",
                    self.model.describe(lbn)
                ));
            }
            self.model.settle(lbn, value);
        }
        Ok(())
    }

    /// What lies on main, where all pages are in their places.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn content(&self) -> Result<checker::Content, String> {
        let (layout, hashing) = (self.shape.layout(), self.shape.hashing);
        Checker::new(&self.disks[0], layout, UUID, hashing).run()
    }

    /// How the volume is.
    pub fn status(&self) -> Status {
        self.volume.status()
    }

    /// The checkpoints that lie on the legs, by leg and place.
    pub fn checkpoints(&self) -> [Option<Checkpoint>; 4] {
        let layout = self.shape.layout();
        [0, 1, 2, 3].map(|index: usize| {
            let leg = Leg::BOTH[index / 2];
            let address = Layout::checkpoint_address(index as u64 % 2);
            let mut block = Block([0; 4096]);
            self.disks[index / 2].read(address * 8, &mut block.0).ok()?;
            let checksum = crc32c::crc32c;
            Checkpoint::open(&block, leg, address, &layout, UUID, checksum).ok()
        })
    }

    /// Damages a block of a leg.
    pub fn rot(&mut self, leg: Leg, block: u64) {
        self.disks[leg.index()].flip(block * 8 + 1, 100);
    }

    /// Requests without an answer.
    pub fn unanswered(&self) -> usize {
        self.asked.len()
    }

    /// Whether something is under way.
    pub fn is_busy(&self) -> bool {
        !self.flights.is_empty()
    }

    /// Asks for something. Of a write, `value` is what it writes.
    pub fn ask(&mut self, kind: RequestKind, value: Option<Value>) {
        self.requests += 1;
        let id = self.requests;
        if self.reads_outside {
            self.read_outside(kind);
        }
        let began = self.model.now();
        let mut data = Vec::new();
        match kind {
            RequestKind::Read { blocks, .. } => data = vec![None; blocks as usize],
            RequestKind::Write { lbn, .. } => {
                data.push(value);
                self.model.begin(id, lbn.0, value.unwrap_or(Value::Zero));
            }
            RequestKind::Fill {
                lbn, blocks, fill, ..
            } => {
                let value = match fill {
                    Fill::Unmapped | Fill::Zero => Value::Zero,
                    Fill::Poisoned => Value::Poisoned,
                };
                for lbn in lbn.0..lbn.0 + blocks {
                    self.model.begin(id, lbn, value);
                }
            }
            RequestKind::Flush => {}
        }
        self.note(|| format!("request {id}: {kind:?} {value:?}"));
        self.asked.insert(
            id,
            Asked {
                kind,
                began,
                data,
                reads_left: 0,
            },
        );
        self.send(Event::Request(Request {
            id: RequestId(id),
            kind,
        }));
    }

    /// Asks for a write of a content.
    pub fn write(&mut self, lbn: u64, value: Value, fua: bool) {
        let content = match value {
            Value::Data(number) => Content::Data(self.shape.hashing.fingerprint(number)),
            _ => Content::Zero,
        };
        let kind = RequestKind::Write {
            lbn: Lbn(lbn),
            content,
            fua,
        };
        self.ask(kind, Some(value));
    }

    /// Runs until nothing is left to be done.
    ///
    /// # Errors
    ///
    /// What went wrong; that something is never answered is wrong.
    pub fn run(&mut self, random: &mut Rng) -> Result<(), String> {
        while self.deliver(random)? {}
        if !self.asked.is_empty() {
            return Err(format!("never answered: {:?}", self.asked));
        }
        Ok(())
    }

    fn note(&self, what: impl FnOnce() -> String) {
        if self.trace {
            println!("  {}", what());
        }
    }

    fn fault(&mut self, what: String) {
        self.wrong.get_or_insert(what);
    }

    fn disk(&mut self, leg: Leg) -> &mut Disk {
        &mut self.disks[leg.index()]
    }
}
