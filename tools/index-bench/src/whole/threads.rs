// SPDX-License-Identifier: GPL-2.0-only

//! A driver of several zones: a thread for each, and one for the keeper.

use super::alone::Answers;
use super::checksum::crc32c;
use super::file::{CalledFile, Storage};
use super::names;
use crate::clock::processor_time;
use dm_spare_engine::index::{
    Bounds, Geometry, Keeper, KeeperAction, KeeperEvent, KeeperSettings, KeyRange, Name, OpenMode,
    Request, RequestId, RequestKind, ToKeeper, ToZone, Zone, ZoneAction, ZoneEvent, ZoneSettings,
    Zones,
};
use kernel::alloc::flags::GFP_KERNEL;
use kernel::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

const BATCH: usize = 64;
const STEPS: usize = 256;
/// How long a zone that has ended waits for a message before it looks whether the others have.
const PAUSE: Duration = Duration::from_millis(5);

/// What filling an index in several threads took.
#[derive(Clone, Copy, Debug)]
pub struct Filled {
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// Nanoseconds of processor time that the zones took together.
    pub zones: u64,
    /// The same of the keeper, which works beside them.
    pub keeper: u64,
}

/// Fills an index with as many records, in zones that get the same number each.
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
    let busy = &AtomicU32::new(count);
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
                keys: zones.keys(number),
                number,
                file,
                busy,
                to_keeper: to_keeper.clone(),
                from_keeper,
                is_serving: false,
                actions: Vec::new(),
                answers: Answers::default(),
            };
            workers.push(scope.spawn(move || worker.run(requests / u64::from(count))));
        }
        drop(to_keeper);
        let keeper = scope.spawn(move || keep(keeper, file, &from_zones, &to_zones));
        let times: Vec<Times> = workers
            .into_iter()
            .map(|worker| worker.join().expect("a zone's thread"))
            .collect();
        let begin = times.iter().map(|times| times.begin).min().expect("a zone");
        let end = times.iter().map(|times| times.end).max().expect("a zone");
        Filled {
            elapsed: end - begin,
            zones: times.iter().map(|times| times.processor).sum(),
            keeper: keeper.join().expect("the keeper's thread"),
        }
    })
}

/// When a zone began and ended, and its processor time in between.
struct Times {
    begin: Instant,
    end: Instant,
    processor: u64,
}

/// Drives the keeper until the zones have ended; the processor time that it took.
fn keep(
    mut keeper: Keeper,
    file: &CalledFile,
    from_zones: &Receiver<(u32, ToKeeper)>,
    to_zones: &[Sender<ToZone>],
) -> u64 {
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
            return processor_time();
        };
        events.push(KeeperEvent::Message { zone, message });
    }
}

/// The name with its key moved into a range, where it is as random as before.
fn within(name: Name, keys: KeyRange) -> Name {
    let width = u128::from(keys.last - keys.first) + 1;
    // CAST: the upper half of the product, below the width.
    let offset = ((u128::from(name.key) * width) >> 64) as u64;
    Name {
        key: keys.first + offset,
        ..name
    }
}

struct Worker<'a> {
    zone: Zone,
    keys: KeyRange,
    number: u32,
    file: &'a CalledFile,
    /// Zones that have not ended.
    busy: &'a AtomicU32,
    to_keeper: Sender<(u32, ToKeeper)>,
    from_keeper: Receiver<ToZone>,
    is_serving: bool,
    actions: Vec<ZoneAction>,
    answers: Answers,
}

impl Worker<'_> {
    fn run(mut self, requests: u64) -> Times {
        while !self.is_serving {
            let message = self.from_keeper.recv().expect("the keeper's thread");
            self.take(message);
        }
        let (begin, before) = (Instant::now(), processor_time());
        let mut batch = Vec::with_capacity(BATCH);
        let first = u64::from(self.number) * requests;
        for number in first..first + requests {
            let name = within(names::name(number), self.keys);
            batch.push(Request {
                id: RequestId(number as u32),
                kind: RequestKind::Post(names::data(number)),
                name,
            });
            if batch.len() == BATCH {
                self.submit(&batch);
                batch.clear();
            }
        }
        self.submit(&batch);
        while self.answers.found + self.answers.absent < requests {
            let message = self.from_keeper.recv().expect("the keeper's thread");
            self.take(message);
        }
        let (end, after) = (Instant::now(), processor_time());
        // The keeper still needs this zone for the chapters that others close.
        self.busy.fetch_sub(1, Ordering::Relaxed);
        while self.busy.load(Ordering::Relaxed) != 0 {
            if let Ok(message) = self.from_keeper.recv_timeout(PAUSE) {
                self.take(message);
            }
        }
        Times {
            begin,
            end,
            processor: after - before,
        }
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
