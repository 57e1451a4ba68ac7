// SPDX-License-Identifier: GPL-2.0-only

//! The `spare` target: turns bios into the engine's events and its actions into bios.
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
//!
//! Nothing here is `unsafe`, and nothing here decides what happens to a block: the engine does. Lock order and
//! lifetimes are written down in Documentation/locking.md.

#![deny(unsafe_code)]

mod construct;
mod counters;
mod end_io;
mod inbox;
mod map;
mod message;
mod name;
mod options;
mod orders;
mod ownership;
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
        ArcBorrow,
        Mutex, //
    }, //
};

use crate::{
    dm::{
        Arguments,
        ConstructError,
        Constructor,
        Device,
        DeviceVisitor,
        EndBio,
        Ended,
        Events,
        Features,
        Limits,
        MapBio,
        Mapped,
        MessageError,
        Quiesced,
        Reply,
        Running,
        SplitPool,
        Starting,
        StatusKind,
        StatusWriter,
        Suspending,
        Target,
        Words, //
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

use self::{
    counters::Counters,
    inbox::Inbox,
    name::Name,
    options::Options,
    orders::Orders,
    ownership::Ownership,
    per_bio::PerBio,
    suspend::Answers,
    worker::{
        Core,
        OwnBio, //
    },
};

/// One `spare` device: a main device, a spare device, and what stands between them.
///
/// Shared by every CPU that submits, by completions in any context, and by the worker. Fields are dropped in
/// the order written: everything that can run or be in flight goes before the devices it uses.
#[pin_data]
pub(crate) struct Spare {
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

/// Keeps the slab caches that all targets' bios come from, as long as the module is loaded.
///
/// The block layer makes a cache for the first bio set of its kind and destroys it with the last, which takes some
/// tenths of a second: each removal of the only device would wait for that.
pub(crate) struct Pools {
    _bios: BioSet<OwnBio>,
    _split: SplitPool,
}

impl Pools {
    /// Makes one small pool of each kind. May sleep.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            _bios: BioSet::new(1)?,
            _split: SplitPool::new(1)?,
        })
    }
}

impl Target for Spare {
    type PerBio = PerBio;

    const NAME: &'static CStr = c"spare";
    const VERSION: [u32; 3] = [1, 0, 0];
    const FEATURES: Features = Features::NOWAIT;
    const HAS_END_IO: bool = true;

    fn new(
        context: &mut Constructor<'_>,
        arguments: Arguments<'_>,
    ) -> Result<Arc<Self>, ConstructError> {
        Self::construct(context, arguments)
    }

    fn destroy(this: ArcBorrow<'_, Self>) {
        Self::tear_down(this);
    }

    fn map<'a>(this: ArcBorrow<'_, Self>, bio: MapBio<'a, Self>) -> Mapped<'a> {
        Self::map_bio(this, bio)
    }

    fn end_io<'a>(this: ArcBorrow<'_, Self>, bio: EndBio<'a, Self>) -> Ended<'a> {
        Self::end_bio(this, bio)
    }

    fn presuspend(this: ArcBorrow<'_, Self>, state: Suspending<'_>) {
        Self::begin_suspend(this, state.is_noflush());
    }

    fn presuspend_undo(this: ArcBorrow<'_, Self>, _state: Running<'_>) {
        Self::undo_suspend(this);
    }

    fn postsuspend(this: ArcBorrow<'_, Self>, _state: Quiesced<'_>) {
        Self::finish_suspend(this);
    }

    fn preresume(this: ArcBorrow<'_, Self>, _state: Starting<'_>) -> Result {
        Self::activate(this)
    }

    fn status(
        this: ArcBorrow<'_, Self>,
        kind: StatusKind,
        _noflush: bool,
        out: &mut StatusWriter<'_>,
    ) {
        this.write_status(kind, out);
    }

    fn message(
        this: ArcBorrow<'_, Self>,
        words: Words<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), MessageError> {
        Self::answer_message(this, words, reply)
    }

    fn iterate_devices(this: ArcBorrow<'_, Self>, visitor: &mut DeviceVisitor<'_>) {
        visitor.visit(&this.main, 0, this.main.sectors());
        visitor.visit(&this.spare, 0, this.spare.sectors());
    }

    fn io_hints(this: ArcBorrow<'_, Self>, limits: &mut Limits<'_>) {
        // A repair covers one bio at most; see `construct::LONGEST_BIO`.
        limits.set_max_write_zeroes_sectors(
            this.main
                .max_write_zeroes_sectors()
                .min(this.spare.max_write_zeroes_sectors())
                .min(construct::LONGEST_BIO),
        );
    }
}
