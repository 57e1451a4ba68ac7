// SPDX-License-Identifier: GPL-2.0-only

//! Remap mode: an existing disk as it stands, whose failing blocks move to the spare.
//!
//! | file | what happens there | context |
//! |---|---|---|
//! | `construct` | a table line becomes a target | process |
//! | `map` | a bio finds its leg, or is held | the submitter's, all CPUs at once |
//! | `end_io` | a finished bio is passed up, or held for a repair | any, hard interrupts included |
//! | `inbox` | what waits for the worker | any |
//! | `worker` | the inbox becomes events, actions are performed | the target's own queue |
//! | `requests` | held bios that the engine knows by number | worker |
//! | `resubmit` | a held bio is mapped again | worker |
//! | `suspend` | activation, suspension, removal | process |
//! | `orders` | what messages have moved or tested, in portions | process |
//! | `status`, `message`, `counters` | what users see | process |

mod construct;
mod counters;
mod end_io;
mod inbox;
mod map;
mod message;
mod options;
mod orders;
mod per_bio;
mod requests;
mod resubmit;
mod status;
mod suspend;
mod worker;

use kernel::{
    prelude::*,
    sync::{
        atomic::Atomic,
        Arc,
        Mutex, //
    },
};

use crate::{
    dm::{
        Device,
        DeviceVisitor,
        Events,
        Limits,
        SplitPool, //
    },
    engine::Lookup,
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
    counters::Counters,
    inbox::Inbox,
    options::Options,
    orders::Orders,
    suspend::Answers,
    worker::Core, //
};

pub(super) use self::{
    per_bio::PerBio,
    worker::OwnBio, //
};

/// One device in remap mode: a main device, a spare device, and what stands between them.
///
/// Shared by every CPU that submits, by completions in any context, and by the worker. Fields are dropped in
/// the order written: everything that can run or be in flight goes before the devices it uses.
#[pin_data]
pub(crate) struct Remap {
    name: Name,
    options: Options,
    worker: Worker<Self>,
    commit_timer: Timer<Self>,
    checkpoint_timer: Timer<Self>,
    window_timer: Timer<Self>,
    epoch: IoEpoch,
    bios: BioSet<OwnBio>,
    split: SplitPool,
    #[pin]
    inbox: IrqLock<Inbox>,
    #[pin]
    core: Mutex<Core>,
    #[pin]
    answers: Answers,
    #[pin]
    orders: Orders,
    lookup: Arc<Lookup>,
    /// The larger one of the legs' logical blocks, in sectors: bios begin and end at its multiples.
    logical_block_sectors: u32,
    /// 1 once the destructor has begun: the worker does nothing any more.
    ending: Atomic<i32>,
    counters: Counters,
    ownership: Ownership,
    events: Events,
    main: Device,
    spare: Device,
}

impl Remap {
    pub(super) fn show_devices(&self, visitor: &mut DeviceVisitor<'_>) {
        visitor.visit(&self.main, 0, self.main.sectors());
        visitor.visit(&self.spare, 0, self.spare.sectors());
    }

    pub(super) fn limit(&self, limits: &mut Limits<'_>) {
        // A repair covers one bio at most; see `construct::LONGEST_BIO`.
        limits.set_max_write_zeroes_sectors(
            self.main
                .max_write_zeroes_sectors()
                .min(self.spare.max_write_zeroes_sectors())
                .min(construct::LONGEST_BIO),
        );
    }
}
