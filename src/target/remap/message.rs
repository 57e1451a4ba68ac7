// SPDX-License-Identifier: GPL-2.0-only

//! `dmsetup message`: each message replies.

use kernel::{
    prelude::*,
    sync::ArcBorrow, //
};

use crate::{
    dm::{
        MessageError,
        Reply,
        Words, //
    },
    engine::RequestKind,
};

use crate::target::sentences;

use super::{
    status::other_errors,
    Remap, //
};

/// What `help` replies: one message a line.
const HELP: &str = "help                       this list\n\
                    stats                      every counter, one name and value a line\n\
                    remap <block> [<count>]    move blocks of 4096 bytes to the spare\n\
                    unremap <block> [<count>]  move them back, if main takes them\n\
                    test <block> [<count>]     read them, and repair those that fail\n\
                    sync                       write the metadata to every copy\n";

impl Remap {
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
                this.write_counters(reply);
                Ok(())
            }
            ("sync", 1) => Self::order_sync(this, reply),
            ("remap", 2 | 3) => Self::order_blocks(this, RequestKind::Remap, words, reply),
            ("unremap", 2 | 3) => Self::order_blocks(this, RequestKind::Unremap, words, reply),
            ("test", 2 | 3) => Self::order_blocks(this, RequestKind::Test, words, reply),
            ("remap" | "unremap" | "test", given) => Err(MessageError::invalid(fmt!(
                "message `{}` has {} arguments: write `{} <block> [<count>]`, in blocks of 4096 bytes",
                name,
                given.saturating_sub(1),
                name
            ))),
            ("help" | "stats" | "sync", given) => {
                Err(sentences::takes_no_argument(name, given))
            }
            _ => Err(MessageError::invalid(fmt!(
                "message `{name}` is unknown: send `help` for the list"
            ))),
        }
    }

    fn write_counters(&self, reply: &mut Reply<'_>) {
        let status = self.core.lock().engine.snapshot();
        let shell = &self.counters;
        for (name, value) in [
            ("remapped_blocks", status.remapped),
            ("poisoned_blocks", status.poisoned),
            ("slots_used", status.slots_used),
            ("slots_total", status.slots_total),
            ("slots_bad", status.slots_bad),
            ("tid", status.tid),
            ("commits", status.commits),
            ("checkpoints", status.checkpoints),
            ("commit_failures", status.commit_failures),
            ("commit_timeouts", status.commit_timeouts),
            ("copy_failures", status.copy_failures),
        ] {
            reply.put(fmt!("{name} {value}\n"));
        }
        for (name, value) in [
            ("main_read_errors", status.main_read_errors),
            ("main_write_errors", status.main_write_errors),
            (
                "main_media_errors",
                status
                    .main_read_errors
                    .saturating_add(status.main_write_errors),
            ),
            ("spare_media_errors", status.slot_errors),
            (
                "other_errors",
                other_errors(&status, shell.passed_errors.get()),
            ),
            ("retries", status.read_retries),
            ("sectors_salvaged", status.salvaged_sectors),
            ("sectors_lost", status.lost_sectors),
            ("healed_blocks", status.healed_blocks),
            ("not_remapped", status.not_remapped),
            ("main_gone", status.main_gone),
            ("spare_gone", status.spare_gone),
            ("memory_bytes", status.memory_bytes),
        ] {
            reply.put(fmt!("{name} {value}\n"));
        }
        for (name, counter) in [
            ("held_bios", &shell.held_bios),
            ("repairs_read", &shell.repairs_read),
            ("repairs_write", &shell.repairs_write),
            ("slot_reads", &shell.slot_reads),
            ("slot_writes", &shell.slot_writes),
            ("poisoned_reads", &shell.poisoned_reads),
            ("nowait_refused", &shell.nowait_refused),
            ("main_flushes", &shell.main_flushes),
            ("spare_flushes", &shell.spare_flushes),
        ] {
            reply.put(fmt!("{} {}\n", name, counter.get()));
        }
    }
}
