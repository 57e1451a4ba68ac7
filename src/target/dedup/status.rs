// SPDX-License-Identifier: GPL-2.0-only

//! `dmsetup status` and `dmsetup table`, and events when they change. The lines are described in
//! Documentation/admin-guide.md and only ever grow at their end.

use kernel::prelude::*;

use crate::{
    dm::{
        StatusKind,
        StatusWriter, //
    },
    engine::{
        dedup::{
            State,
            Status,
            Volume, //
        },
        Uuid, //
    },
    kern::Plain,
};

use super::Dedup;

/// How things stood when the worker last had something to do; under `Dedup::snapshot`, a leaf lock.
pub(super) struct Snapshot {
    pub(super) status: Status,
    pub(super) uuid: [u8; 16],
    /// What was found on the devices was refused.
    pub(super) is_refused: bool,
    /// Fewer blocks are free than the user wants.
    pub(super) is_low: bool,
}

impl Snapshot {
    /// Of a volume that was just made.
    pub(super) fn new(status: Status) -> Self {
        Self {
            status,
            uuid: [0; 16],
            is_refused: false,
            is_low: false,
        }
    }

    /// One word for how the volume is.
    fn word(&self) -> &'static str {
        match self.status.state {
            State::Inactive if self.is_refused => "refused",
            State::Inactive => "inactive",
            State::Activating => "activating",
            _ if self.status.read_only => "read_only",
            _ if self.status.used_blocks >= self.status.data_blocks => "full",
            _ => "ok",
        }
    }

    /// Percent of the mapped blocks that need no block of their own.
    fn saving(&self) -> u64 {
        let Status {
            mapped_blocks,
            used_blocks,
            ..
        } = self.status;
        let saved = mapped_blocks.saturating_sub(used_blocks);
        saved
            .saturating_mul(100)
            .checked_div(mapped_blocks)
            .unwrap_or(0)
    }
}

impl Dedup {
    /// Takes note of how things stand; raises an event if the word for that has changed, or few blocks are left.
    pub(super) fn publish(&self, volume: &Volume) {
        let status = volume.status();
        let free = status.data_blocks.saturating_sub(status.used_blocks);
        let is_active = !matches!(status.state, State::Inactive | State::Activating);
        let is_low = is_active && free < self.options.low_water;
        let mut snapshot = self.snapshot.lock();
        let (word, was_low) = (snapshot.word(), snapshot.is_low);
        snapshot.status = status;
        snapshot.is_low = is_low;
        let has_changed = snapshot.word() != word;
        drop(snapshot);
        if is_low && !was_low {
            pr_warn!(
                "{}: {} blocks are free, fewer than the {} of low_water: discard what is not needed\n",
                self.name,
                free,
                self.options.low_water
            );
        }
        if has_changed || (is_low && !was_low) {
            self.events.raise();
        }
    }

    /// Writes the line that `kind` asks for.
    pub(in crate::target) fn write_status(&self, kind: StatusKind, out: &mut StatusWriter<'_>) {
        match kind {
            StatusKind::Info => self.write_info(out),
            StatusKind::Table => self.write_table(out),
            StatusKind::Ima => out.put(fmt!(
                "target_name=spare,target_version=1.0.0,mode=dedup,main={},spare={},uuid={};",
                self.main.name(),
                self.spare.name(),
                Plain(&Uuid(self.snapshot.lock().uuid))
            )),
        }
    }

    fn write_info(&self, out: &mut StatusWriter<'_>) {
        let snapshot = self.snapshot.lock();
        let status = &snapshot.status;
        let leg = |errors: i64| if errors == 0 { "ok" } else { "failing" };
        out.put(fmt!(
            "dedup {} mapped={}/{} used={}/{} saving={}% hits={} verify_failures={}",
            snapshot.word(),
            status.mapped_blocks,
            self.settings.geometry.logical_blocks,
            status.used_blocks,
            status.data_blocks,
            snapshot.saving(),
            status.counters.shared,
            status.counters.collisions
        ));
        let reason = if status.read_only {
            "metadata_write_failed"
        } else {
            "none"
        };
        out.put(fmt!(
            " main={} spare={} read_only={} index={} read_checks={} read_check_failures={}",
            leg(self.counters.main_errors.get()),
            leg(self.counters.spare_errors.get()),
            reason,
            self.index_word(),
            status.counters.read_checks,
            status.counters.read_check_failures
        ));
    }

    fn write_table(&self, out: &mut StatusWriter<'_>) {
        let words = 14 + 2 * u8::from(self.options.journal_mb.is_some());
        out.put(fmt!(
            "{} {} {} mode dedup cache_mb {}",
            self.main.name(),
            self.spare.name(),
            words,
            self.options.cache_mb
        ));
        if let Some(journal) = self.options.journal_mb {
            out.put(fmt!(" journal_mb {journal}"));
        }
        out.put(fmt!(
            " commit_ms {} low_water {} index_memory {} verify on check_reads {}",
            self.options.commit_ms,
            self.options.low_water,
            self.index_memory,
            if self.options.check_reads { "on" } else { "off" }
        ));
    }
}
