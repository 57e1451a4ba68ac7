// SPDX-License-Identifier: GPL-2.0-only

//! Dedup mode: a volume that stores each distinct block once.
//!
//! | file | what happens there | context |
//! |---|---|---|
//! | `options`, `construct` | a table line becomes a target | process |
//! | `map` | a read goes to main, or a bio waits for the worker; a read that main served ends | the submitter's; any |
//! | `arrivals` | bios wait for the worker, with copies of what they write | the submitter's |
//! | `inbox` | what else waits for the worker | any |
//! | `worker` | events reach the volume | the target's own queue |
//! | `admit` | bios become requests | worker |
//! | `perform` | actions of the volume: metadata, reads, ends of requests | worker |
//! | `data` | comparisons, and writes of neighbours | worker |
//! | `check` | reads whose data is compared with its fingerprint | worker |
//! | `advice` | the index is asked and told | worker; process |
//! | `shell`, `requests`, `run`, `recent` | what the worker has: tables and memory | worker |
//! | `own_io` | ends of the target's own bios, and of parts of reads | any |
//! | `lifecycle` | activation, suspension, removal | process |
//! | `status`, `message`, `counters` | what users see | process |

mod admit;
mod advice;
mod arrivals;
mod check;
mod construct;
mod counters;
mod data;
mod inbox;
mod lifecycle;
mod map;
mod message;
mod options;
mod own_io;
mod perform;
mod recent;
mod requests;
mod run;
mod shell;
mod status;
mod worker;

use kernel::{
    prelude::*,
    sync::{
        atomic::Atomic,
        Arc,
        Mutex,
        SpinLock, //
    },
};

use crate::{
    dm::{
        Device,
        DeviceVisitor,
        Events,
        Limits,
        PartSet, //
    },
    engine::{
        dedup::{
            Settings,
            Translations, //
        },
        BLOCK_BYTES,
        SECTORS_PER_BLOCK, //
    },
    kern::{
        BioSet,
        IoEpoch,
        IrqLock,
        Timer,
        Worker, //
    },
};

use super::{
    name::Name,
    ownership::Ownership, //
};

use self::{
    advice::Adviser,
    arrivals::Arrivals,
    counters::Counters,
    inbox::Inbox,
    lifecycle::Answers,
    message::Commits,
    options::Options,
    own_io::{
        OwnBio,
        ReadPart, //
    },
    shell::Core,
    status::Snapshot, //
};

pub(super) use self::map::PerBio;

/// Longest discard or zeroing, in sectors (1 GiB): the worker makes requests of 32 MiB of it.
const LONGEST_FILL: u32 = 1 << 21;

/// One device in dedup mode.
///
/// Shared by every CPU that submits, by completions in any context, and by the worker. Fields are dropped in
/// the order written: everything that can run or be in flight goes before the devices it uses.
#[pin_data]
pub(crate) struct Dedup {
    name: Name,
    options: Options,
    settings: Settings,
    /// Of the index, in MiB; 0 if there is none.
    index_memory: u32,
    worker: Worker<Self>,
    commit_timer: Timer<Self>,
    bios: BioSet<OwnBio>,
    parts: PartSet<ReadPart>,
    /// Where blocks are that reads find without the worker; none if the worker has to see all of them.
    translations: Option<Arc<Translations>>,
    /// Those reads are in it.
    epoch: IoEpoch,
    #[pin]
    arrivals: SpinLock<Arrivals>,
    #[pin]
    inbox: IrqLock<Inbox>,
    #[pin]
    core: Mutex<Core>,
    #[pin]
    answers: Answers,
    #[pin]
    commits: Commits,
    #[pin]
    snapshot: Mutex<Snapshot>,
    /// 1 while bios that the volume has not seen go back to device-mapper.
    returning: Atomic<i32>,
    /// 1 once the destructor has begun: the worker does nothing any more.
    ending: Atomic<i32>,
    counters: Counters,
    main_ownership: Ownership,
    spare_ownership: Ownership,
    events: Events,
    /// None if there is no index.
    adviser: Option<Adviser>,
    main: Arc<Device>,
    spare: Device,
}

impl Dedup {
    fn ownerships(&self) -> [(&Ownership, &Device); 2] {
        [
            (&self.main_ownership, &self.main),
            (&self.spare_ownership, &self.spare),
        ]
    }

    pub(super) fn show_devices(&self, visitor: &mut DeviceVisitor<'_>) {
        for (_, device) in self.ownerships() {
            // Whole blocks, since that is the unit of I/O.
            let rest = device.sectors() % SECTORS_PER_BLOCK;
            visitor.visit(device, 0, device.sectors().saturating_sub(rest));
        }
    }

    pub(super) fn limit(&self, limits: &mut Limits<'_>) {
        // CAST: 4096.
        let block = BLOCK_BYTES as u32;
        limits.set_logical_block_size(block);
        limits.set_physical_block_size(block);
        limits.set_io_min(block);
        limits.set_discard(block, LONGEST_FILL);
        limits.set_max_write_zeroes_sectors(LONGEST_FILL);
    }
}
