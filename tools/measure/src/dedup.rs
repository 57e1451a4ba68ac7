// SPDX-License-Identifier: GPL-2.0-only

//! What the volume of dedup mode costs by itself, with an index and disks that answer at once: time of its decisions, and
//! blocks of metadata that it writes.

use crate::cpu_time;
use dm_spare_engine::dedup::format::superblock::Method;
use dm_spare_engine::dedup::format::Geometry;
use dm_spare_engine::dedup::{
    Action, Content, Event, Fingerprint, Io, IoKind, Lbn, Leg, Pbn, Request, RequestId,
    RequestKind, Settings, Translations, Volume,
};
use kernel::alloc::flags::GFP_KERNEL;
use kernel::sync::Arc;
use std::collections::{HashMap, VecDeque};

/// Blocks of main: 5 GiB.
const MAIN_BLOCKS: u64 = 5 << 18;
/// Blocks of the volume: 1 GiB.
const LOGICAL_BLOCKS: u64 = 1 << 18;
/// Requests that are made before any is answered.
const AT_ONCE: u32 = 128;
/// Writes of one job.
const WRITES: u64 = 1_000_000;

/// Prints a list of {figure, unit, value} as JSON.
pub(crate) fn print() -> Result<(), String> {
    let mut figures = Vec::new();
    for (name, duplicates) in [
        ("unique", 0),
        ("50 % duplicate", 50),
        ("90 % duplicate", 90),
    ] {
        let mut bench = Bench::new()?;
        // Every block once, and random ones until blocks are taken from between those that are used.
        for lbn in 0..LOGICAL_BLOCKS {
            bench.write(lbn, 0);
        }
        for _ in 0..WRITES {
            let lbn = bench.random(LOGICAL_BLOCKS);
            bench.write(lbn, duplicates);
        }
        let (begin, written) = (cpu_time::nanoseconds(), bench.metadata_writes);
        for _ in 0..WRITES {
            let lbn = bench.random(LOGICAL_BLOCKS);
            bench.write(lbn, duplicates);
        }
        let nanoseconds = cpu_time::nanoseconds() - begin;
        let written = bench.metadata_writes - written;
        let job = format!("dedup mode, 4 KiB random writes, {name}, on the host");
        figures.push(serde_json::json!({
            "figure": format!("{job}: decisions of the volume"),
            "unit": "ns a block",
            "value": nanoseconds / WRITES,
        }));
        figures.push(serde_json::json!({
            "figure": format!("{job}: metadata"),
            "unit": "blocks in 1000",
            "value": written * 1000 / WRITES,
        }));
    }
    println!(
        "{}",
        serde_json::to_string_pretty(&figures).map_err(|error| error.to_string())?
    );
    Ok(())
}

/// A volume between disks that remember nothing but superblocks and checkpoints: all pages stay in its cache.
struct Bench {
    volume: Volume,
    first_blocks: HashMap<(u8, u64), Vec<u8>>,
    /// The content that was stored last, and where it is.
    newest: Option<(Fingerprint, Pbn)>,
    answers: VecDeque<Event>,
    pending: u32,
    metadata_writes: u64,
    state: u64,
    contents: u64,
}

impl Bench {
    fn new() -> Result<Self, String> {
        let settings = Settings {
            geometry: Geometry {
                main_blocks: MAIN_BLOCKS,
                logical_blocks: LOGICAL_BLOCKS,
                journal_blocks: Geometry::default_journal_blocks(MAIN_BLOCKS),
                index_blocks: 0,
            },
            spare_blocks: 1 << 12,
            method: Method::Fast,
            trusts_fingerprints: false,
            checks_reads: false,
            cache_pages: 1 << 15,
            operations: 512,
            journal_buffers: 256,
            write_buffers: 64,
            first_pool_page: 0,
        };
        let checksum = |data: &[u8]| crc32c::crc32c(data);
        let memory = |_| "too little memory".to_owned();
        // As large as that of the module.
        let places = settings.cache_pages as usize * 64;
        let translations = Translations::new(places, GFP_KERNEL).map_err(memory)?;
        let translations = Arc::new(translations, GFP_KERNEL).map_err(memory)?;
        let mut bench = Self {
            volume: Volume::new(settings, Some(translations), checksum, GFP_KERNEL)
                .map_err(|error| format!("no volume: {error:?}"))?,
            first_blocks: HashMap::new(),
            newest: None,
            answers: VecDeque::new(),
            pending: 0,
            metadata_writes: 0,
            state: 1,
            contents: 0,
        };
        bench.answers.push_back(Event::Activate {
            uuid_if_formatting: [1; 16],
            secret_if_formatting: [2; 16],
        });
        bench.go_on();
        Ok(bench)
    }

