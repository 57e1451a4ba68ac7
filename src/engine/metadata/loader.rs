// SPDX-License-Identifier: GPL-2.0-only

//! Activation, first half: what lies on the spare, and formatting if it is blank.
//!
//! One read or write at a time. Nothing is written before the decision between formatting, loading and refusing
//! has been made, and nothing is written at all on a refusal that is not about a failed write.
//!
//! Formatting zeroes the places of the superblocks, writes an empty checkpoint, then the superblocks from the
//! last copy to the first. A crash before the first superblock is durable leaves a blank spare; a crash after it
//! leaves a set that loads, with superblocks missing that loading then writes. A superblock cannot be found torn:
//! all it says lies in its first sector, and the other sectors are zero before and after.

use super::checkpoint::Purpose;
use super::{CopyState, Set};
use crate::engine::action::{Action, Activation, Io, Leg, Operation};
use crate::engine::block::{new_buffer, Buffer};
use crate::engine::format::header::{claimed_version, has_magic, VERSION};
use crate::engine::format::layout::{
    minimum_spare_blocks, CANDIDATES, COPIES_DEFAULT, COPIES_MAXIMUM,
};
use crate::engine::format::{Invalid, Layout, Superblock};
use crate::engine::health::Health;
use crate::engine::notice::Notice;
use crate::engine::refusal::CopyFault;
use crate::engine::status::State;
use crate::engine::token::Owner;
use crate::engine::units::{Tid, SECTORS_PER_BLOCK};
use crate::engine::{Engine, ErrorClass, Refusal};
use kernel::alloc::{AllocError, Flags};

/// Where the loader is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    Idle,
    /// Wait for what an earlier activation left with the shell.
    Drain,
    /// Read the candidate place of a superblock.
    Superblock(usize),
    /// Read the first block of a checkpoint area.
    Head {
        copy: u8,
        area: u8,
    },
    /// Read a part of the chosen checkpoint.
    Part {
        index: u64,
        copy: u8,
    },
    /// Read the place of the next log block.
    Log {
        tid: u64,
        copy: u8,
    },
    /// Look for log blocks that must not exist.
    Tail {
        tid: u64,
        copy: u8,
    },
    /// Write zeros where a superblock will be.
    Zero {
        copy: u8,
    },
    /// Make the zeros durable.
    Flush,
    /// A checkpoint is being written.
    Checkpoint,
    /// Write a superblock.
    WriteSuperblock {
        copy: u8,
    },
}

/// The first block of a checkpoint that was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Head {
    pub(super) sequence: u64,
    pub(super) base: u64,
    pub(super) epoch: u64,
    pub(super) area: u8,
    pub(super) members: u8,
}

pub(in super::super) struct Loader {
    pub(super) step: Step,
    pub(super) buffer: Option<Buffer>,
    outbox: Option<Operation>,
    generation: u16,
    /// The block that is being read.
    reads: Option<u64>,
    uuid_if_formatting: [u8; 16],
    faults: [CopyFault; CANDIDATES],
    found: Option<Superblock>,
    /// The newest version claimed by a block with the magic.
    newer: u16,
    magic_seen: bool,
    first_is_blank: bool,
    /// Copies whose superblock is good.
    superblocks: u8,
    pub(super) heads: [Option<Head>; 2 * COPIES_MAXIMUM],
    /// The checkpoint that is being read.
    pub(super) head: Option<Head>,
    /// The greatest transaction seen anywhere.
    pub(super) greatest: u64,
    /// Copies whose block could not be read in the current round of reads.
    pub(super) unreadable: u8,
    pub(super) members: u8,
    pub(super) was_clean: bool,
    formatting: bool,
    /// The answer, until it is polled.
    answer: Option<Result<Activation, Refusal>>,
    /// What the last activation that succeeded said.
    activation: Option<Activation>,
}

impl Loader {
    pub(in super::super) fn new(flags: Flags) -> Result<Self, AllocError> {
        Ok(Self {
            step: Step::Idle,
            buffer: Some(new_buffer(flags)?),
            outbox: None,
            generation: 0,
            reads: None,
            uuid_if_formatting: [0; 16],
            faults: [CopyFault::None; CANDIDATES],
            found: None,
            newer: 0,
            magic_seen: false,
            first_is_blank: false,
            superblocks: 0,
            heads: [None; 2 * COPIES_MAXIMUM],
            head: None,
            greatest: 0,
            unreadable: 0,
            members: 0,
            was_clean: false,
            formatting: false,
            answer: None,
            activation: None,
        })
    }

