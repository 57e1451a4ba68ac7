// SPDX-License-Identifier: GPL-2.0-only

//! Progress of long work, on a terminal's stderr; nothing elsewhere.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for `total` steps of something.
pub(crate) fn bar(total: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(total).with_message(what);
    // The template is a constant; should it not parse, the default style serves.
    if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len}, {eta} left") {
        bar.set_style(style);
    }
    bar
}
