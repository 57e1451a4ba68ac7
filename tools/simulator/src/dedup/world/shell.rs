// SPDX-License-Identifier: GPL-2.0-only

//! What the shell does: performs actions, and delivers what has ended in any order.

use super::{Action, Flight, Slow, World};
use crate::dedup::content::{bytes, value, Value};
use crate::rng::Rng;
use dm_spare_engine::dedup::{Event, Fingerprint, Io, IoKind, Leg, OperationId, Pbn};
use dm_spare_engine::{Block, ErrorClass, BLOCK_BYTES};

impl World {
    pub(super) fn perform(&mut self, action: Action) {
        match action {
            Action::Io(Io {
                token,
                kind,
                buffer,
            }) => {
                self.note(|| format!("{kind:?}"));
                let number = match kind {
                    IoKind::Read { .. } => 0,
                    IoKind::Write { leg, block, .. } => {
                        let data = buffer.as_ref().map(|buffer| buffer.0.to_vec());
                        if !self.bad_metadata_writes {
                            let data = data.unwrap_or_default();
                            self.disk(leg).submit_write(block * 8, &data)
                        } else {
                            0
                        }
                    }
                    IoKind::Flush { leg } => self.disk(leg).submit_flush(),
                };
                self.flights.push(Flight::Io {
                    token,
                    kind,
                    buffer,
                    number,
                });
            }
            Action::Ask {
                operation,
                fingerprint,
            } => self.flights.push(Flight::Ask {
                operation,
                fingerprint,
            }),
            Action::Learn { fingerprint, pbn } => {
                self.index.insert(fingerprint.0, pbn);
            }
            Action::Compare {
                operation,
                request,
                pbn,
            } => self.flights.push(Flight::Compare {
                operation,
                request: request.0,
                pbn,
            }),
            Action::CompareWrites {
                operation,
                request,
                other,
            } => {
                let written = |id| self.asked.get(&id).map(|asked| asked.data.clone());
                let (one, other) = (written(request.0), written(other.0));
                if one.is_none() || other.is_none() {
                    self.fault("writes are compared after their end".to_owned());
                }
                self.flights.push(Flight::CompareWrites {
                    operation,
                    equal: one == other,
                });
            }
            Action::WriteData {
                operation,
                request,
                pbn,
            } => self.write_data(operation, request.0, pbn),
            Action::ReadData {
                operation,
                request,
                at,
                pbn,
                blocks,
            } => {
                if let Some(asked) = self.asked.get_mut(&request.0) {
                    asked.reads_left += 1;
                }
                self.flights.push(Flight::DataRead {
                    operation,
                    request: request.0,
                    at,
                    pbn,
                    blocks,
                });
            }
            Action::ReadChecked {
                operation,
                request,
                at,
                pbn,
                fingerprint,
            } => {
                if let Some(asked) = self.asked.get_mut(&request.0) {
                    asked.reads_left += 1;
                }
                self.flights.push(Flight::ReadChecked {
                    operation,
                    request: request.0,
                    at,
                    pbn,
                    fingerprint,
                });
            }
            Action::ReadZeros {
                request,
                at,
                blocks,
            } => self.fill_in(request.0, at, vec![Some(Value::Zero); blocks as usize]),
            Action::AwaitReaders => {
                if self.waits_for_readers.replace(self.outside_reads).is_some() {
                    self.fault("readers are waited for twice".to_owned());
                }
                self.look_for_readers();
            }
            Action::Complete { request, result } => self.completed(request.0, result),
            Action::Activated(result) => {
                self.note(|| format!("activated: {result:?}"));
                self.activated = Some(result);
            }
            Action::Suspended { clean } => {
                let is_io = |flight: &Flight| !matches!(flight, Flight::ReadersGone);
                if self.flights.iter().any(is_io) {
                    self.fault("suspended with I/O under way".to_owned());
                }
                self.suspended = Some(clean);
            }
            Action::BecameReadOnly => {
                if !self.bad_metadata_writes {
                    self.fault("read-only without a reason".to_owned());
                }
                self.read_only = true;
            }
        }
    }

