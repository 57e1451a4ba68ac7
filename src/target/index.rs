// SPDX-License-Identifier: GPL-2.0-only

//! The deduplication index at work: zones under locks, a thread that writes chapters, and bios.
//!
//! | file | what happens there | context |
//! |---|---|---|
//! | `zone` | requests and messages enter a zone; ends of reads, background work | the caller's, and a work item for each zone |
//! | `writer` | the keeper: chapters are written, the index is loaded and saved | a thread |
//! | `mail` | what waits for the thread | any |
//! | `triage` | what hooks have led to, for the other zones | the caller's |
//! | `storage` | the engine's I/O becomes bios, and their ends go to who asked | completions in any context |
//! | `answers` | waiting for the keeper | process |
//!
//! # Locks
//!
//! A zone's mutex is taken before the spin locks of its inbox and of the mail, and before what `IndexUser::answered`
//! takes. No two zones are locked at a time. The mutex of the answers is a leaf.
//!
//! # Lifetimes
//!
//! A bio in flight owns its memory and a reference to who asked for it. The thread refers to the zones, the zones to mail
//! and storage, and nothing to the `Index`. `Index::stop`, which dropping it does too, ends the thread, then the
//! workers, and waits for the bios: nothing runs afterwards. Requests that still wait are then never answered.

mod answers;
mod mail;
mod storage;
mod triage;
mod writer;
mod zone;

pub(crate) use self::answers::{
    IndexState,
    KeeperSnapshot, //
};

use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
};

use crate::{
    dm::Device,
    engine::index::{
        Answer,
        Bounds,
        Geometry,
        Keeper,
        KeeperEvent,
        KeeperSettings,
        Name,
        OpenError,
        OpenMode,
        Opened,
        Request,
        RequestId,
        Statistics,
        ToZone,
        Zone,
        ZoneSettings,
        Zones, //
    },
    kern::{
        crc32c,
        NoIo,
        Thread, //
    },
};

use self::{
    answers::Answers,
    mail::{
        Letter,
        Mail, //
    },
    storage::Storage,
    triage::Triage,
    writer::Writer,
    zone::{
        ZoneDriver,
        ZoneParts, //
    },
};

/// Who hears the answers of an index.
pub(crate) trait IndexUser: Send + Sync + 'static {
    /// A request is answered, perhaps before [`Index::submit`] returns. Task context with a zone's lock held: may
    /// not submit requests.
    fn answered(&self, request: RequestId, answer: Answer);
}

/// What an index is made of.
pub(crate) struct IndexSettings<'a> {
    /// How large everything is.
    pub(crate) geometry: Geometry,
    /// How many zones share it.
    pub(crate) zones: u32,
    /// Requests that can wait in each zone.
    pub(crate) waiting: u32,
    /// What the thread and the workers are named after: a device.
    pub(crate) name: &'a str,
    /// The sector of the device where the index begins.
    pub(crate) first_sector: u64,
}

/// Everything that was counted.
pub(crate) struct IndexSnapshot {
    /// By the zones, added up.
    pub(crate) zones: Statistics,
    /// Times that chapters had to expire early.
    pub(crate) expired_early: u64,
    /// By the keeper.
    pub(crate) keeper: KeeperSnapshot,
    /// Bytes of memory, everything counted.
    pub(crate) memory_bytes: u64,
}

/// An index on a device.
pub(crate) struct Index<U: IndexUser> {
    thread: Pin<KBox<Mutex<Option<Thread>>>>,
    zones: Arc<KVec<Arc<ZoneDriver<U>>>>,
    shares: Zones,
    mail: Arc<Mail>,
    answers: Arc<Answers>,
    storage: Arc<Storage<U>>,
}

impl<U: IndexUser> Index<U> {
    /// Makes an index that has opened nothing yet, with all memory but that of the volume index. May sleep.
    ///
    /// # Errors
    ///
    /// `EINVAL` for a number of zones that the index cannot have; `ENOMEM`.
    pub(crate) fn new(
        settings: IndexSettings<'_>,
        device: Arc<Device>,
        user: Arc<U>,
    ) -> Result<Self> {
        let IndexSettings {
            geometry,
            zones: count,
            waiting,
            name,
            first_sector,
        } = settings;
        let shares = Zones::new(count, geometry.index.segments()).ok_or(EINVAL)?;
        let bounds = Bounds::new(geometry.slots, geometry.page_blocks, GFP_KERNEL)?;
        let bounds = Arc::new(bounds, GFP_KERNEL)?;
        let mail = Arc::pin_init(Mail::new(Mail::tray(count)?), GFP_KERNEL)?;
        let answers = Arc::pin_init(Answers::new(), GFP_KERNEL)?;
        let storage = Arc::new(Storage::new(device, first_sector)?, GFP_KERNEL)?;
        // CAST: 32 bits fit into a `usize` on every supported machine.
        let mut zones = KVec::with_capacity(count as usize, GFP_KERNEL)?;
        for number in 0..count {
            let zone = make_zone(ZoneSettings {
                geometry,
                zones: shares,
                number,
                bounds: bounds.clone(),
                waiting,
                checksum: crc32c,
                flags: GFP_KERNEL,
            })?;
            let parts = ZoneParts {
                zone,
                number,
                waiting,
                mail: mail.clone(),
                storage: storage.clone(),
                user: user.clone(),
            };
            zones.push(ZoneDriver::new(parts, name)?, GFP_KERNEL)?;
        }
        let zones = Arc::new(zones, GFP_KERNEL)?;
        let keeper = KeeperSettings {
            geometry,
            zones: shares,
            bounds,
            checksum: crc32c,
        };
        let writer = Writer {
            keeper: make_keeper(keeper)?,
            mail: mail.clone(),
            tray: Mail::tray(count)?,
            zones: zones.clone(),
            storage: storage.clone(),
            answers: answers.clone(),
        };
        let thread = new_mutex!(None, "dm_spare::index_thread");
        let index = Self {
            thread: KBox::pin_init(thread, GFP_KERNEL)?,
            zones,
            shares,
            mail,
            answers,
            storage,
        };
        // Dropping the index ends the thread.
        let thread = Thread::spawn(fmt!("index/{name}"), move |_| writer.run())?;
        *index.thread.lock() = Some(thread);
        Ok(index)
    }

