// SPDX-License-Identifier: GPL-2.0-only

//! Formatting: the beginning of both legs is looked at; then two checkpoints are written to both, then the superblocks, one
//! write after the other.

use super::activate::Phase;
use super::Volume;
use crate::engine::block::Buffer;
use crate::engine::dedup::action::{Action, Io, IoKind, Out};
use crate::engine::dedup::format::header::Kind;
use crate::engine::dedup::format::layout::SUPERBLOCK;
use crate::engine::dedup::format::{Checkpoint, Layout};
use crate::engine::dedup::refusal::Refusal;
use crate::engine::dedup::token::Owner;
use crate::engine::dedup::units::{Leg, Lsn};
use crate::engine::event::ErrorClass;
use crate::engine::format::block_header::BlockKind;

/// So many blocks behind block 0 of main must be blank, or be metadata of a volume: formatting that a crash has
/// interrupted leaves checkpoints. The superblocks of file systems, arrays, caches and boot loaders that do not begin at
/// the first block lie there, that of btrfs, at 64 KiB, as the last.
const MAIN_LOOKED_AT: u64 = 16;
/// The same of the spare: those that are the volume's.
const SPARE_LOOKED_AT: u64 = 7;

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

/// The blocks that are looked at, one after another.
fn looked_at_place(place: u64) -> Option<(Leg, u64)> {
    if place < MAIN_LOOKED_AT {
        return Some((Leg::Main, 1 + place));
    }
    let place = place - MAIN_LOOKED_AT;
    (place < SPARE_LOOKED_AT).then_some((Leg::Spare, 1 + place))
}

impl Step {
    fn leg(self) -> Leg {
        match self {
            Self::Checkpoint(leg, _) | Self::Flush(leg) | Self::Superblock(leg) => leg,
        }
    }
}

impl Volume {
    /// Looks at a block that formatting, or the first commit, would overwrite; formats when it has seen all of them.
    pub(super) fn look_at(&mut self, place: u64, out: Out<'_>) {
        let Some((leg, block)) = looked_at_place(place) else {
            return self.begin_formatting(out);
        };
        self.loader.phase = Phase::Looking(place);
        self.load(0, leg, block, out);
    }

    pub(super) fn looked_at(
        &mut self,
        place: u64,
        result: Result<(), ErrorClass>,
        buffer: Option<Buffer>,
        out: Out<'_>,
    ) {
        let (leg, block) = looked_at_place(place).unwrap_or((Leg::Main, SUPERBLOCK));
        let is_free = buffer.as_deref().is_some_and(|buffer| {
            buffer.0.starts_with(&Kind::MAGIC) || buffer.0.iter().all(|byte| *byte == 0)
        });
        self.journal.give_back(buffer);
        match result {
            Ok(()) if is_free => self.look_at(place.saturating_add(1), out),
            Ok(()) => self.refuse(Refusal::Occupied(leg, block)),
            Err(_) => self.refuse(Refusal::Io(leg)),
        }
    }

    fn begin_formatting(&mut self, out: Out<'_>) {
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
