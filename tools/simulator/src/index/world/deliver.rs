// SPDX-License-Identifier: GPL-2.0-only

//! Messages, completions and requests, in any order that keeps those between the same two in order.

use super::{Flight, Owner, World};
use crate::rng::Rng;
use dm_spare_engine::index::format::{Place, SaveHeader};
use dm_spare_engine::index::{
    Chapter, Io, IoKind, KeeperEvent, Name, Page, Request, RequestKind, ToKeeper, ToZone,
    ZoneAction, ZoneEvent,
};
use dm_spare_engine::{ErrorClass, BLOCK_BYTES};

/// Something that can happen next.
#[derive(Clone, Copy)]
enum Choice {
    ToZone(usize),
    ToKeeper(usize),
    Complete(usize),
    Submit(usize),
}

impl World {
    /// Lets one thing happen; false if there is nothing left.
    ///
    /// # Errors
    ///
    /// What went wrong.
    pub fn step(&mut self, random: &mut Rng) -> Result<bool, String> {
        if let Some(wrong) = self.wrong.take() {
            return Err(wrong);
        }
        let is_held = |flight: &Flight| self.holds_keeper && flight.owner == Owner::Keeper;
        let flights = self.flights.iter().enumerate();
        let mut choices: Vec<Choice> = flights
            .filter(|(_, flight)| !is_held(flight))
            .map(|(index, _)| Choice::Complete(index))
            .collect();
        for zone in 0..self.zones.len() {
            if !self.to_zones[zone].is_empty() {
                choices.push(Choice::ToZone(zone));
            }
            if !self.to_keeper[zone].is_empty() {
                choices.push(Choice::ToKeeper(zone));
            }
            if !self.queues[zone].is_empty() {
                choices.push(Choice::Submit(zone));
            }
        }
        if choices.is_empty() || random.one_in(4) {
            let zone = random.below(self.zones.len());
            let more = self.background(zone, 1 + random.below(20));
            if !more && choices.is_empty() {
                // Nothing but the background work of the others may be left.
                let any = (0..self.zones.len()).any(|zone| self.background(zone, 1000));
                let goes_on = !self.holds_keeper && !self.flights.is_empty();
                return Ok(any || goes_on || self.wrong.is_some());
            }
            return Ok(true);
        }
        let choice = choices[random.below(choices.len())];
        match choice {
            Choice::ToZone(zone) => {
                if let Some(message) = self.to_zones[zone].pop_front() {
                    self.zone_message(zone, message);
                }
            }
            Choice::ToKeeper(zone) => {
                if let Some(message) = self.to_keeper[zone].pop_front() {
                    let zone = zone as u32;
                    self.note(|| format!("zone {zone} to keeper: {message:?}"));
                    self.keeper_event(KeeperEvent::Message { zone, message });
                }
            }
            Choice::Complete(index) => self.complete(index, random),
            Choice::Submit(zone) => {
                let waits = self.submit(zone, 1 + random.below(8)) == 0;
                // What waits for room can only go on when something else happens.
                if waits
                    && choices
                        .iter()
                        .all(|choice| matches!(choice, Choice::Submit(_)))
                {
                    let any = (0..self.zones.len()).any(|zone| self.background(zone, 1000));
                    if !any && self.flights.is_empty() && self.is_silent() {
                        return Err(format!(
                            "zone {zone} takes no requests, and nothing happens"
                        ));
                    }
                }
            }
        }
        Ok(true)
    }

    fn is_silent(&self) -> bool {
        self.to_keeper.iter().all(|queue| queue.is_empty())
            && self.to_zones.iter().all(|queue| queue.is_empty())
    }

    fn background(&mut self, zone: usize, steps: usize) -> bool {
        let mut actions = Vec::new();
        let more = self.zones[zone].background(steps, &mut |action| actions.push(action));
        self.zone_actions(zone, actions);
        more
    }

    fn submit(&mut self, zone: usize, most: usize) -> usize {
        let queue = &self.queues[zone];
        let batch: Vec<_> = queue.iter().copied().take(most).collect();
        let taken = self.hand_in(zone, &batch);
        self.queues[zone].drain(..taken);
        taken
    }

    /// Hands requests in to a zone, which takes so many of them, and tells the other zones what hooks have led to.
    fn hand_in(&mut self, zone: usize, requests: &[Request]) -> usize {
        let mut actions = Vec::new();
        let mut chapters = Vec::new();
        let taken = self.zones[zone].submit(requests, &mut |action| match action {
            ZoneAction::Tell(ToKeeper::Sparse(chapter)) => chapters.push(chapter),
            action => actions.push(action),
        });
        self.zone_actions(zone, actions);
        for chapter in chapters {
            for other in (0..self.zones.len()).filter(|other| *other != zone) {
                self.zone_message(other, ToZone::Sparse(chapter));
            }
        }
        taken
    }

    /// Asks for something, ahead of what was asked for before and was not taken yet; whether it was taken at once.
    pub fn ask_now(&mut self, kind: RequestKind, name: Name) -> bool {
        let zone = self.zone_of(name);
        let id = self.ask(kind, name);
        let Some(request) = self.queues[zone].pop_back() else {
            return false;
        };
        let is_taken = self.hand_in(zone, &[request]) == 1;
        if !is_taken {
            self.asked.remove(&id.0);
        }
        is_taken
    }

