// SPDX-License-Identifier: GPL-2.0-only

//! All short sequences of operations on a small volume, with a crash after each thing that ends, and in each recovery.

use super::content::Value;
use super::world::{Shape, World};
use crate::rng::Rng;
use dm_spare_engine::dedup::{Event, Fill, Lbn, RequestKind};
use std::sync::atomic::{AtomicUsize, Ordering};

/// An operation of a sequence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// Write this content to this block.
    Write(u64, Value),
    /// The same, with FUA.
    WriteDurably(u64, Value),
    /// Two blocks get the same content at the same time.
    WriteTwice(u64, u64, Value),
    /// Discard the whole volume.
    DiscardAll,
    /// Flush.
    Flush,
    /// Suspend and resume.
    Rest,
    /// Fill a part of the journal: batches without much in them.
    Churn,
}

/// All operations. Two blocks share a map page, the third has one of its own; two contents share a fingerprint.
pub fn alphabet() -> Vec<Operation> {
    use Operation::*;
    let (a, b) = (Value::Data(1), Value::Data(4));
    vec![
        Write(0, a),
        Write(0, b),
        Write(1, a),
        Write(900, b),
        Write(0, Value::Zero),
        WriteDurably(900, a),
        WriteTwice(1, 900, a),
        DiscardAll,
        Flush,
        Rest,
        Churn,
    ]
}

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Sequences.
    pub sequences: u64,
    /// Crashes, those inside recoveries not counted.
    pub crashes: u64,
    /// Crashes inside recoveries.
    pub crashes_in_recovery: u64,
}

impl Tally {
    /// Adds another thread's.
    pub fn add(&mut self, other: &Self) {
        self.sequences += other.sequences;
        self.crashes += other.crashes;
        self.crashes_in_recovery += other.crashes_in_recovery;
    }
}

/// Runs all sequences of this length; `taken` counts those that some thread has taken.
///
/// # Errors
///
/// What went wrong, in which sequence.
pub fn run(length: usize, taken: &AtomicUsize) -> Result<Tally, String> {
    let alphabet = alphabet();
    let count = alphabet.len().pow(length as u32);
    let mut tally = Tally::default();
    loop {
        let mut number = taken.fetch_add(1, Ordering::Relaxed);
        if number >= count {
            return Ok(tally);
        }
        let mut sequence = Vec::new();
        for _ in 0..length {
            sequence.push(alphabet[number % alphabet.len()]);
            number /= alphabet.len();
        }
        tally.sequences += 1;
        one(&sequence, &mut tally).map_err(|wrong| format!("{sequence:?}: {wrong}"))?;
    }
}

fn one(sequence: &[Operation], tally: &mut Tally) -> Result<(), String> {
    let mut random = Rng::new(sequence.len() as u64);
    let mut world = World::new(Shape::small(70, 2, 2, 3));
    world.reads_outside = true;
    world.activate_and_check(&mut random)?;
    for operation in sequence {
        for event in events(*operation, &world) {
            match event {
                Start::Ask(kind, value) => world.ask(kind, value),
                Start::Write(lbn, value, fua) => world.write(lbn, value, fua),
                Start::Send(event) => world.send(event),
                Start::Settle => settle(&mut world, &mut random, tally)?,
            }
        }
        settle(&mut world, &mut random, tally)?;
    }
    Ok(())
}

/// One part of an operation.
enum Start {
    Ask(RequestKind, Option<Value>),
    Write(u64, Value, bool),
    Send(Event),
    /// Everything that is under way ends first.
    Settle,
}

fn events(operation: Operation, world: &World) -> Vec<Start> {
    match operation {
        Operation::Write(lbn, value) => vec![Start::Write(lbn, value, false)],
        Operation::WriteDurably(lbn, value) => vec![Start::Write(lbn, value, true)],
        Operation::WriteTwice(one, other, value) => vec![
            Start::Write(one, value, false),
            Start::Write(other, value, false),
        ],
        Operation::DiscardAll => {
            let kind = RequestKind::Fill {
                lbn: Lbn(0),
                blocks: world.shape.settings.geometry.logical_blocks,
                fill: Fill::Unmapped,
                fua: false,
            };
            vec![Start::Ask(kind, None)]
        }
        Operation::Flush => vec![Start::Ask(RequestKind::Flush, None)],
        Operation::Rest => vec![
            Start::Send(Event::Suspend),
            Start::Settle,
            Start::Send(Event::Resume),
        ],
        Operation::Churn => {
            let mut list = Vec::new();
            for number in 0..10 {
                list.push(Start::Write(1, Value::Data(100 + number), false));
                list.push(Start::Ask(RequestKind::Flush, None));
                list.push(Start::Settle);
            }
            list
        }
    }
}

/// Lets everything end, with a crash before each end.
fn settle(world: &mut World, random: &mut Rng, tally: &mut Tally) -> Result<(), String> {
    loop {
        for style in 0..3 {
            tally.crashes += 1;
            let mut crashed = match style {
                0 => world.crash_plainly(false),
                1 => world.crash_plainly(true),
                _ => world.crash(random),
            };
            recover(&mut crashed, random, tally)
                .map_err(|wrong| format!("after a crash of style {style}: {wrong}"))?;
        }
        if !world.deliver_oldest(random)? {
            break;
        }
    }
    world.run(random)
}

/// Recovers, also from a crash at some place in the middle.
fn recover(world: &mut World, random: &mut Rng, tally: &mut Tally) -> Result<(), String> {
    world.activate();
    let breaks = random.below(40);
    for step in 0.. {
        if step == breaks {
            tally.crashes_in_recovery += 1;
            let mut again = world.crash(random);
            again
                .activate_and_check(random)
                .map_err(|wrong| format!("and one in the recovery: {wrong}"))?;
        }
        if !world.deliver_oldest(random)? {
            break;
        }
    }
    world.check_activated()
}
