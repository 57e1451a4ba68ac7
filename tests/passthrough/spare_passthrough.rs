// SPDX-License-Identifier: GPL-2.0-only

//! `passthrough <device>`: hands every bio to one device and counts them.
//!
//! The smallest target on the layer: a test of it, and a template. It answers
//! the messages `reset` (count from zero) and `echo <words>` (reply with them).

use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        ArcBorrow, //
    },
};

// A path on an inline module sets the folder in which its modules are looked
// for, so that each of them finds its own submodules.
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
    Reply,
    StatusKind,
    StatusWriter,
    Target,
    Words, //
};

module! {
    type: Module,
    name: "spare_passthrough",
    authors: ["The dm-spare authors"],
    description: "Example target on the Rust device-mapper layer",
    license: "GPL",
}

#[pin_data]
struct Module {
    #[pin]
    target: dm::Registration<Passthrough>,
}

impl kernel::InPlaceModule for Module {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            target <- dm::Registration::new(module),
        })
    }
}

/// One table line.
struct Passthrough {
    device: Device,
    events: Events,
    mapped: Atomic<u64>,
    failed: Atomic<u64>,
}

impl Target for Passthrough {
    type PerBio = ();
    const NAME: &'static CStr = c"passthrough";
    const VERSION: [u32; 3] = [1, 0, 0];
    const FEATURES: Features = Features::NOWAIT;
    const HAS_END_IO: bool = true;

    fn new(
        context: &mut Constructor<'_>,
        mut arguments: Arguments<'_>,
    ) -> Result<Arc<Self>, ConstructError> {
        let device = context.device(arguments.required("device")?)?;
        arguments.finish()?;
        let (length, available) = (context.length(), device.sectors());
        if length > available {
            return Err(ConstructError::invalid(fmt!(
                "the line covers {length} sectors but the device has {available}; shorten it"
            )));
        }
        context.set_flush_bios(1);
        context.set_discard_bios(1);
        context.set_write_zeroes_bios(1);
        let passthrough = Self {
            device,
            events: context.events(),
            mapped: Atomic::new(0),
            failed: Atomic::new(0),
        };
        Ok(Arc::new(passthrough, GFP_KERNEL)?)
    }

    fn map<'a>(this: ArcBorrow<'_, Self>, bio: MapBio<'a, Self>) -> Mapped<'a> {
        this.mapped.fetch_add(1, Relaxed);
        let sector = bio.sector();
        bio.remap(&this.device, sector)
    }

    fn end_io<'a>(this: ArcBorrow<'_, Self>, bio: EndBio<'a, Self>) -> Ended<'a> {
        if !bio.status().is_ok() {
            this.failed.fetch_add(1, Relaxed);
        }
        bio.finish_unchanged()
    }

    fn status(
        this: ArcBorrow<'_, Self>,
        kind: StatusKind,
        _noflush: bool,
        out: &mut StatusWriter<'_>,
    ) {
        let (device, [major, minor, patch]) = (this.device.name(), Self::VERSION);
        let (mapped, failed) = (this.mapped.load(Relaxed), this.failed.load(Relaxed));
        match kind {
            StatusKind::Info => out.put(fmt!("{mapped} {failed}")),
            StatusKind::Table => out.put(fmt!("{device}")),
            StatusKind::Ima => out.put(fmt!(
                "target_name=passthrough,target_version={major}.{minor}.{patch},device={device};"
            )),
        }
    }

    fn message(
        this: ArcBorrow<'_, Self>,
        words: Words<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), MessageError> {
        match words.get(0) {
            Some("reset") if words.len() == 1 => {
                this.mapped.store(0, Relaxed);
                this.failed.store(0, Relaxed);
                this.events.raise();
                Ok(())
            }
            Some("echo") => {
                for (index, word) in words.iter().enumerate().skip(1) {
                    reply.put(fmt!("{}{word}", if index > 1 { " " } else { "" }));
                }
                Ok(())
            }
            word => Err(MessageError::invalid(fmt!(
                "the message `{}` is not known; send `reset` or `echo <words>`",
                word.unwrap_or("")
            ))),
        }
    }

    fn iterate_devices(this: ArcBorrow<'_, Self>, visitor: &mut DeviceVisitor<'_>) {
        visitor.visit(&this.device, 0, this.device.sectors());
    }

    fn io_hints(this: ArcBorrow<'_, Self>, limits: &mut Limits<'_>) {
        limits.set_io_min(this.device.physical_block_size());
    }
}