    /// Brings the index into service, unless it is or is being brought; sleeps, killably, until that has succeeded or not.
    ///
    /// # Errors
    ///
    /// `EINTR` when a fatal signal came; then it goes on, and a further call waits for it.
    pub(crate) fn open(&self, mode: OpenMode) -> Result<Result<Opened, OpenError>> {
        if self.answers.begin_opening() {
            self.mail.post(Letter::Event(KeeperEvent::Open(mode)));
        }
        self.answers.wait_opened()
    }

    /// The zone that a name belongs to.
    pub(crate) fn zone_of(&self, name: Name) -> u32 {
        self.shares.zone(name)
    }

    /// Hands in requests whose names belong to this zone; how many of the first ones were taken. The others are to be
    /// handed in again after some answers. Each request taken is answered once, now or later.
    ///
    /// Context: a task that may wait, outside of any `map` and `submit_bio`: there the bios that are sent here would lie
    /// on the task's own list, while others wait for them with the zone's mutex held.
    ///
    /// What a hook of a sparse index has made known is known in all zones when this returns.
    pub(crate) fn submit(&self, zone: u32, requests: &[Request]) -> usize {
        let _noio = NoIo::enter();
        let mut triage = Triage::default();
        // CAST: 32 bits fit into a `usize` on every supported machine.
        let taken = self.zones.get(zone as usize).map_or(0, |zone| {
            ZoneDriver::submit(zone.as_arc_borrow(), requests, &mut triage)
        });
        for chapter in triage.chapters() {
            for (_, other) in (0..).zip(self.zones.iter()).filter(|(other, _)| *other != zone) {
                ZoneDriver::deliver(other.as_arc_borrow(), ToZone::Sparse(chapter));
            }
        }
        taken
    }

    /// Comes to rest: requests that wait are finished, later ones are refused. With `save` the open chapters are kept
    /// on the disk; whether they were. Sleeps. Calls must not overlap with others, nor with [`resume`](Self::resume).
    pub(crate) fn suspend(&self, save: bool) -> bool {
        self.answers.begin_resting();
        self.mail.post(Letter::Event(KeeperEvent::Suspend { save }));
        self.answers.wait_rested()
    }

    /// Goes on after [`suspend`](Self::suspend); soon, requests are served.
    pub(crate) fn resume(&self) {
        let event = KeeperEvent::Resume { replaced: false };
        self.mail.post(Letter::Event(event));
    }

    /// How the index is.
    pub(crate) fn state(&self) -> IndexState {
        self.answers.snapshot().state
    }

    /// How things stand. Sleeps.
    pub(crate) fn snapshot(&self) -> IndexSnapshot {
        let keeper = self.answers.snapshot();
        let mut snapshot = IndexSnapshot {
            zones: Statistics::default(),
            expired_early: 0,
            memory_bytes: keeper.memory_bytes,
            keeper,
        };
        for zone in self.zones.iter() {
            let (statistics, memory_bytes, expired_early) = zone.statistics();
            snapshot.zones.add(&statistics);
            snapshot.expired_early = snapshot.expired_early.saturating_add(expired_early);
            snapshot.memory_bytes = snapshot.memory_bytes.saturating_add(memory_bytes);
        }
        snapshot
    }

    /// Stops everything where it is; nothing runs or is in flight afterwards. Sleeps. Nobody may submit any more.
    pub(crate) fn stop(&self) {
        self.mail.close();
        let thread = self.thread.lock().take();
        // Waits for it.
        drop(thread);
        for zone in self.zones.iter() {
            zone.end();
        }
        self.storage.wait_idle();
        // Ends of bios may have woken workers once more.
        for zone in self.zones.iter() {
            zone.drain();
        }
    }
}

impl<U: IndexUser> Drop for Index<U> {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A function of its own, so that the stack has what it needs only while it needs it; so is the next.
#[inline(never)]
fn make_zone(settings: ZoneSettings) -> Result<KBox<Zone>> {
    // Matched in place: `?` would be one more copy on the stack; so with the next.
    match Zone::new(settings) {
        Ok(zone) => Ok(KBox::new(zone, GFP_KERNEL)?),
        Err(error) => Err(error.into()),
    }
}

#[inline(never)]
fn make_keeper(settings: KeeperSettings) -> Result<KBox<Keeper>> {
    match Keeper::new(settings, GFP_KERNEL) {
        Ok(keeper) => Ok(KBox::new(keeper, GFP_KERNEL)?),
        Err(error) => Err(error.into()),
    }
}
