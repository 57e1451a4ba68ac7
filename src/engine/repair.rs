// SPDX-License-Identifier: GPL-2.0-only

//! Repairs: what is done with held requests.
//!
//! A request waits in order of arrival until no other overlaps it, then becomes a job. The job makes its blocks
//! busy, waits until no earlier write is in flight on them, and goes through them one by one. What it changes is
//! committed, then published in the lookup, then the blocks are free again, then the request is completed.

pub(super) mod commit;
pub(super) mod job;
pub(super) mod order;
mod probe;
mod queue;
mod relocate;
mod source;
mod steps;
