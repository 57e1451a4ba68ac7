// SPDX-License-Identifier: GPL-2.0-only

//! Bios that wait for the worker, and the copies of what they write.
//!
//! Whoever submits a write copies and hashes its blocks on the way, on all processors at once and while the data is in
//! their caches; the worker finds everything done. The buffers are made at construction. When there are too few, the bio
//! waits without copies and the worker makes them, from buffers of its own, so that no bio waits for a later one.
//!
//! The lock is taken by tasks only, never by what ends an I/O, so interrupts stay on.

use kernel::{
    alloc::{
        AllocError,
        KVVec, //
    },
    prelude::*,
    sync::ArcBorrow, //
};

use crate::{
    dm::{
        BioQueue,
        HeldBio,
        Operation, //
    },
    engine::{
        dedup::{
            fingerprint,
            is_zero,
            Content,
            Lbn, //
        },
        new_buffer,
        Block,
        Buffer,
        SECTORS_PER_BLOCK, //
    },
    target::Spare,
};

use super::Dedup;

/// Most blocks of a write; a longer one is split.
pub(super) const WRITE_BLOCKS: usize = 32;
/// Buffers of writes that have been submitted.
pub(super) const COPIES: u32 = 1024;

/// A block of a write, copied.
pub(super) struct Copied {
    /// Where it goes: a copy is never taken for that of another block.
    pub(super) lbn: Lbn,
    /// What it holds.
    pub(super) content: Content,
    /// The copy.
    pub(super) buffer: Buffer,
}

impl Copied {
    /// Copies a block of a bio, and looks at the copy alone: the user may change the pages at any time.
    ///
    /// # Errors
    ///
    /// The buffer, when the bio has no such block.
    pub(super) fn new(
        bio: &HeldBio<Spare>,
        block: u64,
        secret: [u8; 16],
        mut buffer: Buffer,
    ) -> Result<Self, Buffer> {
        let skip = u32::try_from(block.saturating_mul(SECTORS_PER_BLOCK));
        let copied = skip
            .map_err(|_| EINVAL)
            .and_then(|skip| bio.copy_from_bio(skip, &mut buffer.0));
        match copied {
            Ok(()) => Ok(Self {
                lbn: block_of(bio, block),
                content: content_of(&buffer, secret),
                buffer,
            }),
            Err(_) => Err(buffer),
        }
    }
}

/// The block of the volume that a block of a bio is.
fn block_of(bio: &HeldBio<Spare>, block: u64) -> Lbn {
    Lbn((bio.sector() / SECTORS_PER_BLOCK).saturating_add(block))
}

fn content_of(block: &Block, secret: [u8; 16]) -> Content {
    if is_zero(block) {
        Content::Zero
    } else {
        Content::Data(fingerprint(secret, block))
    }
}

/// What waits; lives in `Dedup::arrivals`.
pub(super) struct Arrivals {
    held: BioQueue<Spare>,
    /// Of the bios that have copies, block by block, in the order of the bios.
    copied: KVVec<Copied>,
    free: KVVec<Buffer>,
    /// The volume's, once it is in service.
    secret: Option<[u8; 16]>,
}

impl Arrivals {
    /// Nothing, with all buffers.
    pub(super) fn new() -> Result<Self, AllocError> {
        // CAST: 32 bits fit into a `usize` on every supported machine.
        let count = COPIES as usize;
        let mut free = KVVec::with_capacity(count, GFP_KERNEL)?;
        for _ in 0..COPIES {
            free.push(new_buffer(GFP_KERNEL)?, GFP_KERNEL)?;
        }
        Ok(Self {
            held: BioQueue::new(),
            copied: KVVec::with_capacity(count, GFP_KERNEL)?,
            free,
            secret: None,
        })
    }

    /// Says with which secret fingerprints are made from now on.
    pub(super) fn set_secret(&mut self, secret: [u8; 16]) {
        self.secret = Some(secret);
    }

    /// Takes all bios, and exchanges their copies for the empty tray.
    pub(super) fn collect(&mut self, held: &mut BioQueue<Spare>, tray: &mut KVVec<Copied>) {
        held.append(self.held.take());
        core::mem::swap(&mut self.copied, tray);
    }

    /// Takes a buffer back.
    pub(super) fn give_back(&mut self, buffer: Buffer) {
        // The worker keeps as many as were made for it, so there is room for all others.
        let _ = self.free.push_within_capacity(buffer);
    }

