// SPDX-License-Identifier: GPL-2.0-only

//! The index of a volume, driven by the kernel module's own engine: one zone, and the keeper.

use crate::failure::Failure;
use crate::storage::Storage;
use dm_spare_engine::dedup::format::Layout;
use dm_spare_engine::dedup::{index_geometry, Fingerprint, Pbn};
use dm_spare_engine::index::{
    self, Answer, Bounds, Data, Geometry, Io, IoKind, Keeper, KeeperAction, KeeperEvent,
    KeeperSettings, MemorySize, Name, OpenMode, Request, RequestId, RequestKind, Zone, ZoneAction,
    ZoneEvent, ZoneSettings, Zones,
};
use dm_spare_engine::{ErrorClass, SECTORS_PER_BLOCK};
use kernel::alloc::flags::GFP_KERNEL;
use kernel::alloc::AllocError;
use kernel::sync::Arc;
use std::collections::VecDeque;

/// Records that are handed in at once.
const BATCH: usize = 256;
/// Entries of the volume index that are swept out at once.
const SWEEP: usize = 4096;

/// The index that the area of a volume has room for; none if it has none, or one of another program.
pub fn geometry(layout: &Layout) -> Option<Geometry> {
    MemorySize::all()
        .filter_map(|size| index_geometry(size.mebibytes()))
        .find(|geometry| geometry.disk_blocks() == layout.geometry.index_blocks)
}

/// What is to be done next.
enum Work {
    Keeper(KeeperEvent),
    Zone(ZoneEvent),
    KeeperIo(Io),
    ZoneIo(Io),
    Answer(Answer),
}

/// An index at work on its area of main.
pub struct IndexHost {
    keeper: Keeper,
    zone: Zone,
    first_sector: u64,
    work: VecDeque<Work>,
    batch: Vec<Request>,
    is_open: bool,
    saved: bool,
    answer: Option<Answer>,
}

impl IndexHost {
    /// Opens the index of this geometry, or makes one.
    ///
    /// # Errors
    ///
    /// There is too little memory, or no such index, or main cannot be read or written.
    pub fn open(
        geometry: Geometry,
        layout: &Layout,
        mode: OpenMode,
        main: &mut dyn Storage,
    ) -> Result<Self, Failure> {
        let (keeper, zone) = engines(geometry).map_err(|AllocError| {
            Failure::new("there is too little memory for the index: free some")
        })?;
        let mut host = Self {
            keeper,
            zone,
            first_sector: layout.index_start.saturating_mul(SECTORS_PER_BLOCK),
            work: VecDeque::new(),
            batch: Vec::with_capacity(BATCH),
            is_open: false,
            saved: false,
            answer: None,
        };
        host.work.push_back(Work::Keeper(KeeperEvent::Open(mode)));
        host.run(main);
        if host.is_open {
            Ok(host)
        } else {
            Err(Failure::new(
                "the index cannot be opened: look for I/O errors of main in the kernel log",
            ))
        }
    }

    /// Tells the index where content is.
    pub fn learn(&mut self, fingerprint: Fingerprint, pbn: Pbn, main: &mut dyn Storage) {
        if let Some(data) = Data::new(index::Pbn(pbn.0), 0) {
            self.ask(RequestKind::Update(data), fingerprint, main);
        }
    }

    /// Asks the index where content is.
    pub fn look_up(&mut self, fingerprint: Fingerprint, main: &mut dyn Storage) -> Option<Pbn> {
        self.hand_in(main);
        self.answer = None;
        self.ask(RequestKind::Peek, fingerprint, main);
        self.hand_in(main);
        match self.answer {
            Some(Answer::Found { data, .. }) => Some(Pbn(data.pbn().0)),
            _ => None,
        }
    }

    /// Saves the index; false if its area cannot be written.
    pub fn save(mut self, main: &mut dyn Storage) -> bool {
        self.hand_in(main);
        self.work
            .push_back(Work::Keeper(KeeperEvent::Suspend { save: true }));
        self.run(main);
        self.saved
    }

    fn ask(&mut self, kind: RequestKind, fingerprint: Fingerprint, main: &mut dyn Storage) {
        self.batch.push(Request {
            // Only the last answer matters.
            id: RequestId(0),
            kind,
            name: Name::from_bytes(fingerprint.0),
        });
        if self.batch.len() >= BATCH {
            self.hand_in(main);
        }
    }

