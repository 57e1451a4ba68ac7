// SPDX-License-Identifier: GPL-2.0-only

//! Reads that find their blocks without the volume, and the volume's question whether they have ended.

use super::{Flight, World};
use dm_spare_engine::dedup::{Lbn, Pbn, RequestKind};

/// Most of them under way at once: more would hold back whatever is freed most of the time.
const MOST: usize = 6;

impl World {
    /// Begins a read without the volume of what a request is about, as far as the table knows where that is. What the
    /// request then frees is still read, as long as this lasts.
    pub(super) fn read_outside(&mut self, kind: RequestKind) {
        let (lbn, blocks) = match kind {
            RequestKind::Read { lbn, blocks } | RequestKind::Fill { lbn, blocks, .. } => {
                (lbn, blocks)
            }
            RequestKind::Write { lbn, .. } => (lbn, 1),
            RequestKind::Flush => return,
        };
        let is_outside = |flight: &&Flight| matches!(flight, Flight::OutsideRead { .. });
        let under_way = self.flights.iter().filter(is_outside).count();
        let found = self.translations.run(lbn, blocks);
        let Some((pbn, blocks)) = found.filter(|_| under_way < MOST) else {
            return;
        };
        self.outside_reads += 1;
        self.note(|| format!("{lbn:?} and so on, {blocks}, are read at {pbn:?}"));
        let began = self.model.now();
        self.flights.push(Flight::OutsideRead {
            number: self.outside_reads,
            began,
            lbn,
            pbn,
            blocks,
        });
    }

    pub(super) fn end_outside_read(&mut self, began: u64, lbn: Lbn, pbn: Pbn, blocks: u64) {
        for at in 0..blocks {
            let value = self.read_block(Pbn(pbn.0 + at));
            let lbn = lbn.0 + at;
            if !value.is_some_and(|value| self.model.may_read(lbn, value, began)) {
                let promised = self.model.describe(lbn);
                self.fault(format!("block {lbn} reads {value:?} outside: {promised}"));
            }
        }
        self.tally.outside_reads += 1;
        self.look_for_readers();
    }

    /// Whether those that the volume waits for have ended.
    pub(super) fn look_for_readers(&mut self) {
        let Some(last) = self.waits_for_readers else {
            return;
        };
        let under_way = self
            .flights
            .iter()
            .any(|flight| matches!(flight, Flight::OutsideRead { number, .. } if *number <= last));
        if !under_way {
            self.waits_for_readers = None;
            self.flights.push(Flight::ReadersGone);
        }
    }
}
