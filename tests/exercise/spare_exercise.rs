// SPDX-License-Identifier: GPL-2.0-only

//! `exercise <device> [<logical block size>]`: a pass-through that takes every detour the layer has.
//!
//! Data come out as they went in, so any verifying load tests the layer. Bios
//! take turns in going straight to the device, through a work item, in two
//! parts, or by way of a buffer and a bio of the target's own. An I/O error is
//! tried once more from the work item. Meanwhile a timer ticks, grace periods
//! pass, and a thread runs while the device is resumed. The status line counts
//! each: `<direct> <held> <split> <copied> <retried> <grace periods> <ticks>
//! <thread turns> <retired>`.

use core::{
    iter,
    ops::Range, //
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        ArcBorrow,
        Mutex, //
    },
};

#[path = "../../src"]
mod layer {
    pub mod dm;
    pub mod kern;
    pub(crate) mod sys;
}
pub(crate) use layer::sys;
pub use layer::{
    dm,
    kern, //
};

use dm::{
    parse_number,
    Arguments,
    BioQueue,
    ConstructError,
    Constructor,
    Device,
    DeviceVisitor,
    EndBio,
    Ended,
    HeldBio,
    Limits,
    MapBio,
    Mapped,
    Operation,
    Quiesced,
    Running,
    SplitPool,
    Starting,
    Status,
    StatusKind,
    StatusWriter,
    Target, //
};
use kern::{
    BioSet,
    EpochToken,
    Gate,
    GracePeriods,
    IoEpoch,
    IrqLock,
    NoIo,
    OwnIo,
    Thread,
    Timer,
    Work,
    Worker, //
};

module! {
    type: Module,
    name: "spare_exercise",
    authors: ["The dm-spare authors"],
    description: "Test of the Rust device-mapper layer",
    license: "GPL",
}

#[pin_data]
struct Module {
    #[pin]
    target: dm::Registration<Exercise>,
}

impl kernel::InPlaceModule for Module {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            target <- dm::Registration::new(module),
        })
    }
}

const SECTORS_PER_BUFFER: u32 = 8;
const TICK_MILLISECONDS: u32 = 5;
/// What the device announces, so that a test finds it in the queue's limits.
const LONGEST_BIO_SECTORS: u32 = 64;
const IO_MIN_BYTES: u32 = 8192;
const IO_OPT_BYTES: u32 = 16384;
const MAX_SECTORS: u32 = 512;
const DISCARD_BYTES: u32 = 8192;
const DISCARD_SECTORS: u32 = 2048;
const WRITE_ZEROES_SECTORS: u32 = 4096;
const BIOS_IN_POOL: u32 = 16;
/// More than grace periods can be outstanding at a tick.
const TICKETS: usize = 4;

/// Memory that a device may read and write: its alignment is what counts.
#[repr(C, align(4096))]
struct Buffer([u8; 4096]);

/// What is kept with each bio.
#[derive(Clone, Copy, Default)]
struct PerBio {
    inside: Option<EpochToken>,
    retried: bool,
}

/// One for each number in the status line.
#[derive(Clone, Copy)]
enum Count {
    Direct,
    Held,
    Split,
    Copied,
    Retried,
    GracePeriods,
    Ticks,
    ThreadTurns,
    Retired,
}

/// One table line.
#[pin_data]
struct Exercise {
    #[pin]
    inbox: IrqLock<BioQueue<Exercise>>,
    #[pin]
    grace_periods: Mutex<GracePeriods>,
    #[pin]
    thread: Mutex<Option<Thread>>,
    #[pin]
    started: Gate,
    counts: [Atomic<u64>; 9],
    turn: Atomic<u32>,
    timer: Timer<Exercise>,
    worker: Worker<Exercise>,
    epoch: IoEpoch,
    own: BioSet<Copied>,
    parts: SplitPool,
    logical_block_size: Option<u32>,
    device: Device,
}

/// A user's bio whose data take the way through a buffer.
struct Copied {
    target: Arc<Exercise>,
    bio: HeldBio<Exercise>,
}

impl Exercise {
    fn count(&self, what: Count) {
        if let Some(count) = self.counts.get(what as usize) {
            count.fetch_add(1, Relaxed);
        }
    }

    fn keep(this: ArcBorrow<'_, Self>, bio: HeldBio<Self>) {
        this.inbox.lock().push(bio);
        this.worker.enqueue(this);
    }

    fn leave(this: ArcBorrow<'_, Self>, per_bio: &mut PerBio) {
        if let Some(token) = per_bio.inside.take() {
            if this.epoch.leave(token) {
                this.worker.enqueue(this);
            }
        }
    }