    pub(in super::super) fn poll(&mut self) -> Option<Action> {
        if let Some(operation) = self.outbox.take() {
            let carries = !matches!(operation, Operation::Flush { .. });
            return Some(Action::Io(Io {
                token: Owner::Loader.token(self.generation),
                operation,
                buffer: if carries { self.buffer.take() } else { None },
            }));
        }
        self.answer.take().map(Action::Activated)
    }

    pub(in super::super) fn was_formatted(&self) -> bool {
        self.activation
            .is_some_and(|activation| activation.formatted)
    }

    pub(in super::super) fn found_clean(&self) -> bool {
        self.activation
            .is_some_and(|activation| activation.was_clean)
    }

    pub(super) fn read(&mut self, step: Step, block: u64) {
        self.step = step;
        self.reads = Some(block);
        self.outbox = Some(Operation::Read {
            leg: Leg::Spare,
            sector: block.saturating_mul(SECTORS_PER_BLOCK),
            sectors: 8,
            within: 0,
        });
    }

    fn write(&mut self, step: Step, block: u64) {
        self.step = step;
        self.reads = None;
        self.outbox = Some(Operation::Write {
            leg: Leg::Spare,
            sector: block.saturating_mul(SECTORS_PER_BLOCK),
            sectors: 8,
            within: 0,
            fua: true,
        });
    }
}

impl Engine {
    pub(in super::super) fn activate(&mut self, uuid_if_formatting: [u8; 16], nonce: u64) {
        if self.state == State::Loading {
            return;
        }
        if let (Some(activation), true) = (self.loader.activation, self.is_in_service()) {
            self.resume();
            self.loader.answer = Some(Ok(activation));
            return;
        }
        self.state = State::Loading;
        self.lookup.close();
        self.lookup.clear();
        self.set = None;
        self.copies = [CopyState::Out; COPIES_MAXIMUM];
        self.main_errors.failing = false;
        self.lineage = super::Lineage::new();
        self.lineage.seed(nonce);
        let loader = &mut self.loader;
        loader.uuid_if_formatting = uuid_if_formatting;
        loader.faults = [CopyFault::None; CANDIDATES];
        loader.found = None;
        loader.newer = 0;
        loader.magic_seen = false;
        loader.first_is_blank = false;
        loader.superblocks = 0;
        loader.heads = [None; 2 * COPIES_MAXIMUM];
        loader.head = None;
        loader.greatest = 0;
        loader.members = 0;
        loader.was_clean = false;
        loader.formatting = false;
        // The answer to an activation that nobody waits for any more.
        loader.answer = None;
        loader.step = Step::Drain;
    }

    /// Begins to read once nothing of an earlier activation can land behind it; true if anything changed.
    pub(in super::super) fn advance_loader(&mut self) -> bool {
        let ready = self.loader.step == Step::Drain
            && self.commit.lane.is_idle()
            && self.checkpoint.lane.is_idle()
            && self.checkpoint.is_idle();
        if ready {
            self.loader.read(Step::Superblock(0), 0);
        }
        ready
    }

    pub(in super::super) fn loader_done(
        &mut self,
        generation: u16,
        result: Result<(), ErrorClass>,
        buffer: Option<Buffer>,
    ) {
        if buffer.is_some() {
            self.loader.buffer = buffer;
        }
        if generation != self.loader.generation {
            return;
        }
        self.loader.generation = self.loader.generation.wrapping_add(1);
        if let (Err(class), Some(block)) = (result, self.loader.reads) {
            // Not the medium: what lies there is not known, and may be the newest of all.
            let unknown = class != ErrorClass::Media;
            if unknown && !seeded!("transient_error_is_no_block") {
                self.refuse(Refusal::ReadFailed { block, class });
                return;
            }
        }
        match self.loader.step {
            Step::Idle | Step::Drain | Step::Checkpoint => {}
            Step::Superblock(index) => self.superblock_read(index, result),
            Step::Head { copy, area } => self.head_read(copy, area, result),
            Step::Part { index, copy } => self.part_read(index, copy, result),
            Step::Log { tid, copy } => self.log_read(tid, copy, result),
            Step::Tail { tid, copy } => self.tail_read(tid, copy, result),
            Step::Zero { copy } => match result {
                Ok(()) => self.zero_from(copy + 1),
                Err(class) => self.refuse(Refusal::CannotWrite { copy, class }),
            },
            Step::Flush => match result {
                Ok(()) => self.loader_checkpoint(),
                Err(class) => self.refuse(Refusal::CannotWrite { copy: 0, class }),
            },
            Step::WriteSuperblock { copy } => self.superblock_written(copy, result),
        }
    }

