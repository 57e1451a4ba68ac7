// SPDX-License-Identifier: GPL-2.0-only

//! A driver of one zone and the keeper, all in one thread.

use super::checksum::crc32c;
use super::file::Storage;
use dm_spare_engine::index::{
    Answer, Bounds, Geometry, Keeper, KeeperAction, KeeperEvent, KeeperSettings, OpenMode, Opened,
    Request, Statistics, Zone, ZoneAction, ZoneEvent, ZoneSettings, Zones,
};
use kernel::alloc::flags::GFP_KERNEL;
use kernel::sync::Arc;

/// Requests that may wait at once.
const WAITING: u32 = 2048;
/// Entries of a closed chapter that enter the volume index with each batch of requests.
const STEPS: usize = 256;

/// What was answered.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Answers {
    /// Names that were known.
    pub found: u64,
    /// Names that were not.
    pub absent: u64,
    /// Requests that were not served.
    pub unavailable: u64,
}

/// An index that one thread drives.
pub struct Alone<'a> {
    storage: &'a dyn Storage,
    zone: Zone,
    keeper: Keeper,
    zone_actions: Vec<ZoneAction>,
    keeper_actions: Vec<KeeperAction>,
    /// What was answered so far.
    pub answers: Answers,
    opened: Option<Opened>,
}

impl<'a> Alone<'a> {
    /// An index that was not opened yet.
    pub fn new(geometry: Geometry, storage: &'a dyn Storage) -> Self {
        let zones = Zones::new(1, geometry.index.segments()).expect("one zone");
        let bounds = Bounds::new(geometry.slots, geometry.page_blocks, GFP_KERNEL);
        let bounds = Arc::new(bounds.expect("memory"), GFP_KERNEL).expect("memory");
        let zone = ZoneSettings {
            geometry,
            zones,
            number: 0,
            bounds: bounds.clone(),
            waiting: WAITING,
            checksum: crc32c,
            flags: GFP_KERNEL,
        };
        let keeper = KeeperSettings {
            geometry,
            zones,
            bounds,
            checksum: crc32c,
        };
        Self {
            storage,
            zone: Zone::new(zone).expect("memory"),
            keeper: Keeper::new(keeper, GFP_KERNEL).expect("memory"),
            zone_actions: Vec::with_capacity(1024),
            keeper_actions: Vec::with_capacity(1024),
            answers: Answers::default(),
            opened: None,
        }
    }

    /// Brings it into service.
    pub fn open(&mut self, mode: OpenMode) -> Option<Opened> {
        self.keeper_event(KeeperEvent::Open(mode));
        self.settle();
        self.opened
    }

    /// Hands requests in, and does all that follows.
    pub fn submit(&mut self, mut requests: &[Request]) {
        while !requests.is_empty() {
            let actions = &mut self.zone_actions;
            let taken = self
                .zone
                .submit(requests, &mut |action| actions.push(action));
            requests = requests.get(taken..).unwrap_or(&[]);
            self.settle();
            let actions = &mut self.zone_actions;
            self.zone
                .background(STEPS, &mut |action| actions.push(action));
            self.settle();
        }
    }

    /// Does background work until there is no more; whether there was.
    pub fn finish(&mut self) {
        loop {
            let actions = &mut self.zone_actions;
            let more = self
                .zone
                .background(1 << 20, &mut |action| actions.push(action));
            let is_idle = !more && self.zone_actions.is_empty();
            self.settle();
            if is_idle {
                break;
            }
        }
    }

    /// What the zone has counted.
    pub fn statistics(&self) -> Statistics {
        self.zone.statistics()
    }

    /// Bytes of memory, everything counted.
    pub fn memory_bytes(&self) -> u64 {
        self.zone.memory_bytes() + self.keeper.memory_bytes()
    }

    fn keeper_event(&mut self, event: KeeperEvent) {
        let actions = &mut self.keeper_actions;
        self.keeper
            .handle(event, &mut |action| actions.push(action));
    }

    fn zone_event(&mut self, event: ZoneEvent) {
        let actions = &mut self.zone_actions;
        self.zone.handle(event, &mut |action| actions.push(action));
    }

    /// Carries actions out until there are none. They may come in any order, but for messages: so the first come first.
    fn settle(&mut self) {
        let mut zone_actions = std::mem::take(&mut self.zone_actions);
        let mut keeper_actions = std::mem::take(&mut self.keeper_actions);
        while !zone_actions.is_empty() || !keeper_actions.is_empty() {
            for action in zone_actions.drain(..) {
                self.zone_action(action);
            }
            for action in keeper_actions.drain(..) {
                self.keeper_action(action);
            }
            std::mem::swap(&mut zone_actions, &mut self.zone_actions);
            std::mem::swap(&mut keeper_actions, &mut self.keeper_actions);
        }
        self.zone_actions = zone_actions;
        self.keeper_actions = keeper_actions;
    }

    fn zone_action(&mut self, action: ZoneAction) {
        match action {
            ZoneAction::Answer { answer, .. } => self.answers.add(answer),
            ZoneAction::Io(mut io) => {
                let result = self.storage.run(io.kind, &mut io.memory);
                self.zone_event(ZoneEvent::Done {
                    token: io.token,
                    result,
                    memory: io.memory,
                });
            }
            ZoneAction::Tell(message) => {
                self.keeper_event(KeeperEvent::Message { zone: 0, message });
            }
        }
    }

    fn keeper_action(&mut self, action: KeeperAction) {
        match action {
            KeeperAction::Io(mut io) => {
                let result = self.storage.run(io.kind, &mut io.memory);
                self.keeper_event(KeeperEvent::Done {
                    token: io.token,
                    result,
                    memory: io.memory,
                });
            }
            KeeperAction::Tell { message, .. } => self.zone_event(ZoneEvent::Message(message)),
            KeeperAction::Opened(opened) => self.opened = opened.ok(),
            KeeperAction::Suspended { .. } | KeeperAction::Failed => {}
        }
    }
}

impl Answers {
    /// Counts an answer.
    pub fn add(&mut self, answer: Answer) {
        match answer {
            Answer::Found { .. } => self.found += 1,
            Answer::Absent => self.absent += 1,
            Answer::Unavailable(_) => self.unavailable += 1,
        }
    }
}
