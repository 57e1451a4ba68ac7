// SPDX-License-Identifier: GPL-2.0-only

//! Notices that wait to be polled: a ring of fixed size that counts what it drops.

use super::notice::Notice;

const ROOM: usize = 64;

pub(super) struct Notices {
    ring: [Option<Notice>; ROOM],
    first: usize,
    length: usize,
    lost: u32,
}

impl Notices {
    pub(super) fn new() -> Self {
        Self {
            ring: [None; ROOM],
            first: 0,
            length: 0,
            lost: 0,
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.length < ROOM
    }

    pub(super) fn push(&mut self, notice: Notice) {
        match self.ring.get_mut((self.first + self.length) % ROOM) {
            Some(place) if self.length < ROOM => {
                *place = Some(notice);
                self.length += 1;
            }
            _ => self.lost = self.lost.saturating_add(1),
        }
    }

    pub(super) fn pop(&mut self) -> Option<Notice> {
        if self.length == 0 {
            let count = core::mem::take(&mut self.lost);
            return (count != 0).then_some(Notice::NoticesLost { count });
        }
        let notice = self.ring.get_mut(self.first).and_then(Option::take);
        self.first = (self.first + 1) % ROOM;
        self.length -= 1;
        notice
    }
}
