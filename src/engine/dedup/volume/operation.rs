// SPDX-License-Identifier: GPL-2.0-only

//! What is known of a request while it is worked on.

use crate::engine::dedup::action::Failure;
use crate::engine::dedup::event::{Content, RequestId, RequestKind};
use crate::engine::dedup::settings::PINS;
use crate::engine::dedup::units::{Batch, Fingerprint, PageNumber, Pbn};

/// How far a request has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// Nothing is done yet.
    Begin,
    /// A write of the same fingerprint is under way: the two are compared, and its block is waited for.
    Joining,
    /// The index is asked.
    Asking,
    /// The block of the advice is looked at.
    Checking(Pbn),
    /// Its data is compared.
    Comparing(Pbn),
    /// A block is looked for.
    Taking,
    /// The data is written.
    Writing(Pbn),
    /// Map and counts are to be changed.
    Applying(Change),
    /// A read is under way, or a range is walked.
    Walking,
    /// A batch has to be durable.
    Finishing,
}

/// What a write does to map and counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// It is a block that is there.
    Share(Pbn),
    /// It is a block that was taken and written.
    Store(Pbn),
}

/// What a request waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wait {
    /// For its turn.
    Nothing,
    /// For an event of its own.
    Event,
    /// For the page that is read into this frame.
    Page(usize),
    /// For a frame to become free.
    Frame,
    /// For room in the journal.
    Room,
    /// For blocks that are held back.
    Space,
    /// For a batch to be durable.
    Batch(Batch),
}

/// For what a request holds a page in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pin {
    /// The map page of its block.
    Map = 0,
    /// The pool page of the block before.
    Before = 1,
    /// The pool page of the block after.
    After = 2,
}

/// A request that is worked on.
pub(super) struct Operation {
    /// None if this place is free.
    pub(super) request: Option<RequestId>,
    pub(super) kind: RequestKind,
    pub(super) stage: Stage,
    pub(super) wait: Wait,
    /// It is in the queue of those whose turn it is.
    pub(super) is_queued: bool,
    /// The frames that it holds.
    pub(super) pins: [Option<usize>; PINS as usize],
    /// The open batch when it began to use blocks whose reuse it must not see.
    pub(super) reads_since: Option<Batch>,
    /// A page that it needed and that cannot be read.
    pub(super) failed_page: Option<PageNumber>,
    /// Of a write: it is in the table of fingerprints under way.
    pub(super) is_leader: bool,
    /// Of a leader: the write that joined it last and waits for its block.
    pub(super) last_follower: Option<u32>,
    /// Of a write in a leader's list: the one that joined before it.
    pub(super) next_follower: Option<u32>,
    /// The next leader in the same chain of that table.
    pub(super) next_leader: Option<u32>,
    /// Of a write that joins another: which, until that has a block or has failed.
    pub(super) leader: Option<u32>,
    /// Whether both data are equal, once that is known.
    pub(super) is_equal: Option<bool>,
    /// The other's block, once it is known.
    pub(super) shared: Option<Pbn>,
    /// Of a range: blocks that are done.
    pub(super) at: u64,
    /// Of a read: I/Os under way.
    pub(super) in_flight: u32,
    /// Of a read: it has failed.
    pub(super) failure: Option<Failure>,
}

impl Operation {
    /// A free place.
    pub(super) const FREE: Self = Self {
        request: None,
        kind: RequestKind::Flush,
        stage: Stage::Begin,
        wait: Wait::Nothing,
        is_queued: false,
        pins: [None; PINS as usize],
        reads_since: None,
        failed_page: None,
        is_leader: false,
        last_follower: None,
        next_follower: None,
        next_leader: None,
        leader: None,
        is_equal: None,
        shared: None,
        at: 0,
        in_flight: 0,
        failure: None,
    };

    /// Of a write of data: its fingerprint.
    pub(super) fn fingerprint(&self) -> Option<Fingerprint> {
        match self.kind {
            RequestKind::Write {
                content: Content::Data(fingerprint),
                ..
            } => Some(fingerprint),
            _ => None,
        }
    }
}