    fn superblock_read(&mut self, index: usize, result: Result<(), ErrorClass>) {
        let candidates = Layout::candidates(self.spare_blocks());
        let block = candidates.get(index).copied().unwrap_or(0);
        let mut fault = CopyFault::None;
        match (result, self.loader.buffer.as_ref()) {
            (Ok(()), Some(buffer)) => {
                let bytes = &buffer.0[..];
                if has_magic(bytes) {
                    self.loader.magic_seen = true;
                }
                match Superblock::decode(bytes, block, self.checksum) {
                    Ok(superblock) => {
                        if let Err(refusal) = self.check_superblock(&superblock) {
                            self.refuse(refusal);
                            return;
                        }
                        self.loader.superblocks |= 1 << superblock.copy;
                        self.loader.found = Some(superblock);
                    }
                    Err(invalid) => {
                        self.loader.first_is_blank |= index == 0 && invalid == Invalid::Blank;
                        if has_magic(bytes) && claimed_version(bytes) > VERSION {
                            self.loader.newer = self.loader.newer.max(claimed_version(bytes));
                        }
                        fault = CopyFault::Invalid(invalid);
                    }
                }
            }
            (Err(class), _) => fault = CopyFault::Unreadable(class),
            (Ok(()), None) => {}
        }
        if let Some(place) = self.loader.faults.get_mut(index) {
            *place = fault;
        }
        match candidates.get(index + 1) {
            Some(next) => self.loader.read(Step::Superblock(index + 1), *next),
            None => self.decide_by_superblocks(),
        }
    }

    /// Whether a valid superblock is of the set that the table line means, and of one set with those before.
    fn check_superblock(&self, superblock: &Superblock) -> Result<(), Refusal> {
        if superblock.incompatible != 0 {
            return Err(Refusal::UnknownFeatures {
                bits: superblock.incompatible,
            });
        }
        if let Some(expected) = self.settings.expected_uuid {
            if expected != superblock.uuid {
                return Err(Refusal::WrongSet {
                    found: superblock.uuid,
                    expected,
                });
            }
        }
        if superblock.main_sectors != self.settings.main_sectors {
            return Err(Refusal::MainSize {
                recorded: superblock.main_sectors,
                given: self.settings.main_sectors,
            });
        }
        if superblock.spare_sectors != self.settings.spare_sectors {
            return Err(Refusal::SpareSize {
                recorded: superblock.spare_sectors,
                given: self.settings.spare_sectors,
            });
        }
        if !superblock.geometry_known {
            return Err(Refusal::Geometry);
        }
        match self.settings.metadata_copies {
            Some(given) if given != u32::from(superblock.copies) => {
                return Err(Refusal::Copies {
                    recorded: superblock.copies,
                    given,
                });
            }
            _ => {}
        }
        match self.loader.found {
            Some(other) if other.uuid != superblock.uuid || other.copies != superblock.copies => {
                Err(Refusal::MixedSets)
            }
            _ => Ok(()),
        }
    }

    fn decide_by_superblocks(&mut self) {
        if let Some(superblock) = self.loader.found {
            let Some(layout) = Layout::new(self.spare_blocks(), superblock.copies) else {
                self.refuse(Refusal::Geometry);
                return;
            };
            self.set = Some(Set {
                uuid: superblock.uuid,
                layout,
            });
            self.read_head(0, 0);
            return;
        }
        let [first, last, ..] = self.loader.faults;
        if self.loader.newer > VERSION {
            self.refuse(Refusal::NewerVersion {
                found: self.loader.newer,
            });
        } else if self.loader.magic_seen {
            self.refuse(Refusal::Damaged {
                faults: [first, last],
            });
        } else if let CopyFault::Unreadable(class) = first {
            self.refuse(Refusal::Unreadable(class));
        } else if !self.loader.first_is_blank {
            self.refuse(Refusal::Foreign);
        } else if self.settings.read_only {
            self.refuse(Refusal::BlankReadOnly);
        } else {
            self.format_spare();
        }
    }

    fn format_spare(&mut self) {
        // CAST: checked to be 2 to 4 at construction.
        let copies = self.settings.metadata_copies.unwrap_or(COPIES_DEFAULT) as u8;
        let Some(layout) = Layout::new(self.spare_blocks(), copies) else {
            self.refuse(Refusal::SpareTooSmall {
                given: self.settings.spare_sectors,
                minimum: minimum_spare_blocks(copies.into()).saturating_mul(SECTORS_PER_BLOCK),
            });
            return;
        };
        if let Some(class) = self.unreadable_place(copies) {
            self.refuse(Refusal::Unreadable(class));
            return;
        }
        self.loader.formatting = true;
        self.set = Some(Set {
            uuid: self.loader.uuid_if_formatting,
            layout,
        });
        self.zero_from(1);
    }

