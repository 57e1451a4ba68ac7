// SPDX-License-Identifier: GPL-2.0-only

//! The engine of dedup mode on images, with users: as the module drives it, with an index that forgets nothing.

use crate::dedup_images::{DedupImages, SECRET, SPARE_BLOCKS, UUID};
use dm_spare_engine::dedup::{
    fingerprint, is_zero, Action, Activation, Content, Event, Failure, Fill, Io, IoKind, Lbn, Leg,
    Pbn, Refusal, Request, RequestId, RequestKind, Volume,
};
use dm_spare_engine::Block;
use kernel::alloc::flags::GFP_KERNEL;
use sparectl::dedup::host::settings;
use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// An engine at work. Dropping it is a crash that loses nothing of what was written.
pub(crate) struct Driver {
    volume: Volume,
    legs: [File; 2],
    /// What each write under way writes.
    written: HashMap<u32, Block>,
    index: HashMap<[u8; 16], Pbn>,
    requests: u32,
    secret: [u8; 16],
    activated: Option<Result<Activation, Refusal>>,
    suspended: Option<bool>,
    completed: Option<Result<(), Failure>>,
    read: Vec<u8>,
}

/// A block that is the same for each number, and of zeros for 0.
pub(crate) fn content(number: u64) -> Block {
    let mut block = Block([0; 4096]);
    let mut state = number;
    for word in block.0.chunks_mut(8) {
        word.copy_from_slice(&state.to_le_bytes());
        state = state.wrapping_mul(6_364_136_223_846_793_005);
    }
    block
}

impl Driver {
    /// The volume of these images, in service; formatted, if they are blank.
    pub(crate) fn new(images: &DedupImages) -> Self {
        Self::try_new(images).expect("in service")
    }

    /// As [`new`](Self::new), unless the engine refuses.
    pub(crate) fn try_new(images: &DedupImages) -> Result<Self, Refusal> {
        let settings = settings(images.geometry, SPARE_BLOCKS);
        let mut driver = Self {
            volume: Volume::new(settings, None, crc32c::crc32c, GFP_KERNEL).expect("settings"),
            legs: Leg::BOTH.map(|leg| images.file(leg)),
            written: HashMap::new(),
            index: HashMap::new(),
            requests: 0,
            secret: SECRET,
            activated: None,
            suspended: None,
            completed: None,
            read: Vec::new(),
        };
        driver.send(Event::Activate {
            uuid_if_formatting: UUID,
            secret_if_formatting: SECRET,
        });
        driver.secret = driver.activated.expect("answered")?.secret;
        Ok(driver)
    }

    /// Writes a block.
    pub(crate) fn write(&mut self, lbn: u64, block: Block) {
        let content = if is_zero(&block) {
            Content::Zero
        } else {
            Content::Data(fingerprint(self.secret, &block))
        };
        self.written.insert(self.requests, block);
        let lbn = Lbn(lbn);
        self.ask(RequestKind::Write {
            lbn,
            content,
            fua: false,
        });
    }

    /// Makes blocks unmapped, zero or poisoned.
    pub(crate) fn fill(&mut self, lbn: u64, blocks: u64, fill: Fill) {
        let lbn = Lbn(lbn);
        self.ask(RequestKind::Fill {
            lbn,
            blocks,
            fill,
            fua: false,
        });
    }

    pub(crate) fn flush(&mut self) {
        self.ask(RequestKind::Flush);
    }

    /// Reads a block; none if that fails.
    pub(crate) fn read(&mut self, lbn: u64) -> Option<Block> {
        self.read = vec![0; 4096];
        let (lbn, id) = (Lbn(lbn), RequestId(self.requests));
        self.requests += 1;
        self.completed = None;
        let kind = RequestKind::Read { lbn, blocks: 1 };
        self.send(Event::Request(Request { id, kind }));
        self.completed.expect("answered").ok()?;
        Some(Block(self.read.clone().try_into().expect("a block")))
    }

    /// Blocks that are referred to.
    pub(crate) fn used(&self) -> u64 {
        self.volume.status().used_blocks
    }

