// SPDX-License-Identifier: GPL-2.0-only

//! The sentence in which the kernel said why it refused something.

use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;

/// The kernel's log from a moment on.
pub(super) struct KernelLog(File);

impl KernelLog {
    /// Begins to listen; none where the log cannot be read.
    pub(super) fn open() -> Option<Self> {
        // CAST: flags of open fit an int.
        let mut file = OpenOptions::new()
            .read(true)
            .custom_flags(OFlags::NONBLOCK.bits() as i32)
            .open("/dev/kmsg")
            .ok()?;
        file.seek(SeekFrom::End(0)).ok()?;
        Some(Self(file))
    }

    /// What the target, or device-mapper for it, has said since.
    pub(super) fn sentence(mut self) -> Option<String> {
        let mut text = String::new();
        let mut record = [0; 8192];
        // One record a read; the end is an error, EAGAIN.
        while let Ok(length) = self.0.read(&mut record) {
            if length == 0 {
                break;
            }
            text.push_str(&String::from_utf8_lossy(
                record.get(..length).unwrap_or(&[]),
            ));
            text.push('\n');
        }
        last_sentence(&text)
    }
}

/// The last sentence of the target in records of the kernel's log (`priority,number,time,flags;text`), without what
/// stands before it; only warnings and errors count. A sentence of the target itself is preferred to device-mapper's report of it.
pub fn last_sentence(records: &str) -> Option<String> {
    let texts = || {
        records
            .lines()
            .filter_map(|line| line.split_once(';'))
            .filter(|(header, _)| is_complaint(header))
            .map(|(_, text)| text)
    };
    let own = texts()
        .filter_map(|text| text.strip_prefix("dm_spare: "))
        .filter_map(|text| text.splitn(3, ':').nth(2))
        .next_back();
    let of_table = texts()
        .filter_map(|text| text.strip_prefix("device-mapper: table: "))
        .filter_map(|text| text.split_once(": spare: "))
        .map(|(_, sentence)| without_error_name(sentence))
        .next_back();
    own.or(of_table.map(explained))
        .map(|sentence| sentence.trim().to_owned())
}

/// The sentence without the error's name that device-mapper appends: ` (-EINVAL)`.
fn without_error_name(sentence: &str) -> &str {
    match sentence.trim_end().rsplit_once(" (-E") {
        Some((before, _)) => before,
        None => sentence,
    }
}

/// Device-mapper's own words for a target that no module offers say nothing of what to do.
fn explained(sentence: &str) -> &str {
    if sentence == "unknown target type" {
        "the kernel has no target spare: install dm-spare.ko for this kernel, and see what modprobe dm-spare says"
    } else {
        sentence
    }
}

/// Whether a record is a warning or worse: the lowest three bits of its priority are its level.
fn is_complaint(header: &str) -> bool {
    const WARNING: u32 = 4;
    header
        .split(',')
        .next()
        .and_then(|priority| priority.parse::<u32>().ok())
        .is_some_and(|priority| priority % 8 <= WARNING)
}
