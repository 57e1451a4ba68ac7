// SPDX-License-Identifier: GPL-2.0-only

//! What the kernel crate lacks and a block driver needs.
//!
//! Nothing here knows of device-mapper or of any target. Each file wraps one
//! facility of the kernel, owns what it allocates, and says in which contexts
//! its functions may be called.

#![warn(clippy::multiple_unsafe_ops_per_block)]

mod bioset;
mod block_status;
mod claims;
mod client;
mod epoch;
mod gate;
mod hash;
mod in_flight;
mod kthread;
mod lock;
pub mod log;
mod noio;
mod plain;
mod random;
mod text;
mod time;
mod timer;
mod workqueue;

pub(crate) use self::bioset::BioPool;
pub use self::{
    bioset::{
        BioSet,
        BlockDevice,
        OwnIo,
        PIECES_MAXIMUM, //
    },
    block_status::BlockStatus,
    claims::{
        prepare as prepare_claims,
        Claimant, //
    },
    epoch::{
        EpochToken,
        GracePeriods,
        IoEpoch,
        TicketsExhausted, //
    },
    gate::Gate,
    hash::crc32c,
    in_flight::InFlight,
    kthread::{
        StopSignal,
        Thread, //
    },
    lock::{
        new_irq_lock,
        IrqLock,
        IrqSave, //
    },
    log::{
        error_limited,
        info_limited,
        warn_bug,
        warn_limited, //
    },
    noio::NoIo,
    plain::Plain,
    random::{
        random_bytes,
        random_u64, //
    },
    text::TextBuffer,
    time::monotonic_ns,
    timer::Timer,
    workqueue::{
        Work,
        Worker, //
    },
};
