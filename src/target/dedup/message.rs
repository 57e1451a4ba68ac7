// SPDX-License-Identifier: GPL-2.0-only

//! `dmsetup message`: each message replies.

use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        ArcBorrow,
        Mutex, //
    },
};

use crate::{
    dm::{
        MessageError,
        Reply,
        Words, //
    },
    engine::dedup::RequestId,
    kern::Gate,
};

use crate::target::{
    index::IndexSnapshot,
    sentences, //
};

use super::{
    shell::Shell,
    Dedup, //
};

/// The request of the message `commit`; those of bios are far below.
pub(super) const COMMIT: RequestId = RequestId(u32::MAX);

/// What `help` replies: one message a line.
const HELP: &str = "help          this list\n\
                    stats [json]  every counter, one name and value a line, or one JSON object\n\
                    commit        make everything durable that is complete\n\
                    index on|off  look up what was written before, or go on without (until the table is replaced)\n";

/// The message `commit` that is at work, if any.
#[pin_data]
pub(super) struct Commits {
    #[pin]
    is_answered: Gate,
    #[pin]
    state: Mutex<CommitState>,
}

/// Under `Commits::state`; a leaf lock.
struct CommitState {
    /// From the moment it is asked for until it is answered, whether its sender still waits or not.
    running: bool,
    succeeded: bool,
}

impl Commits {
    /// None.
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            is_answered <- Gate::new(),
            state <- new_mutex!(
                CommitState {
                    running: false,
                    succeeded: false,
                },
                "dm_spare::commits"
            ),
        })
    }

    /// The volume has answered. Called by the worker.
    pub(super) fn answered(&self, succeeded: bool) {
        let mut state = self.state.lock();
        state.running = false;
        state.succeeded = succeeded;
        self.is_answered.open();
    }

    /// Begins one, unless one is at work.
    fn begin(&self) -> bool {
        let mut state = self.state.lock();
        let begins = !state.running;
        if begins {
            state.running = true;
            self.is_answered.close();
        }
        begins
    }
}

impl Dedup {
    /// Answers one message.
    pub(in crate::target) fn answer_message(
        this: ArcBorrow<'_, Self>,
        words: Words<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), MessageError> {
        let name = words.get(0).unwrap_or("");
        match (name, words.len()) {
            ("help", 1) => {
                reply.put(fmt!("{HELP}"));
                Ok(())
            }
            ("stats", 1) => {
                this.for_each_counter(&mut |name, value| reply.put(fmt!("{name} {value}\n")));
                Ok(())
            }
            ("stats", 2) if words.get(1) == Some("json") => {
                this.write_json(reply);
                Ok(())
            }
            ("stats", _) => Err(MessageError::invalid(fmt!(
                "message `stats` has `{}` behind it: send `stats` or `stats json`",
                words.get(1).unwrap_or("")
            ))),
            ("commit", 1) => Self::commit(this, reply),
            ("index", _) => this.switch_index(words, reply),
            ("help" | "commit", given) => Err(sentences::takes_no_argument(name, given)),
            _ => Err(MessageError::invalid(fmt!(
                "message `{name}` is unknown in dedup mode: send `help` for the list"
            ))),
        }
    }

    /// Makes everything durable that is complete; waits for it, killably.
    fn commit(this: ArcBorrow<'_, Self>, reply: &mut Reply<'_>) -> Result<(), MessageError> {
        if !this.commits.begin() {
            return Err(MessageError::new(
                EBUSY,
                fmt!("message `commit` is already at work: send it again later"),
            ));
        }
        this.inbox.lock().orders.flush = true;
        this.worker.enqueue(this);
        this.commits.is_answered.wait_killable().map_err(|error| {
            MessageError::new(error, fmt!("message `commit` was broken off: its sender was killed"))
        })?;
        if !this.commits.state.lock().succeeded {
            return Err(MessageError::new(
                EIO,
                fmt!("message `commit` failed: the volume is not in service, or cannot be written"),
            ));
        }
        reply.put(fmt!("committed\n"));
        Ok(())
    }

