// SPDX-License-Identifier: GPL-2.0-only

//! A safe device-mapper layer.
//!
//! A target implements [`Target`], a module registers it with [`Registration`],
//! and no line of either is `unsafe`. The layer knows nothing of any particular
//! target; `tests/passthrough` is the smallest one, and a template.
//!
//! # How it is put together
//!
//! - `target/thunks.rs` holds the C callbacks. Each converts its arguments,
//!   calls one function of [`Target`], and converts the result back.
//! - A bio is a value that can be moved and not copied: [`MapBio`] while it is
//!   being mapped, [`EndBio`] when it has come back, [`HeldBio`] in between. The
//!   only way to the result that `map` and `end_io` must return leads through
//!   one of the functions that dispose of the bio, so a bio that is forgotten
//!   or disposed of twice does not compile.
//! - Everything that refers to the table (devices, events, held bios) holds a
//!   lease on the target's instance. The instance is freed when the last lease
//!   is back: a target that leaks one makes removal hang, with a warning, and
//!   not the kernel crash.
//!
//! # Contexts
//!
//! | callback | context |
//! |---|---|
//! | [`Target::new`], [`Target::destroy`] | process, may sleep |
//! | [`Target::map`] | the submitter's task, on all CPUs at once; may sleep for memory, must not wait for bios |
//! | [`Target::end_io`] | any, hardirq included |
//! | suspend and resume callbacks | process, may sleep; allocate under [`NoIo`](crate::kern::NoIo) |
//! | [`Target::status`], [`Target::message`] | process, may sleep, concurrent with I/O |
//! | [`Target::iterate_devices`], [`Target::io_hints`] | process; the table may not be active |
//!
//! C header: [`include/linux/device-mapper.h`](srctree/include/linux/device-mapper.h)

#![warn(clippy::multiple_unsafe_ops_per_block)]

mod args;
mod bio;
mod constructor;
mod device;
mod error;
mod event;
mod instance;
mod lifecycle;
mod limits;
mod message;
mod opened;
mod per_bio;
mod registration;
mod status;
mod target;
mod visitor;
mod words;

pub use self::{
    args::{
        parse_number,
        Arguments, //
    },
    bio::{
        BioQueue,
        CannotSplit,
        EndBio,
        Ended,
        HeldBio,
        MapBio,
        Mapped,
        Operation,
        PartIo,
        PartSet,
        SplitPool, //
    },
    constructor::Constructor,
    device::Device,
    error::{
        ConstructError,
        MessageError, //
    },
    event::Events,
    lifecycle::{
        Quiesced,
        Running,
        Starting,
        Suspending, //
    },
    limits::Limits,
    message::Reply,
    registration::Registration,
    status::{
        StatusKind,
        StatusWriter, //
    },
    target::{
        Features,
        Target, //
    },
    visitor::DeviceVisitor,
    words::Words, //
};
pub use crate::kern::BlockStatus as Status;