    fn zone_message(&mut self, zone: usize, message: ToZone) {
        self.note(|| format!("keeper to zone {zone}: {message:?}"));
        if let ToZone::Durable(window) = &message {
            self.model.durable = self.model.durable.max(window.newest);
        }
        self.zone_event(zone, ZoneEvent::Message(message));
    }

    fn zone_event(&mut self, zone: usize, event: ZoneEvent) {
        let mut actions = Vec::new();
        self.zones[zone].handle(event, &mut |action| actions.push(action));
        self.zone_actions(zone, actions);
    }

    fn zone_actions(&mut self, zone: usize, actions: Vec<ZoneAction>) {
        for action in actions {
            match action {
                ZoneAction::Answer { request, answer } => {
                    let Some(asked) = self.asked.remove(&request.0) else {
                        self.fault(format!("{request:?} was answered twice"));
                        continue;
                    };
                    self.note(|| format!("zone {zone}: {asked:?} -> {answer:?}"));
                    self.tally.answers += 1;
                    self.last_answer = Some((request, answer));
                    if let dm_spare_engine::index::Answer::Found { .. } = answer {
                        self.tally.found += 1;
                    }
                    match self.model.answered(zone, &asked, answer) {
                        Ok(verdict) => self.take_verdict(verdict, &asked),
                        Err(wrong) => self.fault(wrong),
                    }
                }
                ZoneAction::Io(io) => self.begin(Owner::Zone(zone), io),
                ZoneAction::Tell(message) => {
                    if let ToKeeper::Closed { chapter, .. } = &message {
                        self.note(|| format!("zone {zone} closes {chapter:?}"));
                        self.model.closed(zone, *chapter);
                        if chapter.0 > self.model.durable.0 + 1 {
                            self.fault(format!("zone {zone} is two chapters ahead: {chapter:?}"));
                        }
                    }
                    self.to_keeper[zone].push_back(message);
                }
            }
        }
    }

    pub(super) fn begin(&mut self, owner: Owner, io: Io) {
        self.note(|| format!("{owner:?} begins {:?}", io.kind));
        let mut write = 0;
        let mut covered = Vec::new();
        match io.kind {
            IoKind::Write { block, blocks, .. } => {
                self.check_write(block);
                if block + u64::from(blocks) > self.layout.blocks {
                    self.fault(format!("a write beyond the end, at {block}"));
                }
                if let Some(memory) = &io.memory {
                    if block == self.layout.save && self.is_save(&memory.blocks()[0].0) {
                        // From now on it may be what is found after a crash.
                        self.model.saved();
                    }
                    write = self.disk.begin_write(block, blocks, memory);
                }
            }
            IoKind::Flush => covered = self.disk.begin_flush(),
            IoKind::Read { block, blocks } => {
                if block + u64::from(blocks) > self.layout.blocks {
                    self.fault(format!("a read beyond the end, at {block}"));
                }
            }
        }
        self.flights.push(Flight {
            owner,
            io,
            write,
            covered,
        });
    }

    /// Record pages are written only when nothing that was saved counts any more.
    fn check_write(&mut self, block: u64) {
        let pages = self.layout.page(Chapter(0), Page(0)).unwrap_or(0);
        if !self.checks_save || block < pages || block + 1 == self.layout.blocks {
            return;
        }
        if self.is_save(&self.disk.durable_content(self.layout.save)) {
            self.fault("a page is written while what was saved still counts".to_owned());
        }
    }

    /// Whether this is the header of saved open chapters of this index.
    fn is_save(&self, bytes: &[u8; BLOCK_BYTES]) -> bool {
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&bytes[32..48]);
        let address = self.layout.save;
        let place = Place { address, uuid };
        let header = SaveHeader::decode(bytes, &place, &self.layout, crc32c::crc32c);
        header.is_ok_and(|header| header.saved.is_some() && Some(uuid) == self.uuid())
    }

    fn uuid(&self) -> Option<[u8; 16]> {
        match self.opened {
            Some(Ok(opened)) => Some(opened.uuid),
            _ => None,
        }
    }

    fn complete(&mut self, index: usize, random: &mut Rng) {
        let Flight {
            owner,
            mut io,
            write,
            covered,
        } = self.flights.swap_remove(index);
        let mut result = Ok(());
        match io.kind {
            IoKind::Read { block, blocks } => {
                if let Some(memory) = &mut io.memory {
                    if !self.disk.read(block, blocks, memory) {
                        result = Err(ErrorClass::Media);
                    }
                }
                if self.bad_reads != 0 && random.one_in(self.bad_reads) {
                    result = Err(ErrorClass::Media);
                }
            }
            IoKind::Write { fua, .. } => {
                if self.disk.is_failing() {
                    self.disk.fail_write(write, random);
                    result = Err(ErrorClass::Media);
                } else {
                    self.disk.end_write(write, fua);
                }
            }
            IoKind::Flush => {
                if self.disk.is_failing() {
                    result = Err(ErrorClass::Media);
                } else {
                    self.disk.end_flush(&covered);
                }
            }
        }
        self.note(|| format!("{owner:?} ends {:?}: {result:?}", io.kind));
        let (token, memory) = (io.token, io.memory);
        match owner {
            Owner::Keeper => self.keeper_event(KeeperEvent::Done {
                token,
                result,
                memory,
            }),
            Owner::Zone(zone) => self.zone_event(
                zone,
                ZoneEvent::Done {
                    token,
                    result,
                    memory,
                },
            ),
        }
    }
}
