// SPDX-License-Identifier: GPL-2.0-only

//! How names are shared out among zones: each has a range of segments of the volume index.

use super::open_chapter::KeyRange;
use super::record::Name;
use core::num::{NonZeroU32, NonZeroU64};
use core::ops::Range;

/// Most zones of an index.
pub const ZONES_MAXIMUM: u32 = 16;

/// The zones of an index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Zones {
    count: NonZeroU32,
    segments: NonZeroU32,
}

impl Zones {
    /// So many zones of an index with so many segments; none if there are none, too many, or more than segments.
    pub fn new(count: u32, segments: u32) -> Option<Self> {
        let fits = (1..=ZONES_MAXIMUM).contains(&count) && count <= segments;
        let (count, segments) = (NonZeroU32::new(count)?, NonZeroU32::new(segments)?);
        fits.then_some(Self { count, segments })
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        self.count.get()
    }

    /// The zone of a name.
    #[inline]
    pub fn zone(&self, name: Name) -> u32 {
        // CAST: the upper half of the product, below the number of segments.
        let segment = ((u128::from(name.key) * u128::from(self.segments.get())) >> 64) as u32;
        self.zone_of_segment(segment)
    }

    /// The zone that has a segment.
    pub fn zone_of_segment(&self, segment: u32) -> u32 {
        let product = (u64::from(segment) + 1) * u64::from(self.count.get()) - 1;
        // CAST: below the number of zones.
        (product / NonZeroU64::from(self.segments)) as u32
    }

    /// The segments of a zone.
    pub fn segments(&self, zone: u32) -> Range<u32> {
        let first = |zone: u64| {
            let segments = u64::from(self.segments.get());
            (zone * segments / NonZeroU64::from(self.count)).min(segments) as u32
        };
        first(zone.into())..first(u64::from(zone) + 1)
    }

    /// The keys of a zone.
    pub fn keys(&self, zone: u32) -> KeyRange {
        let segments = self.segments(zone);
        KeyRange::of_segments(segments.start, segments.end, self.segments.get())
            .unwrap_or(KeyRange::ALL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_one_zone_and_the_shares_are_even() {
        for segments in [1, 2, 3, 7, 16, 100, 3061] {
            for count in 1..=16 {
                let Some(zones) = Zones::new(count, segments) else {
                    assert!(count > segments);
                    continue;
                };
                let mut next = 0;
                for zone in 0..count {
                    let range = zones.segments(zone);
                    assert_eq!(range.start, next);
                    next = range.end;
                    assert!(range.len() as u32 >= segments / count);
                    assert!(range.len() as u32 <= segments.div_ceil(count));
                    for segment in range {
                        assert_eq!(zones.zone_of_segment(segment), zone);
                    }
                    let keys = zones.keys(zone);
                    for key in [keys.first, keys.last] {
                        assert_eq!(zones.zone(Name { key, rest: 0 }), zone);
                    }
                }
                assert_eq!(next, segments);
            }
        }
    }
}