    /// `index on` and `index off`.
    fn switch_index(
        &self,
        words: Words<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<(), MessageError> {
        let is_on = match (words.get(1), words.len()) {
            (Some("on"), 2) => true,
            (Some("off"), 2) => false,
            _ => {
                return Err(MessageError::invalid(fmt!(
                    "message `index` has `{}` and {} words in all: send `index on` or `index off`",
                    words.get(1).unwrap_or(""),
                    words.len()
                )))
            }
        };
        let Some(adviser) = &self.adviser else {
            return Err(MessageError::invalid(fmt!(
                "this volume has no index: create one with option `index_memory`"
            )));
        };
        adviser.switch(is_on);
        reply.put(fmt!("index {}\n", self.index_word()));
        Ok(())
    }

    fn write_json(&self, reply: &mut Reply<'_>) {
        let mut before = "{";
        self.for_each_counter(&mut |name, value| {
            reply.put(fmt!("{before}\"{name}\":{value}"));
            before = ",";
        });
        reply.put(fmt!("}}\n"));
    }

    /// Every counter, always in the same order.
    fn for_each_counter(&self, show: &mut dyn FnMut(&str, u64)) {
        let status = self.snapshot.lock().status;
        let engine = status.counters;
        for (name, value) in [
            ("logical_blocks", self.settings.geometry.logical_blocks),
            ("mapped_blocks", status.mapped_blocks),
            ("data_blocks", status.data_blocks),
            ("used_blocks", status.used_blocks),
            ("journal_blocks", status.journal_blocks),
            ("journal_taken", status.journal_taken),
            ("batches", status.batches),
            ("checkpoint", status.checkpoint),
            ("stored", engine.stored),
            ("shared", engine.shared),
            ("joined", engine.joined),
            ("verify_failures", engine.collisions),
            ("stale_advice", engine.stale_advice),
            ("without_space", engine.without_space),
            ("damaged_pages", engine.damaged_pages),
            ("read_checks", engine.read_checks),
            ("read_check_failures", engine.read_check_failures),
            (
                "memory_bytes",
                status
                    .memory_bytes
                    .saturating_add(Shell::memory_bytes(self.options.check_reads)),
            ),
        ] {
            show(name, value);
        }
        let shell = &self.counters;
        for (name, counter) in [
            ("written_blocks", &shell.written_blocks),
            ("zero_blocks", &shell.zero_blocks),
            ("data_writes", &shell.data_writes),
            ("whole_reads", &shell.whole_reads),
            ("part_reads", &shell.part_reads),
            ("comparisons", &shell.comparisons),
            ("comparison_reads", &shell.comparison_reads),
            ("recent_comparisons", &shell.recent_comparisons),
            ("asked", &shell.asked),
            ("advised", &shell.advised),
            ("not_learned", &shell.not_learned),
            ("main_errors", &shell.main_errors),
            ("spare_errors", &shell.spare_errors),
        ] {
            // Counted up from zero.
            show(name, counter.get().unsigned_abs());
        }
        if let Some(adviser) = &self.adviser {
            for_each_index_counter(&adviser.index.snapshot(), show);
        }
    }
}

fn for_each_index_counter(snapshot: &IndexSnapshot, show: &mut dyn FnMut(&str, u64)) {
    let (zones, keeper) = (&snapshot.zones, &snapshot.keeper);
    for (name, value) in [
        ("index_entries", zones.entries),
        ("index_requests", zones.requests),
        ("index_unavailable", zones.unavailable),
        ("index_false_candidates", zones.false_candidates),
        ("index_pages_read", zones.pages_read),
        ("index_page_read_errors", zones.page_read_errors),
        ("index_expired_early", snapshot.expired_early),
        ("index_chapters", keeper.window.chapters()),
        ("index_replayed", keeper.progress.done),
        ("index_to_replay", keeper.progress.total),
        (
            "index_chapters_written",
            keeper.statistics.chapters_written,
        ),
        ("index_memory_bytes", snapshot.memory_bytes),
    ] {
        show(name, value);
    }
}
