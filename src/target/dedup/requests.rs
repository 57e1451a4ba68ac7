// SPDX-License-Identifier: GPL-2.0-only

//! Bios and the requests that they are cut into, by number.

use kernel::{
    alloc::{
        AllocError,
        KVVec, //
    },
    prelude::*, //
};

use crate::{
    dm::{
        HeldBio,
        Status, //
    },
    engine::{
        dedup::{
            Lbn,
            OperationId,
            Pbn,
            RequestId, //
        },
        Block,
        Buffer, //
    },
    target::Spare,
};

/// A bio that requests were made of.
pub(super) struct BioPlace {
    /// None once it was sent to main as a whole, or if the place is free.
    pub(super) bio: Option<HeldBio<Spare>>,
    /// Its first block.
    pub(super) lbn: Lbn,
    /// Its blocks; a flush counts as one.
    pub(super) blocks: u64,
    /// The blocks that requests were made of.
    pub(super) cut: u64,
    /// Requests that are not complete.
    pub(super) left: u32,
    /// The first error.
    pub(super) status: Status,
}

/// A request that the engine works on.
pub(super) struct Place {
    /// Whose it is; none if the place is free.
    pub(super) bio: Option<u32>,
    /// Of a read: its blocks.
    pub(super) blocks: u64,
    /// Whether it changes something, so that a commit follows.
    pub(super) changes: bool,
    /// Of a write: its data, when no I/O has it.
    pub(super) buffer: Option<Buffer>,
    /// Of a write: the block that its data was written to.
    pub(super) written: Option<Pbn>,
    /// An I/O has its data.
    pub(super) is_lent: bool,
    /// Of a write whose data an I/O has: the first of those that are to be compared with it.
    pub(super) first_follower: Option<u32>,
    /// Of a write that is to be compared with another one: the next one.
    pub(super) next_follower: Option<u32>,
    /// Of such a write: whose comparison it is.
    pub(super) comparison: Option<OperationId>,
}

impl Place {
    const FREE: Self = Self {
        bio: None,
        blocks: 0,
        changes: false,
        buffer: None,
        written: None,
        is_lent: false,
        first_follower: None,
        next_follower: None,
        comparison: None,
    };
}

/// Both tables. Each bio in them has a request, or is just being cut, so they are of nearly one size.
pub(super) struct Requests {
    places: KVVec<Place>,
    free_places: KVVec<u32>,
    bios: KVVec<BioPlace>,
    free_bios: KVVec<u32>,
}

impl Requests {
    /// Makes tables for so many requests.
    pub(super) fn new(count: u32) -> Result<Self, AllocError> {
        // CAST: 32 bits fit into a `usize` on every supported machine.
        let length = count as usize;
        let mut places = KVVec::with_capacity(length, GFP_KERNEL)?;
        let mut free_places = KVVec::with_capacity(length, GFP_KERNEL)?;
        for number in (0..count).rev() {
            places.push(Place::FREE, GFP_KERNEL)?;
            free_places.push(number, GFP_KERNEL)?;
        }
        let mut bios = KVVec::with_capacity(length + 1, GFP_KERNEL)?;
        let mut free_bios = KVVec::with_capacity(length + 1, GFP_KERNEL)?;
        for number in (0..=count).rev() {
            bios.push(
                BioPlace {
                    bio: None,
                    lbn: Lbn(0),
                    blocks: 0,
                    cut: 0,
                    left: 0,
                    status: Status::OK,
                },
                GFP_KERNEL,
            )?;
            free_bios.push(number, GFP_KERNEL)?;
        }
        Ok(Self {
            places,
            free_places,
            bios,
            free_bios,
        })
    }

    /// Whether one more request can be made.
    pub(super) fn has_room(&self) -> bool {
        !self.free_places.is_empty()
    }

