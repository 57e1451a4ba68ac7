// SPDX-License-Identifier: GPL-2.0-only

//! How I/O ends.

use super::{Flight, World, Wrong};
use dm_spare_engine::{Cause, ErrorClass, Event, Leg, Operation, RequestKind, SECTOR_BYTES};

impl World {
    /// Ends a grace period that nothing holds up any more.
    pub(super) fn end_quiesce(&mut self) -> bool {
        let bios = &self.bios;
        let flights = &self.flights;
        let ended = self.quiesces.iter().position(|quiesce| {
            quiesce.bios.iter().all(|bio| {
                bios[*bio].is_none()
                    || !flights.iter().any(
                        |flight| matches!(flight, Flight::Part { bio: other, .. } if other == bio),
                    )
            })
        });
        if let Some(index) = ended {
            let ticket = self.quiesces.remove(index).ticket;
            self.engine.handle(Event::Quiesced { ticket });
        }
        ended.is_some()
    }

    /// An I/O ends.
    pub(super) fn land(&mut self, flight: Flight) -> Result<(), Wrong> {
        match flight {
            Flight::Own { mut io, write } => {
                let result = match io.operation {
                    Operation::Read {
                        leg,
                        sector,
                        sectors,
                        within,
                    } => {
                        let bytes = within as usize * SECTOR_BYTES
                            ..(within + sectors) as usize * SECTOR_BYTES;
                        match io
                            .buffer
                            .as_mut()
                            .and_then(|buffer| buffer.0.get_mut(bytes))
                        {
                            Some(target) => self.disk(leg).read(sector, target),
                            None => return Err("a read without a buffer".into()),
                        }
                    }
                    Operation::Write {
                        leg,
                        sector,
                        sectors,
                        fua,
                        ..
                    } => {
                        self.version += 1;
                        self.disk(leg).complete_write(write, sector, sectors, fua)
                    }
                    Operation::Flush { leg } => {
                        self.version += 1;
                        self.disk(leg).complete_flush(write)
                    }
                    Operation::Gather { .. } | Operation::Scatter { .. } => Ok(()),
                };
                self.note(|| format!("{:?} ends with {result:?}", io.token));
                self.engine.handle(Event::Done {
                    token: io.token,
                    result,
                    buffer: io.buffer,
                });
                Ok(())
            }
            Flight::Flush {
                operation,
                leg,
                flush,
            } => {
                self.version += 1;
                let result = self.disk(leg).complete_flush(flush);
                self.end_part_of(operation, result)
            }
            Flight::Part {
                bio,
                leg,
                sector,
                sectors,
                skip,
                write,
                writes,
            } => self.land_part(bio, leg, (sector, sectors, skip), writes.then_some(write)),
        }
    }

    pub(super) fn land_part(
        &mut self,
        bio: usize,
        leg: Leg,
        (sector, sectors, skip): (u64, u32, u32),
        write: Option<u64>,
    ) -> Result<(), Wrong> {
        let Some(mut entry) = self.bios[bio].take() else {
            return Err("a part of a bio that has ended".into());
        };
        let result = match write {
            Some(write) => {
                self.version += 1;
                let fua = entry.fua;
                self.disk(leg).complete_write(write, sector, sectors, fua)
            }
            None => {
                let bytes = skip as usize * SECTOR_BYTES..(skip + sectors) as usize * SECTOR_BYTES;
                self.disk(leg).read(sector, &mut entry.data[bytes])
            }
        };
        self.note(|| format!("bio {bio} part at {leg:?} {sector}+{sectors} ends with {result:?}"));
        entry.parts_left -= 1;
        if let Err(class) = result {
            entry.failed = Some((leg, class));
        }
        let (left, failed) = (
            entry.parts_left,
            if entry.parts_left == 0 {
                entry.failed.take()
            } else {
                None
            },
        );
        self.bios[bio] = Some(entry);
        match failed {
            _ if left != 0 => Ok(()),
            None => self.end_bio(bio, Ok(())),
            Some((Leg::Main, ErrorClass::Media)) => {
                self.inbox.push((bio, Cause::MainFailed(ErrorClass::Media)));
                Ok(())
            }
            Some((Leg::Spare, ErrorClass::Media)) => {
                self.inbox.push((bio, Cause::SlotFailed(ErrorClass::Media)));
                Ok(())
            }
            Some((_, class)) => self.end_bio(bio, Err(class)),
        }
    }

    pub(super) fn end_bio(
        &mut self,
        bio: usize,
        result: Result<(), ErrorClass>,
    ) -> Result<(), Wrong> {
        let Some(entry) = self.bios[bio].take() else {
            return Err(format!("bio {bio} ends twice"));
        };
        self.note(|| {
            format!(
                "bio {bio} of operation {} ends with {result:?}",
                entry.operation
            )
        });
        if entry.kind == RequestKind::Read {
            self.check_read(&entry, result)?;
        } else if let (Err(class), false) = (result, self.faults) {
            return Err(format!(
                "write of {} sectors at {} failed with {class:?} although there are slots",
                entry.sectors, entry.sector
            ));
        }
        self.end_part_of(entry.operation, result)
    }
}
