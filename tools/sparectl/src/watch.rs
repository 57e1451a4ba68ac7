// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl status --watch` on a terminal: how a device is doing, over time.
//!
//! | module | what it does |
//! |---|---|
//! | `history` | what was counted at which moment, and the rates that follow |
//! | `figures` | what is shown of a device, by mode |
//! | `view` | draws that |
//! | `screen` | the terminal: taken, and given back whatever happens |

pub mod figures;
pub mod history;
mod screen;
pub mod view;

pub use screen::{ends, Screen};

use crate::failure::Failure;
use crate::mapper::Mapper;
use crate::status_line::read_whole;
use history::{History, Sample};
use std::time::{Duration, Instant};
use view::Picture;

/// Time between two samples.
const INTERVAL: Duration = Duration::from_secs(1);
/// Samples that are kept: ten minutes.
const SAMPLES: usize = 600;

/// Draws a device again each second until the user has seen enough.
///
/// # Errors
///
/// The device is gone, or the terminal.
pub fn run(name: &str, mapper: &dyn Mapper, screen: &mut Screen) -> Result<(), Failure> {
    let begin = Instant::now();
    let mut history = History::new(SAMPLES);
    loop {
        let now = Instant::now();
        let (status, complaint) = read_whole(mapper, name)?;
        let sample = Sample::new(now.duration_since(begin), &status, mapper.traffic(name));
        history.push(sample);
        let picture = Picture {
            name,
            status: &status,
            complaint: complaint.as_ref(),
            history: &history,
        };
        if screen.show_until(&picture, now + INTERVAL)? {
            return Ok(());
        }
    }
}