    /// Takes a bio in; hands it back if there is no room, which the sizes exclude.
    pub(super) fn add_bio(&mut self, bio: BioPlace) -> Result<u32, BioPlace> {
        let Some(number) = self.free_bios.pop() else {
            return Err(bio);
        };
        match self.bios.get_mut(number as usize) {
            Some(place) => {
                *place = bio;
                Ok(number)
            }
            None => Err(bio),
        }
    }

    /// A bio.
    pub(super) fn bio(&mut self, number: u32) -> Option<&mut BioPlace> {
        self.bios.get_mut(number as usize)
    }

    /// Takes a bio out, and its place is free again.
    pub(super) fn remove_bio(&mut self, number: u32) -> Option<HeldBio<Spare>> {
        let bio = self.bios.get_mut(number as usize)?.bio.take();
        // As many numbers as places.
        let _ = self.free_bios.push_within_capacity(number);
        bio
    }

    /// Makes a request of a part of a bio.
    pub(super) fn add(
        &mut self,
        bio: u32,
        blocks: u64,
        changes: bool,
        buffer: Option<Buffer>,
    ) -> Option<RequestId> {
        let number = self.free_places.pop()?;
        let place = self.places.get_mut(number as usize)?;
        *place = Place {
            bio: Some(bio),
            blocks,
            changes,
            buffer,
            ..Place::FREE
        };
        Some(RequestId(number))
    }

    /// A request that is worked on.
    pub(super) fn get(&mut self, id: RequestId) -> Option<&mut Place> {
        let place = self.places.get_mut(id.0 as usize)?;
        place.bio.is_some().then_some(place)
    }

    /// Takes a request out.
    pub(super) fn remove(&mut self, id: RequestId) -> Option<Place> {
        let place = self.get(id)?;
        let taken = core::mem::replace(place, Place::FREE);
        // As many numbers as places.
        let _ = self.free_places.push_within_capacity(id.0);
        Some(taken)
    }

    /// The bio of a request.
    pub(super) fn bio_of(&mut self, id: RequestId) -> Option<&mut BioPlace> {
        let number = self.get(id)?.bio?;
        self.bio(number)
    }

    /// Whether the data of a write equals a block.
    pub(super) fn is_equal(&self, one: RequestId, block: &Block) -> bool {
        let place = self.places.get(one.0 as usize);
        let data = place.and_then(|place| place.buffer.as_deref());
        data.is_some_and(|data| data.0 == block.0)
    }

    /// Whether the data of two writes are equal; none if an I/O has the other's.
    pub(super) fn compare(&mut self, one: RequestId, other: RequestId) -> Option<bool> {
        let other = self.places.get(other.0 as usize)?;
        if other.is_lent {
            return None;
        }
        let other = other.buffer.as_deref();
        Some(other.is_some_and(|other| self.is_equal(one, other)))
    }

    /// Has a write wait until an I/O has given the other's data back.
    pub(super) fn follow(&mut self, one: RequestId, other: RequestId, comparison: OperationId) {
        let Some(leader) = self.get(other) else {
            return;
        };
        let next = leader.first_follower.replace(one.0);
        if let Some(place) = self.get(one) {
            place.next_follower = next;
            place.comparison = Some(comparison);
        }
    }

    /// Takes the next one that waits for a write's data.
    pub(super) fn next_follower(&mut self, leader: RequestId) -> Option<(RequestId, OperationId)> {
        let follower = self.get(leader)?.first_follower?;
        let (next, comparison) = match self.get(RequestId(follower)) {
            Some(place) => (place.next_follower.take(), place.comparison.take()),
            None => (None, None),
        };
        if let Some(place) = self.get(leader) {
            place.first_follower = next;
        }
        Some((RequestId(follower), comparison?))
    }

    /// Takes any bio that is left; for the destructor.
    pub(super) fn remove_any_bio(&mut self) -> Option<HeldBio<Spare>> {
        self.bios.iter_mut().find_map(|place| place.bio.take())
    }
}
