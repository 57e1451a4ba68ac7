// SPDX-License-Identifier: GPL-2.0-only

//! What the index promises, as a plain map with the chapters in which each name was last seen.

use super::names::{self, Weakness};
use dm_spare_engine::index::{Answer, Chapter, Data, Name, Place, Request, RequestKind};
use std::collections::HashMap;

/// A record that was made for a name, or that it was deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Record {
    data: Option<Data>,
    chapter: Chapter,
}

#[derive(Clone, Default, Debug)]
struct History {
    /// The newest comes last; each is in a later chapter than the one before.
    records: Vec<Record>,
    /// All data that the name ever had.
    ever: Vec<Data>,
    /// Deleted before the last start, or what it has may be older than the newest: only what it ever had is known.
    is_uncertain: bool,
    /// The same is true of what was there before the first record.
    is_unknown_below: bool,
    /// The last thing that happened to it was that it was deleted.
    was_deleted: bool,
}

/// How an answer compares with the promise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// As promised.
    Kept,
    /// The name should have been known.
    Lost,
    /// An older record, or one that was deleted, came back.
    Older,
}

/// The promise.
#[derive(Clone, Debug)]
pub struct Model {
    weakness: Weakness,
    numbers: HashMap<Name, u64>,
    histories: HashMap<Name, History>,
    /// For each zone the oldest live chapter and the open one.
    zones: Vec<(Chapter, Chapter)>,
    /// The newest chapter that was said to be durable.
    pub durable: Chapter,
    versions: u64,
    /// Live chapters.
    chapters: u64,
    /// Of older chapters than so many only hooks are sure to be found.
    dense_chapters: u64,
    /// What names had in the open chapters when these were saved.
    saved: HashMap<Name, Record>,
    /// Deleted records that were found all the same. A record on the disk stays when the volume index forgets it, and is
    /// found through the entry of another name of the same chapter with the same tag; used again, it takes that entry
    /// along, and the other name is lost.
    pub risen: u64,
}

impl Model {
    /// An empty index of so many live chapters.
    pub fn new(zones: usize, weakness: Weakness, chapters: u64) -> Self {
        Self {
            weakness,
            numbers: HashMap::new(),
            histories: HashMap::new(),
            zones: vec![(Chapter::FIRST, Chapter::FIRST); zones],
            durable: Chapter(0),
            versions: 0,
            chapters,
            dense_chapters: u64::MAX,
            saved: HashMap::new(),
            risen: 0,
        }
    }

    /// The same of a sparse index with so many dense chapters.
    pub fn sparse(zones: usize, weakness: Weakness, chapters: u64, dense_chapters: u64) -> Self {
        Self {
            dense_chapters,
            ..Self::new(zones, weakness, chapters)
        }
    }

    /// A name by its number.
    pub fn name(&mut self, number: u64) -> Name {
        let name = names::name(number, self.weakness);
        self.numbers.insert(name, number);
        name
    }

    /// An index that nobody watched may have this for a name.
    pub fn had(&mut self, number: u64, data: Data) {
        let name = self.name(number);
        let history = self.histories.entry(name).or_default();
        history.ever.push(data);
        history.is_uncertain = true;
        history.is_unknown_below = true;
    }

    /// Data for a name that it never had.
    pub fn new_data(&mut self, name: Name) -> Data {
        self.versions += 1;
        names::data(self.numbers[&name], self.versions)
    }

    /// A zone has closed a chapter.
    pub fn closed(&mut self, zone: usize, chapter: Chapter) {
        assert_eq!(self.zones[zone].1, chapter, "chapters are closed in turn");
        self.zones[zone].1 = chapter.next();
        let oldest = (chapter.0 + 1).saturating_sub(self.chapters);
        self.zones[zone].0 = self.zones[zone].0.max(Chapter(oldest));
    }

    /// The chapter that a zone is filling.
    pub fn open_chapter(&self, zone: usize) -> Chapter {
        self.zones[zone].1
    }