    /// Brings the volume to rest.
    pub(crate) fn suspend(mut self) {
        self.send(Event::Suspend);
        assert_eq!(self.suspended, Some(true));
    }

    fn ask(&mut self, kind: RequestKind) {
        let id = RequestId(self.requests);
        self.requests += 1;
        self.completed = None;
        self.send(Event::Request(Request { id, kind }));
        assert_eq!(self.completed, Some(Ok(())), "{kind:?}");
    }

    fn send(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let mut actions = Vec::new();
            self.volume
                .handle(event, &mut |action| actions.push(action));
            events.extend(
                actions
                    .into_iter()
                    .filter_map(|action| self.perform(action)),
            );
        }
    }

    fn perform(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Io(io) => return Some(self.perform_io(io)),
            Action::Ask {
                operation,
                fingerprint,
            } => {
                let pbn = self.index.get(&fingerprint.0).copied();
                return Some(Event::Advice { operation, pbn });
            }
            Action::Learn { fingerprint, pbn } => {
                self.index.insert(fingerprint.0, pbn);
            }
            Action::Compare {
                operation,
                request,
                pbn,
            } => {
                let mut block = Block([0; 4096]);
                self.legs[0]
                    .read_exact_at(&mut block.0, pbn.0 * 4096)
                    .expect("a read");
                let result = Ok(self.written[&request.0].0 == block.0);
                return Some(Event::Compared { operation, result });
            }
            Action::WriteData {
                operation,
                request,
                pbn,
            } => {
                self.legs[0]
                    .write_all_at(&self.written[&request.0].0, pbn.0 * 4096)
                    .expect("a write");
                let result = Ok(());
                return Some(Event::Written { operation, result });
            }
            Action::ReadData { operation, pbn, .. } => {
                self.legs[0]
                    .read_exact_at(&mut self.read, pbn.0 * 4096)
                    .expect("a read");
                let result = Ok(());
                return Some(Event::DataRead { operation, result });
            }
            Action::Complete { result, .. } => self.completed = Some(result),
            Action::Activated(result) => self.activated = Some(result),
            Action::Suspended { clean } => self.suspended = Some(clean),
            Action::ReadZeros { .. } | Action::CompareWrites { .. } | Action::BecameReadOnly => {}
            // By the settings, neither is ever asked for.
            Action::AwaitReaders | Action::ReadChecked { .. } => {}
        }
        None
    }

    fn perform_io(&mut self, mut io: Io) -> Event {
        let buffer = io.buffer.as_mut();
        match (io.kind, buffer) {
            (IoKind::Read { leg, block }, Some(buffer)) => self.legs[leg.index()]
                .read_exact_at(&mut buffer.0, block * 4096)
                .expect("a read"),
            (IoKind::Write { leg, block, .. }, Some(buffer)) => self.legs[leg.index()]
                .write_all_at(&buffer.0, block * 4096)
                .expect("a write"),
            _ => {}
        }
        Event::Done {
            token: io.token,
            result: Ok(()),
            buffer: io.buffer,
        }
    }
}

/// A volume with some of everything: data of blocks 1 to 300 in blocks 0 to 299, copies of the first twenty, two of them
/// twice, zeros, what is lost, what was discarded; at rest.
pub(crate) fn used() -> DedupImages {
    let images = DedupImages::blank(crate::dedup_images::GEOMETRY);
    let mut driver = Driver::new(&images);
    fill_in(&mut driver);
    driver.suspend();
    images
}

/// What [`used`] holds.
pub(crate) fn fill_in(driver: &mut Driver) {
    for lbn in 0..300 {
        driver.write(lbn, content(lbn + 1));
    }
    for lbn in 0..20 {
        driver.write(1000 + lbn, content(lbn + 1));
    }
    driver.write(2500, content(1));
    driver.write(2501, content(2));
    // Zeros over what was never written change nothing.
    driver.write(2600, content(300));
    driver.write(2600, content(0));
    driver.fill(2700, 10, Fill::Poisoned);
    driver.fill(290, 5, Fill::Unmapped);
    driver.flush();
}
