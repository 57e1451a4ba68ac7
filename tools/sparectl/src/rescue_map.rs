// SPDX-License-Identifier: GPL-2.0-only

//! The map files of GNU ddrescue: which parts of a disk could be read.

use crate::failure::Failure;
use crate::runs::{merge, Run};

/// Reads a map file; the runs of 4 KiB blocks that ddrescue tried and could not read: bad sectors (`-`), and what
/// it has not trimmed (`*`) or scraped (`/`) yet. What was read (`+`) or never tried (`?`) is left out.
///
/// # Errors
///
/// The first line that is no line of such a file, or no status line at all.
pub fn parse(text: &str) -> Result<Vec<Run>, Failure> {
    let mut runs = Vec::new();
    let mut status_seen = false;
    let mut end = 0;
    for (number, line) in (1u64..).zip(text.lines()) {
        let content = line.split('#').next().unwrap_or("").trim();
        if content.is_empty() {
            continue;
        }
        let wrong = |what: &str| {
            Failure::new(format!(
                "line {number} of the map file is `{content}`, {what}: give a map file as ddrescue writes it"
            ))
        };
        let words: Vec<&str> = content.split_whitespace().collect();
        if !status_seen {
            status_seen = true;
            if !is_status_line(&words) {
                return Err(wrong("which is no status line"));
            }
            continue;
        }
        let [position, size, status] = words.as_slice() else {
            return Err(wrong("which is not position, size and status"));
        };
        let (Some(position), Some(size)) = (parse_number(position), parse_number(size)) else {
            return Err(wrong("whose position or size is no number"));
        };
        if position < end {
            return Err(wrong("which begins before the end of the part before it"));
        }
        end = position
            .checked_add(size)
            .ok_or_else(|| wrong("which ends beyond 2^64 bytes"))?;
        match *status {
            "-" | "*" | "/" => runs.extend(Run::of_bytes(position, size)),
            "+" | "?" => {}
            _ => return Err(wrong("whose status is none of ?*/-+")),
        }
    }
    if status_seen {
        Ok(merge(runs))
    } else {
        Err(Failure::new(
            "the map file is empty: give a map file as ddrescue writes it",
        ))
    }
}

/// `POSITION STATUS [PASS]`, where ddrescue was when it wrote the file.
fn is_status_line(words: &[&str]) -> bool {
    let states = ["?", "*", "/", "-", "F", "G", "+"];
    match words {
        [position, status] => parse_number(position).is_some() && states.contains(status),
        [position, status, pass] => {
            parse_number(position).is_some()
                && states.contains(status)
                && parse_number(pass).is_some()
        }
        _ => false,
    }
}

/// Reads a number as C writes it: decimal, hexadecimal behind `0x`, octal behind `0`.
fn parse_number(word: &str) -> Option<u64> {
    let (digits, radix) = if let Some(digits) = word.strip_prefix("0x").or(word.strip_prefix("0X"))
    {
        (digits, 16)
    } else if word.len() > 1 && word.starts_with('0') {
        (word, 8)
    } else {
        (word, 10)
    };
    let first = digits.chars().next()?;
    // `from_str_radix` takes a sign.
    first
        .is_ascii_alphanumeric()
        .then(|| u64::from_str_radix(digits, radix).ok())?
}
