// SPDX-License-Identifier: GPL-2.0-only

//! A device-mapper that answers what a test wants, and remembers what it was asked.

use sparectl::cli::Cli;
use sparectl::commands::{self, Session};
use sparectl::failure::Failure;
use sparectl::leg::Leg;
use sparectl::mapper::{Mapper, TargetLine, Traffic};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// The fake.
#[derive(Default)]
pub(crate) struct Fake {
    /// Status lines by name of the device.
    pub(crate) devices: RefCell<BTreeMap<String, Vec<TargetLine>>>,
    /// Everything that changed something, in words.
    pub(crate) asked: RefCell<Vec<String>>,
    /// The answers to messages, by their first word.
    pub(crate) replies: BTreeMap<String, Result<String, Failure>>,
    /// Messages that are answered before one fails; none: all of them.
    pub(crate) answered_messages: Cell<Option<u32>>,
    /// How creations are refused.
    pub(crate) refusal: Option<Failure>,
}

/// A status line of a spare target.
pub(crate) fn spare_line(length: u64, words: &str) -> TargetLine {
    TargetLine {
        start: 0,
        length,
        target: "spare".to_owned(),
        words: words.to_owned(),
    }
}

/// The words of a status line of a healthy set.
pub(crate) const WORDS: &str = "remap ok remapped=3 poisoned=1 slots=4/49000 main=failing spare=ok copies=2/2 tid=12 commits=7 media_errors=5 other_errors=0";

/// The words of a status line of a healthy volume.
pub(crate) const DEDUP_WORDS: &str = "dedup ok mapped=4000/26214400 used=2000/26102334 saving=50% hits=2000 verify_failures=0 main=ok spare=ok read_only=none index=open";
/// Some of the counters that a volume tells.
pub(crate) const STATS: &str = "{\"logical_blocks\":26214400,\"journal_blocks\":16384,\"journal_taken\":4096,\"batches\":7,\"stored\":2000,\"verify_failures\":0,\"read_check_failures\":3,\"written_blocks\":4100,\"zero_blocks\":100,\"without_space\":0,\"main_errors\":0,\"spare_errors\":0}\n";

impl Fake {
    /// A device-mapper with the device `vol`, a volume that answers `stats json`.
    pub(crate) fn with_volume() -> Self {
        let fake = Self::default();
        fake.devices
            .borrow_mut()
            .insert("vol".to_owned(), vec![spare_line(209_715_200, DEDUP_WORDS)]);
        fake.answering("stats", STATS)
    }

    /// A device-mapper with the device `mended`, of 1000 blocks.
    pub(crate) fn with_device() -> Self {
        let fake = Self::default();
        fake.devices
            .borrow_mut()
            .insert("mended".to_owned(), vec![spare_line(8000, WORDS)]);
        fake
    }

    /// The same, with an answer to the messages that begin with a word.
    pub(crate) fn answering(mut self, word: &str, reply: &str) -> Self {
        self.replies.insert(word.to_owned(), Ok(reply.to_owned()));
        self
    }

    /// Runs a command line; exit code and output, or the failure.
    pub(crate) fn run(&self, line: &[&str]) -> Result<(u8, String), Failure> {
        let (code, text) = self.run_and_print(line);
        Ok((code?, text))
    }

    /// Runs a command line; exit code or failure, and the output in any case.
    pub(crate) fn run_and_print(&self, line: &[&str]) -> (Result<u8, Failure>, String) {
        let words = std::iter::once("sparectl").chain(line.iter().copied());
        let cli = <Cli as clap::Parser>::try_parse_from(words).expect("a command line");
        let mut out = Vec::new();
        let code = commands::run(
            cli.command,
            &mut Session {
                mapper: self,
                out: &mut out,
            },
        );
        (code, String::from_utf8(out).expect("text"))
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.borrow().clone()
    }
}

impl Mapper for Fake {
    fn check_leg(&self, _leg: &Leg) -> Result<(), Failure> {
        Ok(())
    }

    fn create(&self, name: &str, table: &str) -> Result<(), Failure> {
        self.asked
            .borrow_mut()
            .push(format!("create {name}: {table}"));
        if let Some(refusal) = &self.refusal {
            return Err(refusal.clone());
        }
        let length = table
            .split(' ')
            .nth(1)
            .and_then(|word| word.parse().ok())
            .expect("a length");
        let words = if table.contains(" mode dedup") {
            DEDUP_WORDS
        } else {
            WORDS
        };
        self.devices
            .borrow_mut()
            .insert(name.to_owned(), vec![spare_line(length, words)]);
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), Failure> {
        self.asked.borrow_mut().push(format!("remove {name}"));
        match self.devices.borrow_mut().remove(name) {
            Some(_) => Ok(()),
            None => Err(Failure::new("no such device")),
        }
    }

    fn exists(&self, name: &str) -> Result<bool, Failure> {
        Ok(self.devices.borrow().contains_key(name))
    }

    fn status(&self, name: &str) -> Result<Vec<TargetLine>, Failure> {
        self.devices
            .borrow()
            .get(name)
            .cloned()
            .ok_or_else(|| Failure::new("no such device"))
    }

    fn message(&self, name: &str, sector: u64, text: &str) -> Result<String, Failure> {
        self.asked
            .borrow_mut()
            .push(format!("message {name} {sector} {text}"));
        let word = text.split(' ').next().unwrap_or("");
        match self.answered_messages.get() {
            Some(0) => return Err(Failure::new("the device is suspended: resume it")),
            left => self.answered_messages.set(left.map(|left| left - 1)),
        }
        self.replies
            .get(word)
            .cloned()
            .unwrap_or_else(|| Err(Failure::new(format!("message `{word}` is unknown"))))
    }

    fn traffic(&self, _name: &str) -> Option<Traffic> {
        None
    }
}
