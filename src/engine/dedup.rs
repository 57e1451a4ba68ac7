// SPDX-License-Identifier: GPL-2.0-only

//! The engine of dedup mode: a volume that stores each distinct block once.
//!
//! Documentation/dedup.md says what it does and why. Like the rest of the engine it decides and touches nothing.
//!
//! | module | what it holds |
//! |---|---|
//! | `units` | what a number counts |
//! | `format` | what lies on the legs, bytes to values and back |
//! | `cache` | pages in memory |
//! | `journal` | batches of records and images, and the ring that they are written to |
//! | `fingerprint` | the fast hash of a block |
//! | `pool` | where blocks are free |
//! | `translations` | where blocks are, for whoever reads without asking |
//! | `volume` | requests, commits, checkpoints, activation |
//! | `event`, `action` | what goes in and out |
//! | `settings`, `refusal`, `status` | what a volume is told, why it is not taken, what it counts |

pub mod action;
mod cache;
pub mod event;
mod fingerprint;
pub mod format;
mod journal;
mod pool;
mod refusal;
mod settings;
mod status;
mod token;
mod translations;
pub mod units;
mod volume;

pub use action::{Action, Activation, Failure, Io, IoKind};
pub use event::{Content, Event, Fill, OperationId, Request, RequestId, RequestKind};
pub use fingerprint::{fingerprint, is_zero};
pub use refusal::Refusal;
pub use settings::{default_index_mebibytes, index_geometry, Settings, SettingsError};
pub use status::{Counters, State, Status};
pub use translations::Translations;
pub use units::{Batch, Fingerprint, Lbn, Leg, Lsn, PageNumber, Pbn};
pub use volume::Volume;
