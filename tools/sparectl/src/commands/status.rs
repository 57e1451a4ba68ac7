// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl status`: how a set is doing, once or each second.

use super::{Session, DONE};
use crate::cli::Status;
use crate::failure::Failure;
use crate::mapper::spare_target;
use crate::status_line::TargetStatus;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Time between two lines of `--watch`.
const INTERVAL: Duration = Duration::from_secs(1);

/// Runs the command. With `--watch` it ends by an interrupt, or when the device is gone.
///
/// # Errors
///
/// The device does not exist or is no spare device.
pub fn run(arguments: &Status, session: &mut Session<'_>) -> Result<u8, Failure> {
    let mut before: Option<(TargetStatus, Instant)> = None;
    loop {
        let now = Instant::now();
        let status = TargetStatus::parse(&spare_target(session.mapper, &arguments.name)?)?;
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
        if arguments.watch && !arguments.json && std::io::stdout().is_terminal() {
            // The cursor to the upper left corner, and everything below it cleared.
            session.out.write_all(b"\x1b[H\x1b[J")?;
        }
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
        let _ = writeln!(text, "  {:<18}{value:>16}{rate:>14}", readable(label));
    };
    row("sectors", status.sectors.to_string(), String::new());
    for (label, value) in &status.counts {
        let rate = before
            .filter(|(_, seconds)| *seconds > 0.0)
            .map(|(old, seconds)| {
                let change = (*value as f64) - (old.count(label) as f64);
                format!("{:+.1}/s", change / seconds)
            });
        row(label, value.to_string(), rate.unwrap_or_default());
    }
    for (label, share) in &status.shares {
        row(
            label,
            format!("{} of {}", share.part, share.whole),
            String::new(),
        );
    }
    for (label, word) in &status.words {
        row(label, word.clone(), String::new());
    }
    text
}

fn readable(label: &str) -> String {
    label.replace('_', " ")
}