    fn write_data(&mut self, operation: OperationId, request: u32, pbn: Pbn) {
        self.note(|| format!("request {request} writes {pbn:?}"));
        let written = self.asked.get(&request).and_then(|asked| asked.data[0]);
        let Some(written) = written else {
            return self.fault("data is written after the end of its write".to_owned());
        };
        let layout = self.shape.layout();
        if layout.pool_place(pbn).is_none() {
            return self.fault(format!("{pbn:?} is no data block"));
        }
        let reads = self.flights.iter().any(|flight| match flight {
            Flight::DataRead {
                pbn: first, blocks, ..
            }
            | Flight::OutsideRead {
                pbn: first, blocks, ..
            } => (first.0..first.0 + blocks).contains(&pbn.0),
            Flight::DataWrite { pbn: other, .. }
            | Flight::ReadChecked { pbn: other, .. }
            | Flight::Compare { pbn: other, .. } => *other == pbn,
            _ => false,
        });
        if reads {
            self.fault(format!("{pbn:?} is written while it is used"));
        }
        let number = self
            .disk(Leg::Main)
            .submit_write(pbn.0 * 8, &bytes(written));
        self.flights.push(Flight::DataWrite {
            operation,
            pbn,
            number,
        });
    }

    fn fill_in(&mut self, request: u32, at: u64, values: Vec<Option<Value>>) {
        let Some(asked) = self.asked.get_mut(&request) else {
            return self.fault("a read gets data after its end".to_owned());
        };
        for (place, value) in asked.data[at as usize..].iter_mut().zip(values) {
            if place.is_some() {
                self.wrong.get_or_insert("a block is read twice".to_owned());
            }
            *place = value;
        }
    }

    /// The fingerprint of what lies in a block of main.
    fn fingerprint_on(&self, pbn: Pbn) -> Option<Fingerprint> {
        let mut block = Block([0; BLOCK_BYTES]);
        self.disks[0].read(pbn.0 * 8, &mut block.0).ok()?;
        self.shape.hashing.fingerprint_of(&block)
    }

    /// What lies in a block of main; none if that is no content's.
    pub(crate) fn read_block(&self, pbn: Pbn) -> Option<Value> {
        let mut block = vec![0; 4096];
        self.disks[0].read(pbn.0 * 8, &mut block).ok()?;
        value(&block)
    }

    /// Ends one thing that is under way; false if there is none.
    ///
    /// # Errors
    ///
    /// What went wrong until now.
    pub fn deliver(&mut self, random: &mut Rng) -> Result<bool, String> {
        if let Some(wrong) = self.wrong.take() {
            return Err(wrong);
        }
        if self.flights.is_empty() {
            return Ok(false);
        }
        let mut which = random.below(self.flights.len());
        if self.is_slow(which) && !random.one_in(self.patience) {
            let quick: Vec<_> = (0..self.flights.len())
                .filter(|which| !self.is_slow(*which))
                .collect();
            if !quick.is_empty() {
                which = quick[random.below(quick.len())];
            }
        }
        self.deliver_this(which, random);
        match self.wrong.take() {
            Some(wrong) => Err(wrong),
            None => Ok(true),
        }
    }

    /// Ends one thing that is not slow; false if there is none.
    ///
    /// # Errors
    ///
    /// What went wrong until now.
    pub fn deliver_quick(&mut self, random: &mut Rng) -> Result<bool, String> {
        let only_slow = (0..self.flights.len()).all(|which| self.is_slow(which));
        if !only_slow {
            let patience = std::mem::replace(&mut self.patience, usize::MAX);
            let delivered = self.deliver(random);
            self.patience = patience;
            return delivered;
        }
        match self.wrong.take() {
            Some(wrong) => Err(wrong),
            None => Ok(false),
        }
    }

    fn is_slow(&self, which: usize) -> bool {
        match &self.flights[which] {
            Flight::OutsideRead { .. } => true,
            Flight::DataRead { .. } | Flight::ReadChecked { .. } => self.slow == Slow::DataReads,
            Flight::Io { kind, .. } => match (self.slow, kind) {
                (Slow::PageReads, IoKind::Read { .. }) => true,
                (Slow::PageWrites, IoKind::Write { block, .. }) => {
                    *block >= self.shape.layout().pages_start
                }
                _ => false,
            },
            _ => false,
        }
    }