    fn hand_in(&mut self, main: &mut dyn Storage) {
        let batch = std::mem::take(&mut self.batch);
        let mut rest = &batch[..];
        while !rest.is_empty() {
            let work = &mut self.work;
            let taken = self
                .zone
                .submit(rest, &mut |action| work.push_back(of_zone(action)));
            self.run(main);
            rest = rest.get(taken..).unwrap_or(&[]);
            if taken == 0 {
                // Nothing is under way, and still there is no room: the index has failed, which saving it says.
                return;
            }
        }
    }

    /// Goes on until nothing is left to be done.
    fn run(&mut self, main: &mut dyn Storage) {
        loop {
            while let Some(work) = self.work.pop_front() {
                self.perform(work, main);
            }
            let work = &mut self.work;
            let more = self
                .zone
                .background(SWEEP, &mut |action| work.push_back(of_zone(action)));
            if !more && self.work.is_empty() {
                return;
            }
        }
    }

    fn perform(&mut self, work: Work, main: &mut dyn Storage) {
        let queue = &mut self.work;
        match work {
            Work::Keeper(event) => self.keeper.handle(event, &mut |action| match action {
                KeeperAction::Io(io) => queue.push_back(Work::KeeperIo(io)),
                KeeperAction::Tell { message, .. } => {
                    queue.push_back(Work::Zone(ZoneEvent::Message(message)));
                }
                KeeperAction::Suspended { saved } => self.saved = saved,
                KeeperAction::Opened(result) => self.is_open = result.is_ok(),
                // Nothing is saved then.
                KeeperAction::Failed => {}
            }),
            Work::Zone(event) => self
                .zone
                .handle(event, &mut |action| queue.push_back(of_zone(action))),
            Work::KeeperIo(mut io) => {
                let result = self.transfer(&mut io, main);
                let (token, memory) = (io.token, io.memory);
                self.work.push_back(Work::Keeper(KeeperEvent::Done {
                    token,
                    result,
                    memory,
                }));
            }
            Work::ZoneIo(mut io) => {
                let result = self.transfer(&mut io, main);
                let (token, memory) = (io.token, io.memory);
                self.work.push_back(Work::Zone(ZoneEvent::Done {
                    token,
                    result,
                    memory,
                }));
            }
            Work::Answer(answer) => self.answer = Some(answer),
        }
    }

    fn transfer(&self, io: &mut Io, main: &mut dyn Storage) -> Result<(), ErrorClass> {
        let (block, blocks) = match io.kind {
            IoKind::Flush => return main.flush(),
            IoKind::Read { block, blocks } | IoKind::Write { block, blocks, .. } => (block, blocks),
        };
        let Some(memory) = &mut io.memory else {
            return Err(ErrorClass::Other(0));
        };
        let sectors = (block..).map(|block| {
            self.first_sector
                .saturating_add(block.saturating_mul(SECTORS_PER_BLOCK))
        });
        // CAST: 32 bits fit.
        let content = memory.blocks_mut().iter_mut().take(blocks as usize);
        for (sector, block) in sectors.zip(content) {
            match io.kind {
                IoKind::Read { .. } => main.read(sector, &mut block.0)?,
                _ => main.write(sector, &block.0)?,
            }
        }
        match io.kind {
            IoKind::Write { fua: true, .. } => main.flush(),
            _ => Ok(()),
        }
    }
}

fn engines(geometry: Geometry) -> Result<(Keeper, Zone), AllocError> {
    let zones = Zones::new(1, geometry.index.segments()).ok_or(AllocError)?;
    let bounds = Bounds::new(geometry.slots, geometry.page_blocks, GFP_KERNEL)?;
    let bounds = Arc::new(bounds, GFP_KERNEL)?;
    let keeper = Keeper::new(
        KeeperSettings {
            geometry,
            zones,
            bounds: bounds.clone(),
            checksum: crc32c::crc32c,
        },
        GFP_KERNEL,
    )?;
    let zone = Zone::new(ZoneSettings {
        geometry,
        zones,
        number: 0,
        bounds,
        // CAST: 256.
        waiting: BATCH as u32,
        checksum: crc32c::crc32c,
        flags: GFP_KERNEL,
    })?;
    Ok((keeper, zone))
}

fn of_zone(action: ZoneAction) -> Work {
    match action {
        ZoneAction::Io(io) => Work::ZoneIo(io),
        ZoneAction::Tell(message) => Work::Keeper(KeeperEvent::Message { zone: 0, message }),
        ZoneAction::Answer { answer, .. } => Work::Answer(answer),
    }
}