    fn send_on(this: ArcBorrow<'_, Self>, mut bio: HeldBio<Self>) {
        let (sector, sectors) = (bio.sector(), bio.sectors());
        let has_data = matches!(bio.operation(), Operation::Read | Operation::Write);
        let turn = this.turn.fetch_add(1, Relaxed);
        if has_data && sectors <= SECTORS_PER_BUFFER && turn % 2 == 0 {
            return Self::send_copied(this, bio);
        }
        if has_data && sectors > 1 {
            let front = 1 + turn % (sectors - 1);
            let sent = bio.submit_front(&this.parts, &this.device, sector, front);
            if sent.is_err() || bio.remaining() != (sector + u64::from(front), sectors - front) {
                pr_err!("a part of a bio of {sectors} sectors was not sent\n");
            }
            this.count(Count::Split);
        } else {
            this.count(Count::Held);
        }
        let (rest, _) = bio.remaining();
        bio.submit_to(&this.device, rest);
    }

    fn send_copied(this: ArcBorrow<'_, Self>, bio: HeldBio<Self>) {
        let Ok(mut buffer) = KBox::new(Buffer([0; 4096]), GFP_KERNEL) else {
            return bio.complete(Status::RESOURCE);
        };
        let (sector, fua) = (bio.sector(), bio.is_fua());
        let write = bio.operation() == Operation::Write;
        // Not always at the start of the buffer.
        let start = SECTORS_PER_BUFFER - bio.sectors();
        let within = start..SECTORS_PER_BUFFER;
        if write
            && bio
                .copy_from_bio(0, part(&mut buffer, within.clone()))
                .is_err()
        {
            return bio.complete(Status::INVALID);
        }
        this.count(Count::Copied);
        let context = Copied {
            target: Arc::from(this),
            bio,
        };
        if write {
            let (set, device) = (&this.own, &this.device);
            set.write(device, sector, buffer, within, fua, context);
        } else {
            this.own.read(&this.device, sector, buffer, within, context);
        }
    }
}

fn part(buffer: &mut Buffer, within: Range<u32>) -> &mut [u8] {
    let bounds = within.start as usize * 512..within.end as usize * 512;
    buffer.0.get_mut(bounds).unwrap_or_default()
}

impl OwnIo for Copied {
    type Buffer = KBox<Buffer>;

    fn pieces(buffer: &mut Self::Buffer) -> impl Iterator<Item = &mut [u8]> {
        iter::once(buffer.0.as_mut_slice())
    }

    fn completed(mut self, mut status: Status, buffer: Option<Self::Buffer>) {
        if self.bio.operation() == Operation::Read && status.is_ok() {
            let within = SECTORS_PER_BUFFER - self.bio.sectors()..SECTORS_PER_BUFFER;
            let copied = buffer
                .ok_or(EINVAL)
                .and_then(|mut buffer| self.bio.copy_to_bio(0, part(&mut buffer, within)));
            if copied.is_err() {
                status = Status::INVALID;
            }
        }
        Exercise::leave(self.target.as_arc_borrow(), self.bio.per_bio_mut());
        self.bio.complete(status);
    }
}

impl Work for Exercise {
    fn run(this: ArcBorrow<'_, Self>) {
        let _noio = NoIo::enter();
        let mut bios = this.inbox.lock().take();
        while let Some(bio) = bios.pop() {
            Self::send_on(this, bio);
        }
        while this.grace_periods.lock().poll(&this.epoch).is_some() {
            this.count(Count::GracePeriods);
        }
    }

    fn timer_expired(this: ArcBorrow<'_, Self>, ticket: u32) {
        this.count(Count::Ticks);
        // With every ticket out there is nothing to add to the test.
        let _ = this.grace_periods.lock().ask(ticket);
        this.worker.enqueue(this);
        let next = ticket.wrapping_add(1);
        this.timer.arm(this, next, TICK_MILLISECONDS);
    }
}

impl Target for Exercise {
    type PerBio = PerBio;
    const NAME: &'static CStr = c"exercise";
    const VERSION: [u32; 3] = [1, 0, 0];
    const HAS_END_IO: bool = true;

    fn new(
        context: &mut Constructor<'_>,
        mut arguments: Arguments<'_>,
    ) -> Result<Arc<Self>, ConstructError> {
        let device = context.device(arguments.required("device")?)?;
        let logical_block_size = match arguments.optional()? {
            // CAST: at most 4096.
            Some(word) => Some(parse_number("logical block size", word, 512..=4096)? as u32),
            None => None,
        };
        if let Some(bytes) = logical_block_size.filter(|bytes| !bytes.is_power_of_two()) {
            return Err(ConstructError::invalid(fmt!(
                "the logical block size is {bytes}, expected a power of two"
            )));
        }
        arguments.finish()?;
        context.set_max_io_length(LONGEST_BIO_SECTORS)?;
        context.set_flush_bios(1);
        context.set_discard_bios(1);
        context.set_secure_erase_bios(1);
        context.set_write_zeroes_bios(1);
        let worker = Worker::new(fmt!("exercise/{}", context.device_name()))?;
        let (timer, epoch) = (Timer::new(&worker)?, IoEpoch::new()?);
        let grace_periods = GracePeriods::new(TICKETS)?;
        let (own, parts) = (BioSet::new(BIOS_IN_POOL)?, SplitPool::new(BIOS_IN_POOL)?);
        let target = pin_init!(Self {
            inbox <- new_irq_lock!(BioQueue::new(), "exercise_inbox"),
            grace_periods <- new_mutex!(grace_periods, "exercise_grace_periods"),
            thread <- new_mutex!(None, "exercise_thread"),
            started <- Gate::new(),
            counts: [const { Atomic::new(0) }; 9],
            turn: Atomic::new(0),
            timer,
            worker,
            epoch,
            own,
            parts,
            logical_block_size,
            device,
        });
        Ok(Arc::pin_init(target, GFP_KERNEL)?)
    }

