// SPDX-License-Identifier: GPL-2.0-only

//! How many words the buckets of a segment should have.

use super::segment::Segment;
use super::shape::{Shape, STRIDE_MAXIMUM};
use super::VolumeIndex;
use kernel::alloc::{AllocError, Flags};

impl VolumeIndex {
    /// Makes room for the entries of the next chapter, of which `entries` are expected. Segments grow; when all slots
    /// of an index that is full-grown are about to be taken, the oldest chapters expire early instead. Called when a
    /// chapter opens; may sleep.
    ///
    /// # Errors
    ///
    /// Too little memory. The index stays usable; names that find no room are left out.
    pub fn prepare(&mut self, entries: u64, flags: Flags) -> Result<(), AllocError> {
        self.expire_early(entries);
        let each = expected(entries, self.segments.len() as u64);
        for number in 0..self.segments.len() {
            if let Some(segment) = self.segments.get_mut(number) {
                let wanted = stride_for(&self.shape, number, segment.entries() + each);
                if wanted <= segment.stride() || !segment.is_resident() {
                    continue;
                }
                // Slots of expired chapters may do.
                if segment.clean_from() < self.codes.window().oldest {
                    segment.sweep(&self.shape, &self.codes, &mut self.tally);
                }
                let wanted = stride_for(&self.shape, number, segment.entries() + each);
                if wanted > segment.stride() {
                    segment.grow(&self.shape, wanted, flags)?;
                    self.tally.counters.grown += 1;
                }
            }
        }
        Ok(())
    }

    /// Has chapters expire until there is room for so many entries.
    fn expire_early(&mut self, entries: u64) {
        let planned = self.shape.segment_records() * self.segments.len() as u64;
        // What is planned for leaves slots free; some of them may be used.
        let limit = planned + planned / 64;
        while self.tally.counters.entries.saturating_add(entries) > limit {
            let window = self.codes.window();
            if window.chapters() == 0 {
                break;
            }
            self.expire_until(window.oldest.next());
            self.tally.counters.early_expired += 1;
        }
    }
}

/// Entries that one of `segments` segments should expect when all together get `entries`: names fall at random, so six
/// standard deviations above the mean.
fn expected(entries: u64, segments: u64) -> u64 {
    let mean = entries.div_ceil(segments.max(1));
    mean + (36 * mean).isqrt()
}

/// The words that the buckets of a segment need for so many entries.
///
/// On average more than one slot of each bucket stays free while there are fewer words than at last. How many more
/// differs from segment to segment, so that not all of them grow at the same time.
pub(super) fn stride_for(shape: &Shape, number: usize, entries: u64) -> usize {
    // CAST: only the upper 16 bits are left.
    let share = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
    let buckets = shape.buckets() as u64;
    (1..STRIDE_MAXIMUM)
        .find(|stride| {
            let slots = shape.layout(*stride).slots as u64;
            let least = buckets * slots / 16;
            let spread = (buckets * share) >> 16;
            let limit = (buckets * slots.saturating_sub(1)).saturating_sub(spread);
            entries <= limit.max(least)
        })
        .unwrap_or(STRIDE_MAXIMUM)
}

/// The words that a segment needs which is about to get so many entries more.
pub(super) fn stride_with(shape: &Shape, number: usize, segment: &Segment, more: u64) -> usize {
    stride_for(shape, number, segment.entries().saturating_add(more)).max(segment.stride())
}