    /// Buffers for as many blocks, and the secret; none if there are not that many.
    fn take(&mut self, count: usize, buffers: &mut Handful) -> Option<[u8; 16]> {
        let secret = self.secret?;
        if self.free.len() < count {
            return None;
        }
        for place in buffers.iter_mut().take(count) {
            *place = self.free.pop();
        }
        Some(secret)
    }
}

type Handful = [Option<Buffer>; WRITE_BLOCKS];

impl Dedup {
    /// Has a bio wait for the worker, with copies of what it writes. Called by `map`: never sleeps.
    pub(super) fn arrive(this: ArcBorrow<'_, Self>, mut bio: HeldBio<Spare>) {
        let mut buffers: Handful = [const { None }; WRITE_BLOCKS];
        let mut contents = [Content::Zero; WRITE_BLOCKS];
        let count = this.copy(&bio, &mut buffers, &mut contents);
        // CAST: at most 32.
        bio.per_bio_mut().dedup.copies = count as u32;
        let mut arrivals = this.arrivals.lock();
        let is_first = arrivals.held.is_empty();
        for ((block, place), content) in (0..).zip(&mut buffers).zip(&contents) {
            let Some(buffer) = place.take() else { break };
            if count > 0 {
                // There is room for all buffers.
                let _ = arrivals.copied.push_within_capacity(Copied {
                    lbn: block_of(&bio, block),
                    content: *content,
                    buffer,
                });
            } else {
                let _ = arrivals.free.push_within_capacity(buffer);
            }
        }
        arrivals.held.push(bio);
        drop(arrivals);
        // The worker may have ended the bio by now, but no target goes away while its `map` runs. Behind another bio
        // it has been told already, and has not looked since.
        if is_first {
            this.worker.enqueue(this);
        }
    }

    /// Copies what a write holds; how many blocks were copied, which is all or none.
    fn copy(
        &self,
        bio: &HeldBio<Spare>,
        buffers: &mut Handful,
        contents: &mut [Content; WRITE_BLOCKS],
    ) -> usize {
        if bio.operation() != Operation::Write {
            return 0;
        }
        // CAST: 32 bits fit into a `usize` on every supported machine.
        let count = bio.sectors() as usize / SECTORS_PER_BLOCK as usize;
        if count > WRITE_BLOCKS {
            return 0;
        }
        let Some(secret) = self.arrivals.lock().take(count, buffers) else {
            return 0;
        };
        for ((block, place), content) in (0..).zip(buffers.iter_mut()).zip(contents).take(count) {
            let Some(buffer) = place.take() else { return 0 };
            match Copied::new(bio, block, secret, buffer) {
                Ok(copied) => {
                    *content = copied.content;
                    *place = Some(copied.buffer);
                }
                // The worker finds the same, and ends the bio.
                Err(buffer) => {
                    *place = Some(buffer);
                    return 0;
                }
            }
        }
        count
    }
}

/// Copies that the worker has taken out, first in, first out.
pub(super) struct Copies {
    /// A ring with room for all.
    places: KVVec<Option<Copied>>,
    first: usize,
    count: usize,
}

impl Copies {
    /// None, with room for all that can be.
    pub(super) fn new() -> Result<Self, AllocError> {
        // CAST: 32 bits fit into a `usize` on every supported machine.
        let length = COPIES as usize;
        let mut places = KVVec::with_capacity(length, GFP_KERNEL)?;
        for _ in 0..COPIES {
            places.push(None, GFP_KERNEL)?;
        }
        Ok(Self {
            places,
            first: 0,
            count: 0,
        })
    }

    /// Appends one; there is room for it.
    pub(super) fn push(&mut self, copied: Copied) {
        let length = self.places.len();
        let end = self.first + self.count;
        let end = if end < length { end } else { end - length };
        if let Some(place) = self.places.get_mut(end) {
            *place = Some(copied);
            self.count += 1;
        }
    }

    /// Takes the oldest one, which must be that of this block; none if it is another block's.
    pub(super) fn pop_of(&mut self, lbn: Lbn) -> Option<Copied> {
        let oldest = self.places.get(self.first)?.as_ref()?;
        if oldest.lbn == lbn {
            self.pop()
        } else {
            None
        }
    }

    /// Takes the oldest one.
    pub(super) fn pop(&mut self) -> Option<Copied> {
        let copied = self.places.get_mut(self.first)?.take()?;
        self.count -= 1;
        self.first += 1;
        if self.first == self.places.len() {
            self.first = 0;
        }
        Some(copied)
    }
}