    /// A full-period generator (Knuth, The Art of Computer Programming 2, section 3.2.1.2).
    fn random(&mut self, below: u64) -> u64 {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.state >> 33) % below
    }

    /// Writes what was written last with this probability, in percent, and otherwise something new.
    fn write(&mut self, lbn: u64, duplicates: u64) {
        if self.random(100) >= duplicates {
            self.contents += 1;
        }
        // Spread over all bits, as those of a hash are.
        let content =
            u128::from(self.contents).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        self.answers.push_back(Event::Request(Request {
            id: RequestId(self.pending),
            kind: RequestKind::Write {
                lbn: Lbn(lbn),
                content: Content::Data(Fingerprint(content.to_le_bytes())),
                fua: false,
            },
        }));
        self.pending += 1;
        if self.pending == AT_ONCE {
            self.go_on();
            self.pending = 0;
        }
    }

    /// Tells the volume everything that it waits for.
    fn go_on(&mut self) {
        while let Some(event) = self.answers.pop_front() {
            let (answers, newest) = (&mut self.answers, &mut self.newest);
            let (first_blocks, written) = (&mut self.first_blocks, &mut self.metadata_writes);
            self.volume.handle(event, &mut |action| {
                let answer = match action {
                    Action::Io(io) => Some(perform(io, first_blocks, written)),
                    Action::Ask {
                        operation,
                        fingerprint,
                    } => Some(Event::Advice {
                        operation,
                        pbn: newest
                            .filter(|(known, _)| *known == fingerprint)
                            .map(|(_, pbn)| pbn),
                    }),
                    Action::Learn { fingerprint, pbn } => {
                        *newest = Some((fingerprint, pbn));
                        None
                    }
                    Action::Compare { operation, .. } | Action::CompareWrites { operation, .. } => {
                        Some(Event::Compared {
                            operation,
                            result: Ok(true),
                        })
                    }
                    Action::WriteData { operation, .. } => Some(Event::Written {
                        operation,
                        result: Ok(()),
                    }),
                    Action::AwaitReaders => Some(Event::ReadersGone),
                    Action::Activated(result) => {
                        assert!(result.is_ok(), "the volume is refused: {result:?}");
                        None
                    }
                    Action::Complete { result, .. } => {
                        assert!(result.is_ok(), "a write has failed: {result:?}");
                        None
                    }
                    _ => None,
                };
                answers.extend(answer);
            });
        }
    }
}

fn perform(io: Io, first_blocks: &mut HashMap<(u8, u64), Vec<u8>>, written: &mut u64) -> Event {
    let Io {
        token,
        kind,
        mut buffer,
    } = io;
    let key = |leg: Leg, block: u64| (u8::from(leg == Leg::Spare), block);
    match (kind, buffer.as_mut()) {
        (IoKind::Read { leg, block }, Some(buffer)) => match first_blocks.get(&key(leg, block)) {
            Some(content) => buffer.0.copy_from_slice(content),
            None => buffer.0.fill(0),
        },
        (IoKind::Write { leg, block, .. }, Some(buffer)) => {
            *written += 1;
            if block < 8 {
                first_blocks.insert(key(leg, block), buffer.0.to_vec());
            }
        }
        _ => {}
    }
    Event::Done {
        token,
        result: Ok(()),
        buffer,
    }
}
