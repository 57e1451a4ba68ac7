// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl status`: how a device is doing, once or each second.

use super::{Session, DONE};
use crate::cli::Status;
use crate::failure::Failure;
use crate::status_line::{read_line, read_whole, TargetStatus};
use crate::watch::{self, Screen};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// Time between two lines of `--watch`.
const INTERVAL: Duration = Duration::from_secs(1);

/// Runs the command. With `--watch` it ends by an interrupt or a key, or when the device is gone.
///
/// # Errors
///
/// The device does not exist or is no spare device.
pub fn run(arguments: &Status, session: &mut Session<'_>) -> Result<u8, Failure> {
    if arguments.watch && !arguments.json {
        // A device that is not there must not make the terminal flicker.
        read_line(session.mapper, &arguments.name)?;
        if let Some(mut screen) = Screen::open() {
            watch::run(&arguments.name, session.mapper, &mut screen)?;
            return Ok(DONE);
        }
    }
    print(arguments, session)
}

/// Prints a table, or a line of JSON, once or each second.
fn print(arguments: &Status, session: &mut Session<'_>) -> Result<u8, Failure> {
    let mut before: Option<(TargetStatus, Instant)> = None;
    loop {
        let now = Instant::now();
        let (status, complaint) = read_whole(session.mapper, &arguments.name)?;
        if let Some(complaint) = complaint {
            eprintln!("sparectl: {}: {complaint}", arguments.name);
        }
        let text = if arguments.json {
            let mut text = serde_json::to_string(&status)?;
            text.push('\n');
            text
        } else {
            let rates = before
                .as_ref()
                .map(|(old, then)| (old, now.duration_since(*then).as_secs_f64()));
            table(&arguments.name, &status, rates)
        };
        session.out.write_all(text.as_bytes())?;
        session.out.flush()?;
        if !arguments.watch {
            return Ok(DONE);
        }
        before = Some((status, now));
        std::thread::sleep(INTERVAL);
    }
}

/// The status as a table; with an older one and the seconds since, rates too.
pub fn table(name: &str, status: &TargetStatus, before: Option<(&TargetStatus, f64)>) -> String {
    let mut text = format!("{name}: {}, {}\n", status.mode, status.state);
    let mut row = |label: &str, value: String, rate: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {:<24}{value:>22}{rate:>16}", readable(label));
    };
    let before = before.filter(|(_, seconds)| *seconds > 0.0);
    let rate = |value: u64, old: Option<u64>| match (old, before) {
        (Some(old), Some((_, seconds))) => {
            let change = (value as f64) - (old as f64);
            format!("{:+.1}/s", change / seconds)
        }
        _ => String::new(),
    };
    row("sectors", status.sectors.to_string(), String::new());
    for (label, value) in &status.counts {
        let old = before.map(|(old, _)| old.count(label));
        row(label, value.to_string(), rate(*value, old));
    }
    for (label, share) in &status.shares {
        row(
            label,
            format!("{} of {}", share.part, share.whole),
            String::new(),
        );
    }
    for (label, percent) in &status.percents {
        row(label, format!("{percent}%"), String::new());
    }
    for (label, word) in &status.words {
        row(label, word.clone(), String::new());
    }
    for (label, value) in status.stats.iter().flatten() {
        // The line has it already.
        if !status.counts.contains_key(label) {
            let old = before.and_then(|(old, _)| old.stat(label));
            row(label, value.to_string(), rate(*value, old));
        }
    }
    text
}

fn readable(label: &str) -> String {
    label.replace('_', " ")
}
