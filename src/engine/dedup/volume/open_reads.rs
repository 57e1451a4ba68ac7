// SPDX-License-Identifier: GPL-2.0-only

//! Since which batches somebody reads blocks whose reuse it must not see.

use crate::engine::dedup::units::Batch;
use kernel::alloc::{AllocError, Flags, KVVec};

/// How many have begun in which batch and not ended: the oldest batch first, each with one at least.
///
/// There are as many entries as batches have passed since the oldest one that is not ended, nearly always one or two.
pub(super) struct OpenReads(KVVec<(Batch, u32)>);

impl OpenReads {
    /// None, with room for so many at once.
    pub(super) fn new(count: usize, flags: Flags) -> Result<Self, AllocError> {
        Ok(Self(KVVec::with_capacity(count, flags)?))
    }

    /// One begins in the open batch, which is no older than those before.
    pub(super) fn begin(&mut self, open: Batch) {
        match self.0.last_mut() {
            Some((batch, count)) if *batch == open => *count += 1,
            // There is room for all.
            _ => {
                let _ = self.0.push_within_capacity((open, 1));
            }
        }
    }

    /// One that began in this batch ends.
    pub(super) fn end(&mut self, begun: Batch) {
        let found = self.0.iter().position(|(batch, _)| *batch == begun);
        let Some(at) = found else { return };
        let Some((_, count)) = self.0.get_mut(at) else {
            return;
        };
        *count -= 1;
        if *count == 0 {
            let _ = self.0.remove(at);
        }
    }

    /// The oldest batch in which one began that has not ended.
    pub(super) fn oldest(&self) -> Option<Batch> {
        self.0.first().map(|(batch, _)| *batch)
    }
}

#[cfg(test)]
mod tests {
    use super::{Batch, OpenReads};
    use kernel::alloc::flags::GFP_KERNEL;

    #[test]
    fn the_oldest_is_the_oldest_that_has_not_ended() {
        let mut reads = OpenReads::new(40, GFP_KERNEL).expect("memory");
        let mut model = Vec::new();
        let mut state = 1u64;
        let mut open = 1;
        for _ in 0..20_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            match (state >> 33) % 5 {
                0 => open += 1,
                1 | 2 if model.len() < 40 => {
                    reads.begin(Batch(open));
                    model.push(open);
                }
                _ if !model.is_empty() => {
                    let one = model.swap_remove((state >> 40) as usize % model.len());
                    reads.end(Batch(one));
                }
                _ => {}
            }
            assert_eq!(reads.oldest(), model.iter().min().copied().map(Batch));
        }
    }
}