    /// Ends the oldest thing that is under way, without any fault; false if there is none.
    ///
    /// # Errors
    ///
    /// What went wrong until now.
    pub fn deliver_oldest(&mut self, random: &mut Rng) -> Result<bool, String> {
        if !self.flights.is_empty() {
            self.deliver_this(0, random);
        }
        match self.wrong.take() {
            Some(wrong) => Err(wrong),
            None => Ok(!self.flights.is_empty()),
        }
    }

    fn deliver_this(&mut self, which: usize, random: &mut Rng) {
        let flight = self.flights.remove(which);
        let event = match flight {
            Flight::Io {
                token,
                kind,
                mut buffer,
                number,
            } => {
                let result = match kind {
                    IoKind::Read { leg, block } => match buffer.as_mut() {
                        Some(buffer) => self.disks[leg.index()].read(block * 8, &mut buffer.0),
                        None => Err(ErrorClass::Other(1)),
                    },
                    IoKind::Write { .. } if number == 0 => Err(ErrorClass::Media),
                    IoKind::Write { leg, block, fua } => {
                        self.disk(leg).complete_write(number, block * 8, 8, fua)
                    }
                    IoKind::Flush { leg } => self.disk(leg).complete_flush(number),
                };
                Event::Done {
                    token,
                    result,
                    buffer,
                }
            }
            Flight::DataWrite {
                operation,
                pbn,
                number,
            } => {
                let fails = self.bad_data_writes > 0 && random.one_in(self.bad_data_writes);
                let done = self.disks[0].complete_write(number, pbn.0 * 8, 8, false);
                Event::Written {
                    operation,
                    result: if fails { Err(ErrorClass::Media) } else { done },
                }
            }
            Flight::DataRead {
                operation,
                request,
                at,
                pbn,
                blocks,
            } => {
                let values: Vec<_> = (pbn.0..pbn.0 + blocks)
                    .map(|pbn| self.read_block(Pbn(pbn)))
                    .collect();
                if values.iter().any(Option::is_none) && self.rotten.is_empty() {
                    self.fault(format!("{pbn:?} is read and holds a mixture"));
                }
                self.fill_in(request, at, values);
                if let Some(asked) = self.asked.get_mut(&request) {
                    asked.reads_left -= 1;
                }
                Event::DataRead {
                    operation,
                    result: Ok(()),
                }
            }
            Flight::ReadChecked {
                operation,
                request,
                at,
                pbn,
                fingerprint,
            } => {
                let value = self.read_block(pbn);
                let is_right = self.fingerprint_on(pbn) == Some(fingerprint);
                if is_right {
                    self.fill_in(request, at, vec![value]);
                }
                if let Some(asked) = self.asked.get_mut(&request) {
                    asked.reads_left -= 1;
                }
                Event::DataChecked {
                    operation,
                    result: Ok(is_right),
                }
            }
            Flight::Compare {
                operation,
                request,
                pbn,
            } => {
                let written = self.asked.get(&request).and_then(|asked| asked.data[0]);
                Event::Compared {
                    operation,
                    result: Ok(written.is_some() && written == self.read_block(pbn)),
                }
            }
            Flight::OutsideRead {
                began,
                lbn,
                pbn,
                blocks,
                ..
            } => return self.end_outside_read(began, lbn, pbn, blocks),
            Flight::ReadersGone => Event::ReadersGone,
            Flight::CompareWrites { operation, equal } => Event::Compared {
                operation,
                result: Ok(equal),
            },
            Flight::Ask {
                operation,
                fingerprint,
            } => {
                let mut pbn = self.index.get(&fingerprint.0).copied();
                if self.index_lies > 0 && random.one_in(self.index_lies) {
                    let blocks = self.shape.settings.geometry.main_blocks as usize + 5;
                    pbn = match random.below(3) {
                        0 => None,
                        1 => Some(Pbn(random.below(blocks) as u64)),
                        _ => self.index.values().min().copied(),
                    };
                }
                Event::Advice { operation, pbn }
            }
        };
        self.send(event);
    }
}