    fn destroy(this: ArcBorrow<'_, Self>) {
        this.timer.stop();
        this.worker.drain();
        this.own.wait_idle();
    }

    fn map<'a>(this: ArcBorrow<'_, Self>, mut bio: MapBio<'a, Self>) -> Mapped<'a> {
        if bio.operation().changes_data() {
            bio.per_bio_mut().inside = Some(this.epoch.enter());
        }
        let turn = this.turn.fetch_add(1, Relaxed);
        if turn % 4 == 0 {
            let (held, mapped) = bio.hold();
            Self::keep(this, held);
            return mapped;
        }
        if turn % 4 == 1 && bio.sectors() > 8 && bio.accept_partial(8).is_err() {
            pr_err!("a bio cannot be split\n");
        }
        this.count(Count::Direct);
        let sector = bio.sector();
        bio.remap(&this.device, sector)
    }

    fn end_io<'a>(this: ArcBorrow<'_, Self>, mut bio: EndBio<'a, Self>) -> Ended<'a> {
        if !bio.status().is_ok() && !bio.per_bio().retried {
            bio.per_bio_mut().retried = true;
            this.count(Count::Retried);
            let (held, ended) = bio.hold();
            Self::keep(this, held);
            return ended;
        }
        this.count(Count::Retired);
        Self::leave(this, bio.per_bio_mut());
        bio.finish_unchanged()
    }

    fn preresume(this: ArcBorrow<'_, Self>, state: Starting<'_>) -> Result {
        if state.is_first() {
            this.timer.arm(this, 0, TICK_MILLISECONDS);
        }
        this.started.close();
        Ok(())
    }

    fn resume(this: ArcBorrow<'_, Self>, _state: Running<'_>) {
        let target = Arc::from(this);
        let thread = Thread::spawn(fmt!("exercise"), move |signal| {
            target.started.open();
            while !signal.should_stop() {
                target.count(Count::ThreadTurns);
                signal.sleep(TICK_MILLISECONDS);
            }
        });
        match thread {
            Ok(thread) => {
                *this.thread.lock() = Some(thread);
                this.started.wait();
            }
            Err(error) => pr_err!("no thread: {error:?}\n"),
        }
    }

    fn postsuspend(this: ArcBorrow<'_, Self>, _state: Quiesced<'_>) {
        // Out of the lock first: dropping waits for the thread.
        let thread = this.thread.lock().take();
        drop(thread);
    }

    fn status(
        this: ArcBorrow<'_, Self>,
        kind: StatusKind,
        _noflush: bool,
        out: &mut StatusWriter<'_>,
    ) {
        match kind {
            StatusKind::Info => {
                for (index, count) in this.counts.iter().enumerate() {
                    let blank = if index > 0 { " " } else { "" };
                    out.put(fmt!("{blank}{}", count.load(Relaxed)));
                }
            }
            StatusKind::Table => {
                out.put(fmt!("{}", this.device.name()));
                if let Some(bytes) = this.logical_block_size {
                    out.put(fmt!(" {bytes}"));
                }
            }
            StatusKind::Ima => out.put(fmt!("target_name=exercise;")),
        }
    }

    fn io_hints(this: ArcBorrow<'_, Self>, limits: &mut Limits<'_>) {
        if let Some(bytes) = this.logical_block_size {
            limits.set_logical_block_size(bytes.max(limits.logical_block_size()));
            limits.set_physical_block_size(bytes.max(limits.physical_block_size()));
        }
        limits.set_io_min(IO_MIN_BYTES);
        limits.set_io_opt(IO_OPT_BYTES);
        limits.set_max_sectors(MAX_SECTORS);
        limits.set_discard(DISCARD_BYTES, DISCARD_SECTORS);
        limits.set_max_write_zeroes_sectors(WRITE_ZEROES_SECTORS);
        limits.disable_secure_erase();
    }

    fn iterate_devices(this: ArcBorrow<'_, Self>, visitor: &mut DeviceVisitor<'_>) {
        visitor.visit(&this.device, 0, this.device.sectors());
    }
}
