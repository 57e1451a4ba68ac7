// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl remap`, `unremap`, `test` and `sync`: messages to the target, and its replies.

use super::{Session, DONE};
use crate::cli::{Blocks, Sync};
use crate::failure::{Failure, FAILED};
use crate::mapper::{spare_target, Mapper, TargetLine};
use crate::progress;
use crate::runs::Run;
use dm_spare_engine::SECTORS_PER_BLOCK;
use std::collections::BTreeMap;

/// Blocks that one message is about: few enough that progress shows and an interrupt takes effect soon.
const BLOCKS_PER_MESSAGE: u64 = 256;

/// What the target said, added up over all messages.
pub type Tally = BTreeMap<String, u64>;

/// Runs `remap`, `unremap` or `test`, which `verb` names.
///
/// # Errors
///
/// The device does not exist, has no such blocks, or refuses.
pub fn run(verb: &str, arguments: &Blocks, session: &mut Session<'_>) -> Result<u8, Failure> {
    let target = spare_target(session.mapper, &arguments.name)?;
    let run = Run {
        block: arguments.block,
        count: arguments.count,
    };
    check_range(&arguments.name, &target, run)?;
    send(
        &arguments.name,
        &target,
        verb,
        &[run],
        arguments.json,
        session,
    )
}

/// Runs `sync`.
///
/// # Errors
///
/// The device does not exist or refuses.
pub fn sync(arguments: &Sync, session: &mut Session<'_>) -> Result<u8, Failure> {
    let target = spare_target(session.mapper, &arguments.name)?;
    let reply = session
        .mapper
        .message(&arguments.name, target.start, "sync")?;
    let pairs = pairs(&reply, "sync")?;
    if arguments.json {
        writeln!(session.out, "{}", serde_json::to_string(&pairs)?)?;
    } else {
        for (name, value) in pairs {
            writeln!(session.out, "{name:<12}{value}")?;
        }
    }
    Ok(DONE)
}

/// Blocks that the device does not have.
pub(super) fn check_range(name: &str, target: &TargetLine, run: Run) -> Result<(), Failure> {
    let blocks = target.length.div_ceil(SECTORS_PER_BLOCK);
    let fits = run
        .block
        .checked_add(run.count)
        .is_some_and(|end| end <= blocks);
    if fits {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} blocks from block {} on do not fit: {name} has {blocks} blocks of 4096 bytes, count them from 0",
        run.count, run.block
    )))
}

/// Sends a message for every run, in pieces, adds the replies up, and prints the sum, also of those before a message
/// that failed.
pub(super) fn send(
    name: &str,
    target: &TargetLine,
    verb: &str,
    runs: &[Run],
    json: bool,
    session: &mut Session<'_>,
) -> Result<u8, Failure> {
    let mut tally = Tally::new();
    let sent = send_pieces(session.mapper, name, target, verb, runs, &mut tally);
    match sent {
        Ok(()) => report(&tally, json, session),
        Err(failure) if tally.is_empty() => Err(failure),
        Err(failure) => {
            print(&tally, json, session)?;
            Err(failure)
        }
    }
}

fn send_pieces(
    mapper: &dyn Mapper,
    name: &str,
    target: &TargetLine,
    verb: &str,
    runs: &[Run],
    tally: &mut Tally,
) -> Result<(), Failure> {
    let total = runs
        .iter()
        .fold(0u64, |sum, run| sum.saturating_add(run.count));
    let bar = progress::bar(total, "blocks");
    for piece in runs.iter().flat_map(|run| run.pieces(BLOCKS_PER_MESSAGE)) {
        let text = format!("{verb} {} {}", piece.block, piece.count);
        let reply = mapper
            .message(name, target.start, &text)
            .map_err(|failure| {
                Failure::new(format!(
                    "{failure} (at block {}; {} of {total} blocks were done before)",
                    piece.block,
                    bar.position()
                ))
            })?;
        for (label, value) in pairs(&reply, verb)? {
            let number: u64 = value.parse().map_err(|_| no_reply(verb, &reply))?;
            let sum = tally.entry(label).or_insert(0);
            *sum = sum.saturating_add(number);
        }
        bar.inc(piece.count);
    }
    bar.finish_and_clear();
    Ok(())
}

fn print(tally: &Tally, json: bool, session: &mut Session<'_>) -> Result<(), Failure> {
    if json {
        writeln!(session.out, "{}", serde_json::to_string(tally)?)?;
    } else {
        for (name, value) in tally {
            writeln!(session.out, "{name:<12}{value}")?;
        }
    }
    Ok(())
}

/// Prints a tally; blocks that failed give an exit code of their own.
fn report(tally: &Tally, json: bool, session: &mut Session<'_>) -> Result<u8, Failure> {
    print(tally, json, session)?;
    let failed = tally.get("failed").copied().unwrap_or(0);
    if failed == 0 {
        return Ok(DONE);
    }
    Err(Failure::new(format!(
        "{failed} blocks failed and are as they were: see the kernel log (dmesg)"
    ))
    .with_code(FAILED))
}

/// Reads `name value` lines.
fn pairs(reply: &str, verb: &str) -> Result<BTreeMap<String, String>, Failure> {
    let pairs: Option<BTreeMap<String, String>> = reply
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let (name, value) = line.trim().split_once(char::is_whitespace)?;
            Some((name.to_owned(), value.trim().to_owned()))
        })
        .collect();
    pairs
        .filter(|pairs| !pairs.is_empty())
        .ok_or_else(|| no_reply(verb, reply))
}

fn no_reply(verb: &str, reply: &str) -> Failure {
    Failure::new(format!(
        "the kernel answered `{}` to the message {verb}: use the sparectl that came with the module",
        reply.trim()
    ))
}
