// SPDX-License-Identifier: GPL-2.0-only

//! A driver of several zones: a thread for each, and one for the keeper.

use super::alone::Answers;
use super::checksum::crc32c;
use super::file::{CalledFile, Storage};
use super::names;
use dm_spare_engine::index::{
    Bounds, Geometry, Keeper, KeeperAction, KeeperEvent, KeeperSettings, OpenMode, Request,
    RequestId, RequestKind, ToKeeper, ToZone, Zone, ZoneAction, ZoneEvent, ZoneSettings, Zones,
};
use kernel::alloc::flags::GFP_KERNEL;
use kernel::sync::Arc;
use std::sync::mpsc::{channel, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

const BATCH: usize = 64;
const STEPS: usize = 256;

/// What filling an index in several threads took.
#[derive(Clone, Copy, Debug)]
pub struct Filled {
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// Requests.
    pub requests: u64,
}

/// Fills an index with names of numbers from 0 on; each zone posts those that are its own.
pub fn fill(geometry: Geometry, file: &CalledFile, count: u32, requests: u64) -> Filled {
    let zones = Zones::new(count, geometry.index.segments()).expect("few enough zones");
    let bounds = Bounds::new(geometry.slots, geometry.page_blocks, GFP_KERNEL);
    let bounds = Arc::new(bounds.expect("memory"), GFP_KERNEL).expect("memory");
    let keeper = KeeperSettings {
        geometry,
        zones,
        bounds: bounds.clone(),
        checksum: crc32c,
    };
    let keeper = Keeper::new(keeper, GFP_KERNEL).expect("memory");
    let (to_keeper, from_zones) = channel();
    thread::scope(|scope| {
        let mut to_zones = Vec::new();
        let mut workers = Vec::new();
        for number in 0..count {
            let settings = ZoneSettings {
                geometry,
                zones,
                number,
                bounds: bounds.clone(),
                waiting: 2048,
                checksum: crc32c,
                flags: GFP_KERNEL,
            };
            let zone = Zone::new(settings).expect("memory");
            let (to_zone, from_keeper) = channel();
            to_zones.push(to_zone);
            let worker = Worker {
                zone,
                zones,
                number,
                file,
                to_keeper: to_keeper.clone(),
                from_keeper,
                is_serving: false,
                actions: Vec::new(),
                answers: Answers::default(),
            };
            workers.push(scope.spawn(move || worker.run(requests)));
        }
        drop(to_keeper);
        scope.spawn(move || keep(keeper, file, &from_zones, &to_zones));
        let times: Vec<(Instant, Instant)> = workers
            .into_iter()
            .map(|worker| worker.join().expect("a zone's thread"))
            .collect();
        let begin = times.iter().map(|time| time.0).min().expect("a zone");
        let end = times.iter().map(|time| time.1).max().expect("a zone");
        Filled {
            elapsed: end - begin,
            requests,
        }
    })
}

fn keep(
    mut keeper: Keeper,
    file: &CalledFile,
    from_zones: &Receiver<(u32, ToKeeper)>,
    to_zones: &[Sender<ToZone>],
) {
    let mut events = vec![KeeperEvent::Open(OpenMode::Create { uuid: [2; 16] })];
    loop {
        while let Some(event) = events.pop() {
            let mut actions = Vec::new();
            keeper.handle(event, &mut |action| actions.push(action));
            for action in actions {
                match action {
                    KeeperAction::Io(mut io) => {
                        let result = file.run(io.kind, &mut io.memory);
                        events.push(KeeperEvent::Done {
                            token: io.token,
                            result,
                            memory: io.memory,
                        });
                    }
                    KeeperAction::Tell { zone, message } => {
                        // A zone that has ended needs to hear nothing.
                        let _ = to_zones[zone as usize].send(message);
                    }
                    _ => {}
                }
            }
        }
        let Ok((zone, message)) = from_zones.recv() else {
            return;
        };
        events.push(KeeperEvent::Message { zone, message });
    }
}

struct Worker<'a> {
    zone: Zone,
    zones: Zones,
    number: u32,
    file: &'a CalledFile,
    to_keeper: Sender<(u32, ToKeeper)>,
    from_keeper: Receiver<ToZone>,
    is_serving: bool,
    actions: Vec<ZoneAction>,
    answers: Answers,
}

impl Worker<'_> {
    fn run(mut self, requests: u64) -> (Instant, Instant) {
        while !self.is_serving {
            let message = self.from_keeper.recv().expect("the keeper's thread");
            self.take(message);
        }
        let begin = Instant::now();
        let mut batch = Vec::with_capacity(BATCH);
        let mut asked = 0;
        for number in 0..requests {
            let name = names::name(number);
            if self.zones.zone(name) != self.number {
                continue;
            }
            batch.push(Request {
                id: RequestId(number as u32),
                kind: RequestKind::Post(names::data(number)),
                name,
            });
            asked += 1;
            if batch.len() == BATCH {
                self.submit(&batch);
                batch.clear();
            }
        }
        self.submit(&batch);
        while self.answers.found + self.answers.absent < asked {
            let message = self.from_keeper.recv().expect("the keeper's thread");
            self.take(message);
        }
        let end = Instant::now();
        // The keeper may still need this zone for a chapter that another one closes.
        while let Ok(message) = self.from_keeper.recv_timeout(Duration::from_millis(200)) {
            self.take(message);
        }
        (begin, end)
    }

    fn submit(&mut self, mut requests: &[Request]) {
        loop {
            while let Ok(message) = self.from_keeper.try_recv() {
                self.take(message);
            }
            if requests.is_empty() {
                return;
            }
            let actions = &mut self.actions;
            let taken = self
                .zone
                .submit(requests, &mut |action| actions.push(action));
            requests = requests.get(taken..).unwrap_or(&[]);
            self.settle();
            let actions = &mut self.actions;
            self.zone
                .background(STEPS, &mut |action| actions.push(action));
            self.settle();
            if taken == 0 {
                let message = self.from_keeper.recv().expect("the keeper's thread");
                self.take(message);
            }
        }
    }

    fn take(&mut self, message: ToZone) {
        self.is_serving |= matches!(message, ToZone::Serve);
        let actions = &mut self.actions;
        self.zone
            .handle(ZoneEvent::Message(message), &mut |action| {
                actions.push(action)
            });
        self.settle();
    }

    fn settle(&mut self) {
        let mut actions = std::mem::take(&mut self.actions);
        while !actions.is_empty() {
            for action in actions.drain(..) {
                match action {
                    ZoneAction::Answer { answer, .. } => self.answers.add(answer),
                    ZoneAction::Tell(message) => {
                        self.to_keeper
                            .send((self.number, message))
                            .expect("the keeper's thread");
                    }
                    ZoneAction::Io(mut io) => {
                        let result = self.file.run(io.kind, &mut io.memory);
                        let more = &mut self.actions;
                        let event = ZoneEvent::Done {
                            token: io.token,
                            result,
                            memory: io.memory,
                        };
                        self.zone.handle(event, &mut |action| more.push(action));
                    }
                }
            }
            std::mem::swap(&mut actions, &mut self.actions);
        }
        self.actions = actions;
    }
}
