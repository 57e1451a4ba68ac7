// SPDX-License-Identifier: GPL-2.0-only

//! Held bios that the engine knows by number.

use kernel::{
    alloc::AllocError,
    prelude::*, //
};

use crate::{
    dm::{
        HeldBio,
        Operation, //
    },
    engine::{
        Request,
        RequestId,
        RequestKind, //
    },
};

use crate::target::Spare;

/// A table of held bios; the index is the request's number.
pub(crate) struct Requests {
    bios: KVec<Option<HeldBio<Spare>>>,
    free: KVec<u32>,
}

impl Requests {
    /// Makes a table for `capacity` bios.
    pub(crate) fn new(capacity: u32) -> Result<Self, AllocError> {
        let mut bios = KVec::with_capacity(capacity as usize, GFP_KERNEL)?;
        let mut free = KVec::with_capacity(capacity as usize, GFP_KERNEL)?;
        for number in 0..capacity {
            bios.push(None, GFP_KERNEL)?;
            free.push(number, GFP_KERNEL)?;
        }
        Ok(Self { bios, free })
    }

    /// Puts a bio into the table and describes it to the engine; gives it back when the table is full.
    pub(crate) fn insert(&mut self, bio: HeldBio<Spare>) -> Result<Request, HeldBio<Spare>> {
        let Some(number) = self.free.pop() else {
            return Err(bio);
        };
        let request = Request {
            id: RequestId(number),
            kind: match bio.operation() {
                Operation::Read => RequestKind::Read,
                Operation::WriteZeroes => RequestKind::WriteZeroes,
                _ => RequestKind::Write,
            },
            sector: bio.sector(),
            sectors: bio.sectors(),
            fua: bio.is_fua(),
            cause: bio.per_bio().remap.reason.cause(),
        };
        match self.bios.get_mut(number as usize) {
            Some(place) => {
                *place = Some(bio);
                Ok(request)
            }
            None => Err(bio),
        }
    }

    /// Takes a bio out again.
    pub(crate) fn remove(&mut self, id: RequestId) -> Option<HeldBio<Spare>> {
        let bio = self.bios.get_mut(id.0 as usize)?.take()?;
        // As many numbers as places: there is room for every number that came from here.
        let _ = self.free.push_within_capacity(id.0);
        Some(bio)
    }

    /// The bio of a request.
    pub(crate) fn get(&mut self, id: RequestId) -> Option<&mut HeldBio<Spare>> {
        self.bios.get_mut(id.0 as usize)?.as_mut()
    }

    /// Takes any bio that is left; for the destructor.
    pub(crate) fn remove_any(&mut self) -> Option<HeldBio<Spare>> {
        self.bios.iter_mut().find_map(Option::take)
    }
}
