// SPDX-License-Identifier: GPL-2.0-only

//! The images of segments that go with a chapter: each segment's turn comes once in a number of chapters.

use super::{IoOwner, Keeper, Phase};
use crate::engine::event::ErrorClass;
use crate::engine::index::action::KeeperAction;
use crate::engine::index::extent::Extent;
use crate::engine::index::io::IoKind;
use crate::engine::index::message::ToZone;
use crate::engine::index::units::Image;

impl Keeper {
    /// Asks zones for the next images, as many as there is memory for; goes on when all are written.
    pub(super) fn make_images(&mut self, out: &mut impl FnMut(KeeperAction)) {
        loop {
            let Phase::Writing(write) = &mut self.phase else {
                return;
            };
            if write.next_image >= write.end_image {
                break;
            }
            let free = self.image_memory.iter_mut().find_map(Option::take);
            let Some(memory) = free else {
                return;
            };
            let image = write.next_image;
            write.next_image = Image(image.0 + 1);
            write.images_away += 1;
            let segment = self.layout.segment(image);
            out(KeeperAction::Tell {
                zone: self.zones.zone_of_segment(segment.0),
                message: ToZone::Image { image, memory },
            });
        }
        if matches!(&self.phase, Phase::Writing(write) if write.images_away == 0) {
            self.flush_chapter(out);
        }
    }

    /// A zone has made an image.
    pub(in super::super) fn imaged(
        &mut self,
        image: Image,
        memory: Extent,
        blocks: u32,
        out: &mut impl FnMut(KeeperAction),
    ) {
        let place = self.image_memory.iter().position(Option::is_none);
        let index = place.unwrap_or(0);
        if !matches!(self.phase, Phase::Writing(_)) || blocks == 0 {
            if let Some(place) = self.image_memory.get_mut(index) {
                *place = Some(memory);
            }
            return self.image_written(Ok(()), out);
        }
        let kind = IoKind::Write {
            block: self.layout.image(image),
            blocks,
            fua: false,
        };
        self.statistics.images_written += 1;
        self.start_io(IoOwner::Image(index), kind, Some(memory), out);
    }

    /// An image was written.
    pub(in super::super) fn image_written(
        &mut self,
        result: Result<(), ErrorClass>,
        out: &mut impl FnMut(KeeperAction),
    ) {
        if result.is_err() {
            return self.fail(out);
        }
        if let Phase::Writing(write) = &mut self.phase {
            write.images_away = write.images_away.saturating_sub(1);
            self.make_images(out);
        }
    }
}
