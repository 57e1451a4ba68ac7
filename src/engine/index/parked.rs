// SPDX-License-Identifier: GPL-2.0-only

//! Requests that wait for something: an arena of fixed size, and lists of its places.

use super::request::Request;
use super::units::Chapter;
use kernel::alloc::{AllocError, Flags, KVVec};

/// Chapters that one request can have ruled out while it waits: more than there can be candidates for one name.
const RULED_OUT_MAXIMUM: usize = 12;
/// No place: the end of a list.
const NONE: u32 = u32::MAX;

/// A request, and what was found out for it so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub(super) request: Request,
    /// The lower halves of closed chapters known not to hold the name, whatever else changes; zeros are free places.
    ruled_out: [u32; RULED_OUT_MAXIMUM],
    /// The version of the volume index that the request was parked with.
    pub(super) version: u64,
}

impl Attempt {
    pub(super) fn new(request: Request) -> Self {
        Self {
            request,
            ruled_out: [0; RULED_OUT_MAXIMUM],
            version: 0,
        }
    }

    /// Whether the chapter is known not to hold the name.
    pub(super) fn is_ruled_out(&self, chapter: Chapter) -> bool {
        // CAST: the lower half, which tells 2^32 chapters apart.
        self.ruled_out.contains(&(chapter.0 as u32))
    }

    /// Notes that a chapter does not hold the name. When there are too many the oldest note goes.
    pub(super) fn rule_out(&mut self, chapter: Chapter) {
        self.ruled_out.rotate_right(1);
        if let Some(first) = self.ruled_out.first_mut() {
            // CAST: as above.
            *first = chapter.0 as u32;
        }
    }
}

/// A list of waiting requests, first come, first served.
#[derive(Debug)]
pub(super) struct List {
    first: u32,
    last: u32,
}

impl List {
    pub(super) const EMPTY: Self = Self {
        first: NONE,
        last: NONE,
    };

    pub(super) fn is_empty(&self) -> bool {
        self.first == NONE
    }

    /// The list; an empty one is left in its place.
    pub(super) fn take(&mut self) -> Self {
        core::mem::replace(self, Self::EMPTY)
    }
}

struct Place {
    attempt: Option<Attempt>,
    next: u32,
}

/// All waiting requests of a zone.
pub(super) struct Parked {
    places: KVVec<Place>,
    free: u32,
    used: usize,
}

impl Parked {
    /// Room for `capacity` requests.
    pub(super) fn new(capacity: u32, flags: Flags) -> Result<Self, AllocError> {
        // CAST: 32 bits fit.
        let mut places = KVVec::with_capacity(capacity as usize, flags)?;
        for index in 0..capacity {
            let next = if index + 1 < capacity {
                index + 1
            } else {
                NONE
            };
            let attempt = None;
            places.push(Place { attempt, next }, flags)?;
        }
        let free = if capacity == 0 { NONE } else { 0 };
        Ok(Self {
            places,
            free,
            used: 0,
        })
    }

    /// Requests that wait.
    pub(super) fn len(&self) -> usize {
        self.used
    }

    /// Requests that may still be parked.
    pub(super) fn room(&self) -> usize {
        self.places.len() - self.used
    }

    /// Puts a request at the end of a list. Without room it is handed back.
    pub(super) fn park(&mut self, list: &mut List, attempt: Attempt) -> Result<(), Attempt> {
        let index = self.free;
        // CAST: 32 bits fit.
        let Some(place) = self.places.get_mut(index as usize) else {
            return Err(attempt);
        };
        self.free = place.next;
        *place = Place {
            attempt: Some(attempt),
            next: NONE,
        };
        self.used += 1;
        // CAST: 32 bits fit.
        if let Some(last) = self.places.get_mut(list.last as usize) {
            last.next = index;
        } else {
            list.first = index;
        }
        list.last = index;
        Ok(())
    }

    /// Takes the first request of a list.
    pub(super) fn take(&mut self, list: &mut List) -> Option<Attempt> {
        let index = list.first;
        // CAST: 32 bits fit.
        let place = self.places.get_mut(index as usize)?;
        let attempt = place.attempt.take();
        list.first = core::mem::replace(&mut place.next, self.free);
        if list.first == NONE {
            list.last = NONE;
        }
        self.free = index;
        self.used -= 1;
        attempt
    }

    /// Puts one list behind another.
    pub(super) fn append(&mut self, list: &mut List, behind: List) {
        // CAST: 32 bits fit.
        match self.places.get_mut(list.last as usize) {
            _ if behind.is_empty() => {}
            Some(last) => {
                last.next = behind.first;
                list.last = behind.last;
            }
            None => *list = behind,
        }
    }

    /// Bytes of memory.
    pub(super) fn memory_bytes(&self) -> u64 {
        (self.places.len() * size_of::<Place>()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::index::{Name, RequestId, RequestKind};
    use kernel::alloc::flags::GFP_KERNEL;

    fn attempt(id: u32) -> Attempt {
        Attempt::new(Request {
            id: RequestId(id),
            kind: RequestKind::Query,
            name: Name::default(),
        })
    }

    #[test]
    fn lists_are_first_come_first_served_and_share_the_places() {
        let mut parked = Parked::new(3, GFP_KERNEL).expect("memory");
        let (mut one, mut two) = (List::EMPTY, List::EMPTY);
        parked.park(&mut one, attempt(1)).expect("room");
        parked.park(&mut two, attempt(2)).expect("room");
        parked.park(&mut one, attempt(3)).expect("room");
        assert_eq!(parked.room(), 0);
        assert_eq!(
            parked
                .park(&mut one, attempt(4))
                .map_err(|attempt| attempt.request.id),
            Err(RequestId(4))
        );
        let mut take = |list: &mut List| parked.take(list).map(|attempt| attempt.request.id.0);
        assert_eq!(take(&mut one), Some(1));
        assert_eq!(take(&mut one), Some(3));
        assert_eq!(take(&mut one), None);
        assert!(one.is_empty() && !two.is_empty());
        assert_eq!(take(&mut two), Some(2));
        assert_eq!(parked.room(), 3);
        for id in 5..8 {
            parked.park(&mut two, attempt(id)).expect("room");
        }
        assert_eq!(parked.len(), 3);
    }

    #[test]
    fn a_request_remembers_the_last_chapters() {
        let mut attempt = attempt(1);
        for chapter in 1..=13 {
            attempt.rule_out(Chapter(chapter));
        }
        assert!(!attempt.is_ruled_out(Chapter(1)));
        assert!((2..=13).all(|chapter| attempt.is_ruled_out(Chapter(chapter))));
    }
}
