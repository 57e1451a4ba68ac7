// SPDX-License-Identifier: GPL-2.0-only

//! Formatting: two checkpoints to both legs, then the superblocks, one write after the other.

use super::activate::Phase;
use super::Volume;
use crate::engine::block::Buffer;
use crate::engine::dedup::action::{Action, Io, IoKind, Out};
use crate::engine::dedup::format::layout::SUPERBLOCK;
use crate::engine::dedup::format::{Checkpoint, Layout};
use crate::engine::dedup::refusal::Refusal;
use crate::engine::dedup::token::Owner;
use crate::engine::dedup::units::{Leg, Lsn};
use crate::engine::event::ErrorClass;

/// What a step does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Checkpoint(Leg, u64),
    Flush(Leg),
    Superblock(Leg),
}

/// The superblock of main comes after everything that it promises; with it the volume exists.
const STEPS: [Step; 8] = [
    Step::Checkpoint(Leg::Main, 0),
    Step::Checkpoint(Leg::Main, 1),
    Step::Checkpoint(Leg::Spare, 0),
    Step::Checkpoint(Leg::Spare, 1),
    Step::Flush(Leg::Main),
    Step::Flush(Leg::Spare),
    Step::Superblock(Leg::Main),
    Step::Superblock(Leg::Spare),
];

impl Step {
    fn leg(self) -> Leg {
        match self {
            Self::Checkpoint(leg, _) | Self::Flush(leg) | Self::Superblock(leg) => leg,
        }
    }
}

impl Volume {
    pub(super) fn begin_formatting(&mut self, out: Out<'_>) {
        self.loader.formatted = true;
        let superblock = self.fresh_superblock();
        self.use_superblock(superblock);
        self.format_step(0, out);
    }

    fn format_step(&mut self, step: usize, out: Out<'_>) {
        let Some(what) = STEPS.get(step) else {
            return self.read_checkpoints(out);
        };
        self.loader.phase = Phase::Formatting(step);
        match *what {
            Step::Checkpoint(leg, number) => self.write_empty_checkpoint(leg, number, out),
            Step::Flush(leg) => {
                self.loader.in_flight += 1;
                out(Action::Io(Io {
                    token: Owner::Loader(0).token(),
                    kind: IoKind::Flush { leg },
                    buffer: None,
                }));
            }
            Step::Superblock(leg) => self.write_superblock(leg, out),
        }
    }

    pub(super) fn format_step_done(
        &mut self,
        step: usize,
        result: Result<(), ErrorClass>,
        buffer: Option<Buffer>,
        out: Out<'_>,
    ) {
        self.journal.give_back(buffer);
        match result {
            Ok(()) => self.format_step(step.saturating_add(1), out),
            Err(_) => {
                let leg = STEPS.get(step).map_or(Leg::Main, |step| step.leg());
                self.refuse(Refusal::Io(leg));
            }
        }
    }

    fn write_empty_checkpoint(&mut self, leg: Leg, number: u64, out: Out<'_>) {
        let Some(mut block) = self.journal.take_buffer() else {
            return;
        };
        block.0.fill(0);
        let checkpoint = Checkpoint {
            number,
            redo: Lsn::FIRST,
            used_blocks: 0,
            mapped_blocks: 0,
            clean: true,
        };
        let target = self.target;
        checkpoint.seal(leg, target.uuid, &mut block, target.checksum);
        self.write_loaded(leg, Layout::checkpoint_address(number), false, block, out);
    }

    pub(super) fn write_superblock(&mut self, leg: Leg, out: Out<'_>) {
        let superblock = self.loader.superblock;
        let (Some(superblock), Some(mut block)) = (superblock, self.journal.take_buffer()) else {
            return;
        };
        superblock.encode(leg, &mut block, self.target.checksum);
        self.write_loaded(leg, SUPERBLOCK, true, block, out);
    }

    fn write_loaded(&mut self, leg: Leg, block: u64, fua: bool, buffer: Buffer, out: Out<'_>) {
        self.loader.in_flight += 1;
        out(Action::Io(Io {
            token: Owner::Loader(0).token(),
            kind: IoKind::Write { leg, block, fua },
            buffer: Some(buffer),
        }));
    }
}