    /// Compares an answer with the promise, and takes note of what the request has changed.
    ///
    /// # Errors
    ///
    /// An answer that no index may give.
    pub fn answered(
        &mut self,
        zone: usize,
        request: &Request,
        answer: Answer,
    ) -> Result<Verdict, String> {
        let (oldest, open) = self.zones[zone];
        let history = self.histories.entry(request.name).or_default();
        let known = history
            .records
            .last()
            .copied()
            .filter(|record| record.chapter >= oldest && record.data.is_some());
        let (found, verdict) = match (answer, known) {
            (Answer::Unavailable(_), _) => return Ok(Verdict::Kept),
            (Answer::Found { data, place }, known) => {
                if !history.ever.contains(&data) {
                    return Err(format!(
                        "{request:?} found {data:?}, which the name never had"
                    ));
                }
                self.risen += u64::from(history.was_deleted);
                let is_newest = known.is_some_and(|record| record.data == Some(data));
                let in_open = known.is_some_and(|record| record.chapter == open);
                let is_misplaced = is_newest && in_open != (place == Place::Open);
                let mut moved = history.records.iter().rev().skip(1);
                let may_be_old =
                    history.is_unknown_below || moved.any(|record| record.data == Some(data));
                let verdict = if history.is_uncertain {
                    Verdict::Kept
                } else if is_misplaced && !may_be_old {
                    return Err(format!(
                        "{request:?} found in {place:?}, open is {open:?}, {known:?}"
                    ));
                } else if is_newest && !is_misplaced {
                    Verdict::Kept
                } else {
                    Verdict::Older
                };
                (Some(data), verdict)
            }
            (Answer::Absent, Some(record)) if !history.is_uncertain => {
                let age = open.0.saturating_sub(record.chapter.0);
                let is_sparse = age >= self.dense_chapters && !request.name.is_hook();
                (
                    None,
                    if is_sparse {
                        Verdict::Kept
                    } else {
                        Verdict::Lost
                    },
                )
            }
            (Answer::Absent, _) => (None, Verdict::Kept),
        };
        let change = match (request.kind, found) {
            (RequestKind::Post(data), None) | (RequestKind::Update(data), _) => Some(Some(data)),
            (RequestKind::Post(_) | RequestKind::Query, Some(old)) => Some(Some(old)),
            (RequestKind::Query | RequestKind::Peek, _) | (RequestKind::Delete, None) => None,
            (RequestKind::Delete, Some(_)) => Some(None),
        };
        if let Some(data) = change {
            history.is_uncertain = false;
            history.was_deleted = data.is_none();
            history
                .records
                .retain(|record| record.chapter < open || record.data.is_none());
            history.records.push(Record {
                data,
                chapter: open,
            });
            history.ever.extend(data);
        } else if found.is_none() && known.is_some() {
            // What was not found once may stay so.
            history.is_uncertain = true;
        }
        Ok(verdict)
    }

    /// The open chapters are being saved.
    pub fn saved(&mut self) {
        let open = self.zones.iter().map(|zone| zone.1).max();
        self.saved.clear();
        for (name, history) in &self.histories {
            match history.records.last() {
                Some(record) if Some(record.chapter) == open => {
                    self.saved.insert(*name, *record);
                }
                _ => {}
            }
        }
    }

    /// The index was opened again, with chapters up to `newest`; `restored` says that open chapters came back as they
    /// were when they were saved.
    pub fn restarted(&mut self, zones: usize, oldest: Chapter, newest: Chapter, restored: bool) {
        self.zones = vec![(oldest, newest.next()); zones];
        self.durable = newest;
        for (name, history) in &mut self.histories {
            let is_gone = |record: &Record| record.data.is_none();
            // A deletion reaches the disk at any time, or never.
            history.is_uncertain |= history
                .records
                .iter()
                .any(|record| record.chapter > newest && is_gone(record));
            history.records.retain(|record| record.chapter <= newest);
            if let Some(record) = self.saved.get(name).filter(|_| restored) {
                history.records.push(*record);
            }
            history.is_uncertain |= history.records.last().is_some_and(is_gone);
            // Whatever comes is known until a crash takes it away again.
            if history.is_uncertain {
                history.records.clear();
                history.is_unknown_below = true;
            }
            history.is_uncertain = history.is_unknown_below && history.records.is_empty();
        }
    }

    /// Nothing is certain any more but that no name ever has what it never had.
    pub fn doubt(&mut self) {
        for history in self.histories.values_mut() {
            history.is_uncertain = true;
        }
    }

    /// The names that should be known, and what they have.
    pub fn expected(&self, zone_of: impl Fn(Name) -> usize) -> Vec<(Name, Data)> {
        let mut all: Vec<(Name, Data)> = self
            .histories
            .iter()
            .filter(|(_, history)| !history.is_uncertain)
            .filter_map(|(name, history)| {
                let record = history.records.last()?;
                let (oldest, _) = self.zones[zone_of(*name)];
                let data = record.data?;
                (record.chapter >= oldest).then_some((*name, data))
            })
            .collect();
        all.sort_by_key(|(name, _)| *name);
        all
    }
}
