// SPDX-License-Identifier: GPL-2.0-only

//! `dmsetup status` and `dmsetup table`. The lines are described in Documentation/admin-guide.md and only ever
//! grow at their end.

use crate::{
    dm::{
        StatusKind,
        StatusWriter, //
    },
    engine::{
        State,
        Status,
        Uuid, //
    },
    kern::Plain,
};

use kernel::prelude::*;

use super::Remap;

impl Remap {
    /// Writes the line that `kind` asks for.
    pub(in crate::target) fn write_status(&self, kind: StatusKind, out: &mut StatusWriter<'_>) {
        let status = self.core.lock().engine.snapshot();
        match kind {
            StatusKind::Info => self.write_info(&status, out),
            StatusKind::Table => self.write_table(&status, out),
            StatusKind::Ima => out.put(fmt!(
                "target_name=spare,target_version=1.0.0,mode=remap,main={},spare={},uuid={};",
                self.main.name(),
                self.spare.name(),
                Plain(&Uuid(status.uuid))
            )),
        }
    }

    fn write_info(&self, status: &Status, out: &mut StatusWriter<'_>) {
        let good = status.copies_healthy.count_ones();
        let main_errors = status
            .main_read_errors
            .saturating_add(status.main_write_errors);
        let main = if status.main_is_gone {
            "failed"
        } else if main_errors == 0 {
            "ok"
        } else {
            "failing"
        };
        let spare = if status.spare_is_gone || (active(status) && good == 0) {
            "failed"
        } else if status.slot_errors != 0 || status.copy_failures != 0 {
            "failing"
        } else {
            "ok"
        };
        out.put(fmt!(
            "remap {} remapped={} poisoned={} slots={}/{} main={} spare={} copies={}/{} tid={} commits={}",
            state_word(status),
            status.remapped,
            status.poisoned,
            status.slots_used,
            status.slots_total,
            main,
            spare,
            good,
            status.copies,
            status.tid,
            status.commits
        ));
        out.put(fmt!(
            " media_errors={} other_errors={}",
            main_errors.saturating_add(status.slot_errors),
            other_errors(status, self.counters.passed_errors.get())
        ));
    }

    fn write_table(&self, status: &Status, out: &mut StatusWriter<'_>) {
        let named = u8::from(self.options.uuid.is_some()) * 2;
        let copies = u8::from(self.options.metadata_copies.is_some()) * 2;
        let fail_after = u8::from(self.options.fail_after != 0) * 2;
        let read_only = u8::from(self.options.read_only);
        out.put(fmt!(
            "{} {} {} mode remap",
            self.main.name(),
            self.spare.name(),
            6 + named + copies + fail_after + read_only
        ));
        if let Some(copies) = self.options.metadata_copies {
            out.put(fmt!(" metadata_copies {copies}"));
        }
        out.put(fmt!(
            " read_retries {} commit_timeout {}",
            self.options.read_retries,
            self.options.commit_timeout
        ));
        if self.options.fail_after != 0 {
            out.put(fmt!(" fail_after {}", self.options.fail_after));
        }
        if self.options.read_only {
            out.put(fmt!(" read_only"));
        }
        if self.options.uuid.is_some() {
            out.put(fmt!(" uuid {}", Plain(&Uuid(status.uuid))));
        }
    }
}

/// Whether the target serves I/O, or did until it was suspended.
fn active(status: &Status) -> bool {
    matches!(
        status.state,
        State::Active | State::Suspending | State::Suspended
    )
}

/// One word for how the set is.
pub(super) fn state_word(status: &Status) -> &'static str {
    match status.state {
        State::Refused => "refused",
        State::Inactive | State::Loading => "inactive",
        State::Active | State::Suspending | State::Suspended => status.health.word(),
    }
}

/// Errors that are not of the medium: those that repairs met, and those that were passed up.
pub(super) fn other_errors(status: &Status, passed: i64) -> u64 {
    status
        .other_errors
        .saturating_add(u64::try_from(passed).unwrap_or(0))
}
