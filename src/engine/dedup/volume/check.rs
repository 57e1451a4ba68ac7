// SPDX-License-Identifier: GPL-2.0-only

//! Reads whose data is compared with its fingerprint: a block each, with the fingerprint that the pool keeps of it.
//!
//! A block that is referred to never gets another fingerprint, and one that is freed meanwhile is not used again before the
//! read has ended. So what the pool page says when the block is sent for is what the data must have when it comes.

use super::apply::Applied;
use super::change::Spot;
use super::operation::{Pin, Wait};
use super::read::Run;
use super::Volume;
use crate::engine::dedup::action::{Action, Failure, Out};
use crate::engine::dedup::event::OperationId;
use crate::engine::dedup::format::{pool_page, Entry};
use crate::engine::dedup::units::{Fingerprint, Pbn};
use crate::engine::event::ErrorClass;

/// Why a read does not go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Halt {
    /// Not now.
    Wait(Wait),
    /// Not at all.
    Failed(Failure),
}

impl Volume {
    /// Whether data that is read is compared with its fingerprint.
    pub(super) fn checks_reads(&self) -> bool {
        self.settings.checks_reads && !seeded!("dedup_reads_unchecked")
    }

    /// Sends what is needed for `count` entries of a map page, the first of which is block `at` of the request: for how many
    /// it did, and why not for all.
    pub(super) fn check_entries(
        &mut self,
        index: u32,
        map: Spot,
        at: u64,
        count: u64,
        out: Out<'_>,
    ) -> (u64, Result<(), Halt>) {
        for step in 0..count {
            let at = at + step;
            // CAST: below 809.
            let result = match self.entry(map.frame, map.index + step as usize) {
                Entry::Unmapped | Entry::Zero => {
                    let zeros = Run {
                        at,
                        blocks: 1,
                        pbn: None,
                    };
                    self.send_run(index, zeros, out);
                    Ok(())
                }
                Entry::Block(pbn) => self.expected(index, pbn, out).map(|fingerprint| {
                    self.send_check(index, at, pbn, fingerprint, out);
                }),
                Entry::Poisoned => Err(Halt::Failed(Failure::Data(ErrorClass::Media))),
            };
            if result.is_err() {
                return (step, result);
            }
        }
        (count, Ok(()))
    }

    /// The fingerprint of a block that is referred to, from its pool page.
    fn expected(&mut self, index: u32, pbn: Pbn, out: Out<'_>) -> Result<Fingerprint, Halt> {
        let spot = match self.hold_block(index, Pin::After, pbn, out) {
            Ok(spot) => spot,
            Err(Applied::Wait(wait)) => return Err(Halt::Wait(wait)),
            Err(_) => return Err(Halt::Failed(Failure::Damaged)),
        };
        self.page(spot.frame)
            .filter(|page| pool_page::count(page, spot.index) > 0)
            .map(|page| pool_page::fingerprint(page, spot.index))
            .ok_or(Halt::Failed(Failure::Damaged))
    }

    fn send_check(
        &mut self,
        index: u32,
        at: u64,
        pbn: Pbn,
        fingerprint: Fingerprint,
        out: Out<'_>,
    ) {
        let Some(operation) = self.operations.get_mut(index) else {
            return;
        };
        let Some(request) = operation.request else {
            return;
        };
        operation.in_flight = operation.in_flight.saturating_add(1);
        out(Action::ReadChecked {
            operation: OperationId(index),
            request,
            at,
            pbn,
            fingerprint,
        });
    }

    /// A block has been read and compared, or could not be read.
    pub(super) fn data_checked(&mut self, index: u32, result: Result<bool, ErrorClass>) {
        let result = match result {
            Ok(is_right) => {
                self.counters.read_checks += 1;
                if is_right || seeded!("dedup_check_failure_ignored") {
                    Ok(())
                } else {
                    self.counters.read_check_failures += 1;
                    Err(Failure::Mismatch)
                }
            }
            Err(class) => Err(Failure::Data(class)),
        };
        self.part_read(index, result);
    }
}
