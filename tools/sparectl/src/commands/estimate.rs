// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl estimate`: what deduplication would save. Writes nothing.

use super::{Session, DONE};
use crate::cli::Estimate;
use crate::estimate::{Met, Tally, Walk};
use crate::failure::Failure;
use crate::leg::Leg;
use crate::progress;
use dm_spare_engine::BLOCK_BYTES;
use indicatif::ProgressBar;
use rustix::rand::{getrandom, GetRandomFlags};
use serde::Serialize;
use std::fs::{File, Metadata};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// What was found.
#[derive(Serialize)]
struct Report {
    files: u64,
    devices: u64,
    unreadable: u64,
    block_bytes: usize,
    blocks: u64,
    zero_blocks: u64,
    distinct_blocks: u64,
    /// Otherwise the number of distinct blocks is estimated from a sample.
    exact: bool,
    saving_percent: f64,
}

/// Runs the command.
///
/// # Errors
///
/// Something could not be read; what was read is printed before.
pub fn run(arguments: &Estimate, session: &mut Session<'_>) -> Result<u8, Failure> {
    let mut secret = [0; 16];
    getrandom(&mut secret, GetRandomFlags::empty())
        .map_err(|errno| Failure::new(format!("the kernel gives no random numbers: {errno}")))?;
    let mut reader = Reader {
        tally: Tally::new(arguments.memory, secret),
        bar: progress::bar(0, "blocks"),
        files: 0,
        devices: 0,
        unreadable: 0,
    };
    for path in &arguments.paths {
        let mut walk = Walk::default();
        if let Some(first) = walk.begin(path) {
            reader.take(first, true);
        }
        for met in walk {
            // Folders like /dev name devices that nobody asked for.
            reader.take(met, false);
        }
    }
    reader.bar.finish_and_clear();
    let report = reader.report();
    if arguments.json {
        writeln!(session.out, "{}", serde_json::to_string(&report)?)?;
    } else {
        print(&report, session)?;
    }
    if report.unreadable == 0 {
        return Ok(DONE);
    }
    Err(Failure::new(format!(
        "{} files, folders or devices could not be read: the figures are without them, see above why",
        report.unreadable
    )))
}

struct Reader {
    tally: Tally,
    bar: ProgressBar,
    files: u64,
    devices: u64,
    unreadable: u64,
}

impl Reader {
    fn take(&mut self, met: Met, reads_devices: bool) {
        let read = met
            .map_err(|(path, error)| Failure::io("read", &path, &error))
            .and_then(|(path, metadata)| self.read(&path, &metadata, reads_devices));
        if let Err(failure) = read {
            self.bar.suspend(|| eprintln!("sparectl: {failure}"));
            self.unreadable = self.unreadable.saturating_add(1);
        }
    }

    fn read(
        &mut self,
        path: &Path,
        metadata: &Metadata,
        reads_devices: bool,
    ) -> Result<(), Failure> {
        let bar = &self.bar;
        let mut progress = |blocks| bar.inc(blocks);
        if metadata.is_file() {
            bar.inc_length(metadata.len().div_ceil(BLOCK_BYTES as u64));
            File::open(path)
                .and_then(|mut file| {
                    self.tally
                        .add_file(&mut file, metadata.len(), &mut progress)
                })
                .map_err(|error| Failure::io("read", path, &error))?;
            self.files = self.files.saturating_add(1);
        } else if reads_devices && metadata.file_type().is_block_device() {
            let mut device = Leg::open_shared(path)?;
            bar.inc_length(device.sectors() / dm_spare_engine::SECTORS_PER_BLOCK);
            self.tally
                .add_device(&mut device, &mut progress)
                .map_err(|text| Failure::new(format!("cannot read {}: {text}", path.display())))?;
            self.devices = self.devices.saturating_add(1);
        }
        // Anything else holds no data of its own.
        Ok(())
    }

    fn report(&self) -> Report {
        Report {
            files: self.files,
            devices: self.devices,
            unreadable: self.unreadable,
            block_bytes: BLOCK_BYTES,
            blocks: self.tally.blocks,
            zero_blocks: self.tally.zero_blocks,
            distinct_blocks: self.tally.distinct.count(),
            exact: self.tally.distinct.is_exact(),
            saving_percent: self.tally.saving_percent(),
        }
    }
}

fn print(report: &Report, session: &mut Session<'_>) -> Result<(), Failure> {
    let about = if report.exact { "" } else { ", estimated" };
    writeln!(session.out, "files           {}", report.files)?;
    writeln!(session.out, "devices         {}", report.devices)?;
    writeln!(
        session.out,
        "blocks          {} of {} bytes",
        report.blocks, report.block_bytes
    )?;
    writeln!(session.out, "of zeros        {}", report.zero_blocks)?;
    writeln!(
        session.out,
        "distinct        {}{about}",
        report.distinct_blocks
    )?;
    writeln!(session.out, "saving          {}%", report.saving_percent)?;
    Ok(())
}
