// SPDX-License-Identifier: GPL-2.0-only

//! Bios become requests of the engine: a block of a write each, with a copy of its data and a fingerprint.
//!
//! Whoever submitted a bio may change its pages while it is under way. So a block is copied once, by the submitter if
//! there was a buffer and here otherwise, and hashed, compared and written from that copy.

use kernel::sync::ArcBorrow;

use crate::{
    dm::{
        BioQueue,
        Operation,
        Status, //
    },
    engine::{
        dedup::{
            Content,
            Event,
            Fill,
            Lbn,
            Request,
            RequestKind, //
        },
        SECTORS_PER_BLOCK, //
    },
};

use super::{
    arrivals::Copied,
    requests::BioPlace,
    shell::{
        Core,
        Shell,
        RESERVE, //
    },
    Dedup, //
};

/// Blocks that one request discards or zeroes at most (32 MiB): the volume walks a range in one go.
const FILL_BLOCKS: u64 = 8192;

impl Dedup {
    /// Makes requests of bios as long as there is room; whether there was any.
    pub(super) fn admit(this: ArcBorrow<'_, Self>, core: &mut Core) -> bool {
        let Core { volume, shell } = core;
        let mut any = false;
        while shell.requests.has_room() {
            let Some(request) = shell.next_request(&this) else {
                break;
            };
            any = true;
            volume.handle(Event::Request(request), &mut |action| {
                Self::perform(this, shell, action);
            });
        }
        any
    }
}

impl Shell {
    /// Takes the bios that have arrived, and gives buffers back that are not needed here.
    pub(super) fn welcome(&mut self, target: &Dedup) {
        let mut tray = core::mem::take(&mut self.copied);
        let mut arrivals = target.arrivals.lock();
        arrivals.collect(&mut self.waiting, &mut tray);
        // CAST: 64.
        while self.free.len() > RESERVE as usize {
            if let Some(buffer) = self.free.pop() {
                arrivals.give_back(buffer);
            }
        }
        drop(arrivals);
        for copied in tray.drain_all() {
            self.copies.push(copied);
        }
        self.copied = tray;
    }

    /// Gives the bios that wait back to device-mapper, as long as it takes them.
    pub(super) fn return_waiting(&mut self) {
        // The copies of the bio that is being cut come first, and stay.
        let cutting = self.cutting.and_then(|number| self.requests.bio(number));
        let left = cutting.map_or(0, |place| {
            let has_copies = place
                .bio
                .as_ref()
                .is_some_and(|bio| bio.per_bio().dedup.copies > 0);
            if has_copies {
                place.blocks.saturating_sub(place.cut)
            } else {
                0
            }
        });
        self.pass_copies(left, true);
        let mut kept = BioQueue::new();
        while let Some(bio) = self.waiting.pop() {
            let copies = u64::from(bio.per_bio().dedup.copies);
            let returned = bio.requeue();
            self.pass_copies(copies, returned.is_err());
            if let Err(bio) = returned {
                // The suspension was given up.
                kept.push(bio);
            }
        }
        self.waiting = kept;
    }

    /// Moves the oldest copies behind all others, or frees them.
    fn pass_copies(&mut self, count: u64, are_kept: bool) {
        for _ in 0..count {
            let Some(copied) = self.copies.pop() else {
                return;
            };
            if are_kept {
                self.copies.push(copied);
            } else {
                self.give_back(Some(copied.buffer));
            }
        }
    }

    fn next_request(&mut self, target: &Dedup) -> Option<Request> {
        loop {
            let number = match self.cutting {
                Some(number) => number,
                None => self.begin_cutting()?,
            };
            if let Some(request) = self.cut(number, target) {
                return Some(request);
            }
            if self.cutting.is_some() {
                return None;
            }
            // It has failed.
            self.end_if_done(number);
        }
    }

    /// Takes the next bio that waits.
    fn begin_cutting(&mut self) -> Option<u32> {
        let bio = self.waiting.pop()?;
        let sectors_per_block = SECTORS_PER_BLOCK;
        let blocks = match bio.operation() {
            Operation::Flush => 1,
            _ => u64::from(bio.sectors()) / sectors_per_block,
        };
        let place = BioPlace {
            lbn: Lbn(bio.sector() / sectors_per_block),
            bio: Some(bio),
            blocks,
            cut: 0,
            left: 0,
            status: Status::OK,
        };
        match self.requests.add_bio(place) {
            Ok(number) => {
                self.cutting = Some(number);
                Some(number)
            }
            Err(mut place) => {
                if let Some(bio) = place.bio.take() {
                    self.waiting.push(bio);
                }
                None
            }
        }
    }

    /// Makes the next request of a bio; none if it is not to be gone on with.
    fn cut(&mut self, number: u32, target: &Dedup) -> Option<Request> {
        let secret = self.secret;
        let place = self.requests.bio(number)?;
        let bio = place.bio.as_ref()?;
        let lbn = Lbn(place.lbn.0.saturating_add(place.cut));
        let left = place.blocks.saturating_sub(place.cut);
        let fua = bio.is_fua();
        let mut buffer = None;
        let (kind, blocks) = match bio.operation() {
            Operation::Read => (RequestKind::Read { lbn, blocks: left }, left),
            Operation::Write => {
                let copied = if bio.per_bio().dedup.copies > 0 {
                    self.copies.pop_of(lbn)
                } else {
                    // If there is none, it goes on when one of those under way is done.
                    let block = self.free.pop()?;
                    let copied = Copied::new(bio, place.cut, secret, block);
                    copied
                        .map_err(|block| self.free.push_within_capacity(block))
                        .ok()
                };
                let Some(Copied {
                    content,
                    buffer: block,
                    ..
                }) = copied
                else {
                    place.status = Status::INVALID;
                    place.cut = place.blocks;
                    self.cutting = None;
                    return None;
                };
                target.counters.written_blocks.count();
                if content == Content::Zero {
                    target.counters.zero_blocks.count();
                    // There is room for all that exist.
                    let _ = self.free.push_within_capacity(block);
                } else {
                    buffer = Some(block);
                }
                (RequestKind::Write { lbn, content, fua }, 1)
            }
            operation @ (Operation::Discard | Operation::WriteZeroes) => {
                let blocks = left.min(FILL_BLOCKS);
                let fill = match operation {
                    Operation::Discard => Fill::Unmapped,
                    _ => Fill::Zero,
                };
                let kind = RequestKind::Fill {
                    lbn,
                    blocks,
                    fill,
                    fua,
                };
                (kind, blocks)
            }
            _ => (RequestKind::Flush, left),
        };
        place.cut = place.cut.saturating_add(blocks);
        place.left = place.left.saturating_add(1);
        if place.cut >= place.blocks {
            self.cutting = None;
        }
        let changes = matches!(
            kind,
            RequestKind::Write { .. } | RequestKind::Fill { .. }
        );
        let id = self.requests.add(number, blocks, changes, buffer)?;
        Some(Request { id, kind })
    }

    /// Completes a bio if all of it is done.
    pub(super) fn end_if_done(&mut self, number: u32) {
        let Some(place) = self.requests.bio(number) else {
            return;
        };
        if place.left > 0 || place.cut < place.blocks {
            return;
        }
        let status = place.status;
        if let Some(bio) = self.requests.remove_bio(number) {
            bio.complete(status);
        }
    }
}
