// SPDX-License-Identifier: GPL-2.0-only

//! What the shell does between device-mapper and the engine: mapping bios, and performing actions.

use super::{Bio, Flight, Quiesce, World, Wrong};
use dm_spare_engine::{
    Action, Cause, ErrorClass, Event, Io, Leg, Operation, RequestKind, Timer, Verdict, SECTOR_BYTES,
};

impl World {
    /// Maps new bios as device-mapper does: the front as far as one verdict goes, then the rest.
    pub(super) fn map(
        &mut self,
        operation: usize,
        kind: RequestKind,
        sector: u64,
        fua: bool,
        data: Vec<u8>,
    ) -> Result<(), Wrong> {
        let write = kind != RequestKind::Read;
        let total = (data.len() / SECTOR_BYTES) as u32;
        let mut at = 0;
        let mut mapped = Vec::new();
        while at < total {
            let start = sector + u64::from(at);
            let verdict = self.lookup.decide(start, total - at, write);
            let sectors = match verdict {
                Verdict::Main { sectors }
                | Verdict::Slot { sectors, .. }
                | Verdict::Poisoned { sectors } => sectors,
                Verdict::Hold => total - at,
            };
            if sectors == 0 || sectors > total - at {
                return Err(format!(
                    "a verdict covers {sectors} of {} sectors",
                    total - at
                ));
            }
            let bytes = at as usize * SECTOR_BYTES..(at + sectors) as usize * SECTOR_BYTES;
            let bio = self.bios.len();
            self.bios.push(Some(Bio {
                operation,
                kind,
                sector: start,
                sectors,
                fua,
                data: data[bytes].to_vec(),
                parts_left: 0,
                failed: None,
            }));
            self.operations[operation].bios_left += 1;
            mapped.push((bio, verdict, sectors));
            at += sectors;
        }
        for (bio, verdict, sectors) in mapped {
            match verdict {
                Verdict::Main { .. } => {
                    let start = self.bios[bio].as_ref().map_or(0, |bio| bio.sector);
                    self.send_part(bio, Leg::Main, start, sectors, 0);
                }
                Verdict::Slot {
                    sector_on_spare, ..
                } => self.send_part(bio, Leg::Spare, sector_on_spare, sectors, 0),
                Verdict::Hold => self.inbox.push((bio, Cause::Held)),
                Verdict::Poisoned { .. } => self.end_bio(bio, Err(ErrorClass::Media))?,
            }
        }
        Ok(())
    }

    pub(super) fn send_part(&mut self, bio: usize, leg: Leg, sector: u64, sectors: u32, skip: u32) {
        self.note(|| format!("bio {bio} sends {leg:?} {sector}+{sectors}"));
        let Some(entry) = self.bios[bio].as_mut() else {
            return;
        };
        entry.parts_left += 1;
        let writes = entry.kind != RequestKind::Read;
        let bytes = skip as usize * SECTOR_BYTES..(skip + sectors) as usize * SECTOR_BYTES;
        let data = entry.data[bytes].to_vec();
        let mut write = 0;
        if writes {
            self.spare_written |= leg == Leg::Spare;
            write = self.disk(leg).submit_write(sector, &data);
            self.version += 1;
        }
        self.flights.push(Flight::Part {
            bio,
            leg,
            sector,
            sectors,
            skip,
            write,
            writes,
        });
    }

    /// Maps a held bio again, in as many parts as it needs by now.
    pub(super) fn resubmit(&mut self, bio: usize) -> Result<(), Wrong> {
        let Some(entry) = self.bios[bio].as_ref() else {
            return Err("a bio is resubmitted after its end".into());
        };
        let (sector, total, write) = (entry.sector, entry.sectors, entry.kind != RequestKind::Read);
        let mut parts = Vec::new();
        let mut at = 0;
        while at < total {
            let start = sector + u64::from(at);
            let (leg, place, sectors) = match self.lookup.decide(start, total - at, write) {
                Verdict::Main { sectors } => (Leg::Main, start, sectors),
                Verdict::Slot {
                    sector_on_spare,
                    sectors,
                } => (Leg::Spare, sector_on_spare, sectors),
                Verdict::Hold => {
                    self.inbox.push((bio, Cause::Held));
                    return Ok(());
                }
                Verdict::Poisoned { .. } => return self.end_bio(bio, Err(ErrorClass::Media)),
            };
            parts.push((leg, place, sectors, at));
            at += sectors;
        }
        for (leg, place, sectors, skip) in parts {
            self.send_part(bio, leg, place, sectors, skip);
        }
        Ok(())
    }

