// SPDX-License-Identifier: GPL-2.0-only

//! Whether the images of the volume index are still there: the first blocks of a few of them are read, evenly spread.
//!
//! Images are read only when their segments are needed, so a damaged one is noticed late, and then costs the names of
//! its segment. That is little as long as there are few of them. Where many are gone, only the chapters can tell the
//! names, so all of them are replayed before anything is served.

use super::open::Step;
use super::{Keeper, Phase};
use crate::engine::event::ErrorClass;
use crate::engine::index::action::KeeperAction;
use crate::engine::index::event::OpenMode;
use crate::engine::index::format::{ImageBlock, Place};
use crate::engine::index::io::IoKind;
use crate::engine::index::units::Image;

/// Images that are looked at.
const PROBES: u64 = 16;
/// One lost image in so many, or more, is too much. A tenth of all images lost goes unnoticed in one of two cases, a
/// quarter in one of sixteen.
const TOLERATED: u64 = 8;

/// What was found so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Probe {
    /// The images that were looked at.
    number: u64,
    /// Those of them that cannot be used.
    lost: u64,
}

impl Keeper {
    /// Begins to look at images.
    pub(super) fn begin_probe(&mut self, out: &mut impl FnMut(KeeperAction)) {
        self.probe(Probe { number: 0, lost: 0 }, out);
    }

    fn probe(&mut self, probe: Probe, out: &mut impl FnMut(KeeperAction)) {
        let Some(image) = self.probed_image(probe.number) else {
            let is_lost = probe.lost * TOLERATED >= probe.number && probe.lost != 0;
            return self.load(is_lost, out);
        };
        self.phase = Phase::Opening(Step::Image(probe));
        let block = self.layout.image(image);
        self.single(IoKind::Read { block, blocks: 1 }, out);
    }

    /// The first block of an image was read.
    pub(super) fn probe_read(
        &mut self,
        probe: Probe,
        result: Result<(), ErrorClass>,
        out: &mut impl FnMut(KeeperAction),
    ) {
        let is_good = result.is_ok() && self.is_image(probe.number);
        let probe = Probe {
            number: probe.number + 1,
            lost: probe.lost + u64::from(!is_good),
        };
        self.probe(probe, out);
    }

    /// The image that is looked at as number `number`; none if there are no more, or if all is replayed anyway.
    fn probed_image(&self, number: u64) -> Option<Image> {
        let segments = u64::from(self.geometry.index.segments());
        let probes = segments.min(PROBES);
        if self.mode == OpenMode::Rebuild || number >= probes {
            return None;
        }
        let first = self.images.1 .0.checked_sub(segments)?;
        let offset = (number * segments).checked_div(probes)?;
        Some(Image(first + offset))
    }

    fn is_image(&self, number: u64) -> bool {
        let block = self.single_memory.as_ref().and_then(|m| m.blocks().first());
        let (Some(image), Some(block)) = (self.probed_image(number), block) else {
            return false;
        };
        let place = Place {
            address: self.layout.image(image),
            uuid: self.uuid,
        };
        ImageBlock::open(&block.0, &place, image, 0, &self.layout, self.checksum).is_ok()
    }
}