    /// A superblock's place that cannot be read could hide a set: not formatted over.
    fn unreadable_place(&self, copies: u8) -> Option<ErrorClass> {
        let layout = Layout::new(self.spare_blocks(), copies)?;
        let candidates = Layout::candidates(self.spare_blocks());
        candidates
            .iter()
            .zip(self.loader.faults)
            .find_map(|(block, fault)| match fault {
                CopyFault::Unreadable(class)
                    if (0..copies).any(|copy| layout.superblock(copy) == *block) =>
                {
                    Some(class)
                }
                _ => None,
            })
    }

    fn zero_from(&mut self, copy: u8) {
        let Some(set) = self.set else {
            return;
        };
        if copy < set.layout.copies {
            if let Some(buffer) = self.loader.buffer.as_mut() {
                buffer.0.fill(0);
            }
            self.loader
                .write(Step::Zero { copy }, set.layout.superblock(copy));
        } else {
            self.loader.step = Step::Flush;
            self.loader.reads = None;
            self.loader.outbox = Some(Operation::Flush { leg: Leg::Spare });
        }
    }

    /// Writes the first checkpoint of this activation, with a new epoch.
    pub(super) fn loader_checkpoint(&mut self) {
        self.loader.step = Step::Checkpoint;
        self.start_checkpoint(Purpose::Activation);
    }

    pub(in super::super) fn loader_checkpoint_done(&mut self, complete: bool) {
        let whole = self.copies_in(CopyState::Member).count_ones() as usize == self.copy_count();
        if !complete || (self.loader.formatting && !whole) {
            // CAST: less than five.
            let failed = self
                .copies
                .iter()
                .position(|state| *state != CopyState::Member)
                .unwrap_or(0) as u8;
            self.refuse(Refusal::CannotWrite {
                copy: failed,
                class: ErrorClass::Media,
            });
            return;
        }
        self.write_superblocks_below(self.set.map_or(0, |set| set.layout.copies));
    }

    /// Writes the superblocks that are missing, from the last copy to the first.
    fn write_superblocks_below(&mut self, end: u8) {
        let Some(set) = self.set else {
            return;
        };
        let missing = (0..end)
            .rev()
            .find(|copy| self.loader.superblocks & (1 << copy) == 0);
        let Some(copy) = missing else {
            self.enter_service();
            return;
        };
        let superblock = Superblock {
            uuid: set.uuid,
            copy,
            copies: set.layout.copies,
            main_sectors: self.settings.main_sectors,
            spare_sectors: self.settings.spare_sectors,
            compatible: 0,
            incompatible: 0,
            geometry_known: true,
        };
        if let Some(buffer) = self.loader.buffer.as_mut() {
            superblock.encode(&set.layout, buffer, self.checksum);
        }
        self.loader
            .write(Step::WriteSuperblock { copy }, set.layout.superblock(copy));
    }

    fn superblock_written(&mut self, copy: u8, result: Result<(), ErrorClass>) {
        if let Err(class) = result {
            self.copy_failed(copy.into());
            if self.loader.formatting || self.copies_in(CopyState::Member) == 0 {
                self.refuse(Refusal::CannotWrite { copy, class });
                return;
            }
        }
        self.write_superblocks_below(copy);
    }

    pub(super) fn enter_service(&mut self) {
        let Some(set) = self.set else {
            return;
        };
        let activation = Activation {
            formatted: self.loader.formatting,
            was_clean: self.loader.was_clean,
            uuid: set.uuid,
            copies: set.layout.copies,
            tid: self.lineage.last,
        };
        if self.loader.formatting {
            self.slots.reset(&set.layout);
            self.counters.remapped = 0;
            self.counters.poisoned = 0;
            self.notices.push(Notice::Formatted {
                copies: set.layout.copies,
            });
        } else {
            self.notices.push(Notice::Loaded {
                tid: Tid(self.lineage.last),
                clean: self.loader.was_clean,
            });
        }
        self.loader.step = Step::Idle;
        self.loader.activation = Some(activation);
        self.loader.answer = Some(Ok(activation));
        self.clean = false;
        self.state = State::Active;
        self.told_health = Health::Ok;
        self.lookup.open();
    }

    pub(super) fn refuse(&mut self, refusal: Refusal) {
        self.loader.step = Step::Idle;
        self.loader.activation = None;
        self.loader.answer = Some(Err(refusal));
        self.set = None;
        self.copies = [CopyState::Out; COPIES_MAXIMUM];
        self.state = State::Refused;
    }
}