    pub(super) fn perform(&mut self, action: Action) -> Result<(), Wrong> {
        self.note(|| match &action {
            Action::Io(io) => format!("{:?} asks for {:?}", io.token, io.operation),
            Action::Quiesce { ticket } => format!("quiesce {ticket:#x}"),
            Action::ArmTimer { timer, ticket, .. } => format!("arm {timer:?} {ticket:#x}"),
            Action::Complete { request, result } => format!("complete {request:?} {result:?}"),
            Action::Answered {
                request,
                outcome,
                result,
            } => format!("answered {request:?} {outcome:?} {result:?}"),
            Action::Resubmit { request } => format!("resubmit {request:?}"),
            Action::Requeue { request } => format!("requeue {request:?}"),
            Action::Activated(result) => format!("activated {result:?}"),
            Action::Suspended { clean } => format!("suspended, clean {clean}"),
            Action::Notice(notice) => format!("notice: {notice}"),
        });
        match action {
            Action::Io(io) => self.perform_io(io)?,
            Action::Quiesce { ticket } => {
                let bios = self
                    .flights
                    .iter()
                    .filter_map(|flight| match flight {
                        Flight::Part {
                            bio, writes: true, ..
                        }
                        | Flight::Part {
                            bio,
                            leg: Leg::Spare,
                            ..
                        } => Some(*bio),
                        _ => None,
                    })
                    .collect();
                self.quiesces.push(Quiesce { ticket, bios });
            }
            Action::ArmTimer { timer, ticket, .. } => {
                // Nothing here waits for the window in which errors are counted to end.
                match timer {
                    Timer::Commit => self.timers[0] = Some(ticket),
                    Timer::Checkpoint => self.timers[1] = Some(ticket),
                    Timer::ErrorWindow => {}
                }
            }
            Action::Complete { request, result } => self.end_bio(request.0 as usize, result)?,
            Action::Answered {
                request: _,
                outcome,
                result,
            } => self.order_answered(outcome, result)?,
            Action::Resubmit { request } => self.resubmit(request.0 as usize)?,
            Action::Requeue { request } => {
                self.requeued += 1;
                self.bios[request.0 as usize] = None;
            }
            Action::Activated(result) => {
                self.spare_written |= self.engine.snapshot().remapped != 0;
                self.activated = Some(result);
            }
            Action::Suspended { clean } => self.suspended.push(clean),
            Action::Notice(notice) => self.notices.push(notice),
        }
        Ok(())
    }

    pub(super) fn perform_io(&mut self, mut io: Io) -> Result<(), Wrong> {
        match io.operation {
            Operation::Gather {
                request,
                skip,
                sectors,
                within,
            }
            | Operation::Scatter {
                request,
                skip,
                sectors,
                within,
            } => {
                let gather = matches!(io.operation, Operation::Gather { .. });
                let bio = self
                    .bios
                    .get_mut(request.0 as usize)
                    .and_then(Option::as_mut);
                let (Some(bio), Some(buffer)) = (bio, io.buffer.as_mut()) else {
                    return Err("a copy for a bio that has ended, or without a buffer".into());
                };
                let user = skip as usize * SECTOR_BYTES..(skip + sectors) as usize * SECTOR_BYTES;
                let own =
                    within as usize * SECTOR_BYTES..(within + sectors) as usize * SECTOR_BYTES;
                let (Some(user), Some(own)) = (bio.data.get_mut(user), buffer.0.get_mut(own))
                else {
                    return Err("a copy out of bounds".into());
                };
                if gather {
                    own.copy_from_slice(user);
                } else {
                    user.copy_from_slice(own);
                }
                self.engine.handle(Event::Done {
                    token: io.token,
                    result: Ok(()),
                    buffer: io.buffer,
                });
            }
            Operation::Write {
                leg,
                sector,
                sectors,
                within,
                ..
            } => {
                let bytes =
                    within as usize * SECTOR_BYTES..(within + sectors) as usize * SECTOR_BYTES;
                let Some(data) = io
                    .buffer
                    .as_ref()
                    .and_then(|buffer| buffer.0.get(bytes))
                    .map(<[u8]>::to_vec)
                else {
                    return Err("a write without its data".into());
                };
                if sector + u64::from(sectors) > self.disk(leg).sectors() {
                    return Err(format!("a write beyond the end of {leg:?}"));
                }
                self.spare_written |= leg == Leg::Spare;
                let write = self.disk(leg).submit_write(sector, &data);
                self.version += 1;
                self.flights.push(Flight::Own { io, write });
            }
            Operation::Flush { leg } => {
                let write = self.disk(leg).submit_flush();
                self.flights.push(Flight::Own { io, write });
            }
            Operation::Read { .. } => self.flights.push(Flight::Own { io, write: 0 }),
        }
        if self
            .flights
            .iter()
            .filter(|flight| matches!(flight, Flight::Own { .. }))
            .count()
            > self.engine.io_bound()
        {
            return Err("more I/O than the engine's bound".into());
        }
        Ok(())
    }
}
