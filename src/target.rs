// SPDX-License-Identifier: GPL-2.0-only

//! The `spare` target: turns bios into the engine's events and its actions into bios.
//!
//! | module | what it holds |
//! |---|---|
//! | `remap` | remap mode |
//! | `dedup` | dedup mode |
//! | `index` | the deduplication index at work |
//! | `table` | what the table lines of both modes begin with |
//! | `name`, `ownership`, `counter` | the name in the log; who uses which device; counts |
//!
//! Nothing here is `unsafe`, and nothing here decides what happens to a block: the engine does. Lock order and
//! lifetimes are written down in Documentation/locking.md.

#![deny(unsafe_code)]

mod counter;
mod dedup;
pub(crate) mod index;
mod name;
mod ownership;
mod remap;
mod sentences;
mod table;

use kernel::{
    prelude::*,
    sync::{
        Arc,
        ArcBorrow, //
    }, //
};

use crate::{
    dm::{
        Arguments,
        ConstructError,
        Constructor,
        DeviceVisitor,
        EndBio,
        Ended,
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
    kern::BioSet,
};

use self::{
    dedup::Dedup,
    remap::{
        OwnBio,
        Remap, //
    },
    table::Table, //
};

/// One `spare` device, in one of the modes.
pub(crate) enum Spare {
    /// Failing blocks move to the spare.
    Remap(Arc<Remap>),
    /// Each distinct block is stored once.
    Dedup(Arc<Dedup>),
}

/// What the target keeps with each bio; reset to its default before each `map`.
#[derive(Clone, Copy, Default)]
pub(crate) struct PerBio {
    /// In remap mode.
    remap: remap::PerBio,
    /// In dedup mode.
    dedup: dedup::PerBio,
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
        let table = Table::read(arguments)?;
        let target = if table.asks_for_dedup() {
            Self::Dedup(Dedup::construct(context, &table)?)
        } else {
            Self::Remap(Remap::construct(context, &table)?)
        };
        Ok(Arc::new(target, GFP_KERNEL)?)
    }

    fn destroy(this: ArcBorrow<'_, Self>) {
        match &*this {
            Self::Remap(target) => Remap::tear_down(target.as_arc_borrow()),
            Self::Dedup(target) => Dedup::tear_down(target.as_arc_borrow()),
        }
    }

    fn map<'a>(this: ArcBorrow<'_, Self>, bio: MapBio<'a, Self>) -> Mapped<'a> {
        match &*this {
            Self::Remap(target) => Remap::map_bio(target.as_arc_borrow(), bio),
            Self::Dedup(target) => Dedup::map_bio(target.as_arc_borrow(), bio),
        }
    }

    fn end_io<'a>(this: ArcBorrow<'_, Self>, bio: EndBio<'a, Self>) -> Ended<'a> {
        match &*this {
            Self::Remap(target) => Remap::end_bio(target.as_arc_borrow(), bio),
            Self::Dedup(target) => Dedup::end_bio(target.as_arc_borrow(), bio),
        }
    }

    fn presuspend(this: ArcBorrow<'_, Self>, state: Suspending<'_>) {
        match &*this {
            Self::Remap(target) => Remap::begin_suspend(target.as_arc_borrow(), state.is_noflush()),
            Self::Dedup(target) => Dedup::begin_suspend(target.as_arc_borrow(), state.is_noflush()),
        }
    }

    fn presuspend_undo(this: ArcBorrow<'_, Self>, _state: Running<'_>) {
        match &*this {
            Self::Remap(target) => Remap::undo_suspend(target.as_arc_borrow()),
            Self::Dedup(target) => Dedup::undo_suspend(target),
        }
    }

    fn postsuspend(this: ArcBorrow<'_, Self>, _state: Quiesced<'_>) {
        match &*this {
            Self::Remap(target) => Remap::finish_suspend(target.as_arc_borrow()),
            Self::Dedup(target) => Dedup::finish_suspend(target.as_arc_borrow()),
        }
    }

    fn preresume(this: ArcBorrow<'_, Self>, _state: Starting<'_>) -> Result {
        match &*this {
            Self::Remap(target) => Remap::activate(target.as_arc_borrow()),
            Self::Dedup(target) => Dedup::activate(target.as_arc_borrow()),
        }
    }

    fn status(
        this: ArcBorrow<'_, Self>,
        kind: StatusKind,
        _noflush: bool,
        out: &mut StatusWriter<'_>,
    ) {
        match &*this {
            Self::Remap(target) => target.write_status(kind, out),
            Self::Dedup(target) => target.write_status(kind, out),
        }
    }

    fn message(
        this: ArcBorrow<'_, Self>,
        words: Words<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), MessageError> {
        match &*this {
            Self::Remap(target) => Remap::answer_message(target.as_arc_borrow(), words, reply),
            Self::Dedup(target) => Dedup::answer_message(target.as_arc_borrow(), words, reply),
        }
    }

    fn iterate_devices(this: ArcBorrow<'_, Self>, visitor: &mut DeviceVisitor<'_>) {
        match &*this {
            Self::Remap(target) => target.show_devices(visitor),
            Self::Dedup(target) => target.show_devices(visitor),
        }
    }

    fn io_hints(this: ArcBorrow<'_, Self>, limits: &mut Limits<'_>) {
        match &*this {
            Self::Remap(target) => target.limit(limits),
            Self::Dedup(target) => target.limit(limits),
        }
    }
}
