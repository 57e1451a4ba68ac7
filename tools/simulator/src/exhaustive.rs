// SPDX-License-Identifier: GPL-2.0-only

//! Every short sequence of operations on a tiny device, with a crash after every change of what a crash could
//! leave behind, and another crash at every such change of the recovery.

use crate::disk::{Disk, Sector};
use crate::image::{crash_images, Disks};
use crate::model::{Model, Value};
use crate::rng::Rng;
use crate::world::{marked, Ask, World, Wrong};
use dm_spare_engine::format::Layout;
use dm_spare_engine::{Event, Settings};

/// Sectors of main: two blocks and a half.
pub const MAIN_SECTORS: u64 = 20;
/// Blocks of the spare: the least, and a few slots.
pub const SPARE_BLOCKS: u64 = 88;
/// Marks from here on are what main holds at the beginning.
pub const MAIN_MARKS: u64 = 1 << 40;
/// Marks from here on are rubbish on the spare, which nobody may ever read.
pub const SPARE_MARKS: u64 = 1 << 50;

/// What is wrong with a block of main.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    /// Nothing.
    Good,
    /// One sector cannot be read.
    Unreadable,
    /// One sector cannot be written.
    Unwritable,
    /// Two sectors cannot be read or written.
    Both,
}

/// What there was to do.
#[derive(Clone, Copy, Default, Debug)]
pub struct Tally {
    /// Sequences run.
    pub cases: u64,
    /// Crash images recovered and read.
    pub recoveries: u64,
}

/// The settings of the tiny device.
pub fn settings() -> Settings {
    Settings {
        main_sectors: MAIN_SECTORS,
        spare_sectors: SPARE_BLOCKS * 8,
        main_logical_block_sectors: 1,
        spare_logical_block_sectors: 1,
        read_retries: 1,
        metadata_copies: None,
        expected_uuid: None,
        fail_after: 0,
        read_only: false,
        commit_timeout_milliseconds: 1000,
        max_requests: 8,
        jobs: 4,
    }
}

/// Main as the user left it, and a spare full of rubbish but for its first block.
pub fn blank_disks(settings: &Settings) -> Disks {
    [
        Disk::new(settings.main_sectors, |at| marked(MAIN_MARKS + at)),
        Disk::new(settings.spare_sectors, |at| {
            marked(if at < 8 { 0 } else { SPARE_MARKS + at })
        }),
    ]
}

/// What the user may read at the beginning.
pub fn initial_model(settings: &Settings, unreadable: &[u64]) -> Model {
    Model::new(settings.main_sectors, |at| {
        let mut values = vec![Value::Mark(MAIN_MARKS + at)];
        if unreadable.contains(&at) {
            values.push(Value::Lost);
        }
        values
    })
}

/// The operations that sequences are made of.
pub fn alphabet() -> Vec<Ask> {
    let write = |sector, sectors, fua| Ask::Write {
        sector,
        sectors,
        fua,
    };
    vec![
        write(0, 8, false),
        write(0, 8, true),
        write(2, 3, false),
        write(4, 8, false),
        write(12, 8, true),
        Ask::Zero {
            sector: 0,
            sectors: 4,
        },
        Ask::Flush,
        Ask::Read {
            sector: 0,
            sectors: 8,
        },
        Ask::Read {
            sector: 0,
            sectors: 20,
        },
    ]
}

/// Where a sequence begins.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What is wrong with main's blocks.
    pub conditions: [Condition; 3],
    /// Suspends and resumes before, which fill the log: two commits each.
    pub suspends: usize,
}

/// The beginnings that are tried.
pub fn cases() -> Vec<Case> {
    use Condition::{Both, Good, Unreadable, Unwritable};
    // With seven suspends the first commit of the sequence fills half of the log, and a checkpoint begins.
    [
        ([Unreadable, Good, Good], 0),
        ([Unwritable, Good, Good], 0),
        ([Both, Good, Good], 0),
        ([Both, Unwritable, Unreadable], 0),
        ([Unwritable, Both, Both], 0),
        ([Both, Unwritable, Unreadable], 7),
    ]
    .into_iter()
    .map(|(conditions, suspends)| Case {
        conditions,
        suspends,
    })
    .collect()
}

/// How thorough to be.
#[derive(Clone, Copy, Debug)]
pub struct Depth {
    /// Images tried at each crash.
    pub images: usize,
    /// Images tried at each crash of a recovery; 0 for none.
    pub images_in_recovery: usize,
}

struct Run {
    settings: Settings,
    depth: Depth,
    rng: Rng,
    tally: Tally,
    nonce: u64,
}

impl Run {
    fn nonce(&mut self) -> u64 {
        self.nonce += 1;
        Rng::new(self.nonce).draw()
    }

    /// Recovers an image, with crashes on the way if `again`, and reads everything.
    fn recover(
        &mut self,
        disks: Disks,
        model: Model,
        marks: u64,
        again: bool,
    ) -> Result<(), Wrong> {
        self.tally.recoveries += 1;
        let mut world = World::new(self.settings, disks, model, marks);
        let nonce = self.nonce();
        world.activate(nonce);
        let mut version = world.version;
        while world.step(&mut |_| 0)? {
            if again && world.version != version {
                version = world.version;
                for image in
                    crash_images(&world.disks, self.depth.images_in_recovery, &mut self.rng)
                {
                    self.recover(image, world.model.crashed(), marks, false)
                        .map_err(|wrong| format!("in a recovery that crashed: {wrong}"))?;
                }
            }
        }
        match world.activated {
            Some(Ok(_)) => {}
            Some(Err(refusal)) => return Err(format!("refused after a crash: {refusal}")),
            None => return Err("recovery never ends".into()),
        }
        world.read_all()?;
        if again {
            // What was read must stay, whatever the recovery left in the caches.
            let image = [world.disks[0].crashed(&[]), world.disks[1].crashed(&[])];
            self.recover(image.clone(), world.model.crashed(), marks, false)
                .map_err(|wrong| format!("after another crash: {wrong}"))?;
            for copy in 0..2 {
                let mut image = image.clone();
                destroy_copy(&mut image[1], copy);
                self.recover(image, world.model.crashed(), marks, false)
                    .map_err(|wrong| {
                        format!("after another crash, with copy {copy} destroyed: {wrong}")
                    })?;
            }
        }
        Ok(())
    }

    /// Tries the crashes that are possible now.
    fn crash(&mut self, world: &World) -> Result<(), Wrong> {
        let model = world.model.crashed();
        for (number, image) in crash_images(&world.disks, self.depth.images, &mut self.rng)
            .into_iter()
            .enumerate()
        {
            let again = self.depth.images_in_recovery != 0 && number < 3;
            self.recover(image, model.clone(), world.marks(), again)?;
        }
        for copy in 0..2 {
            // The copy that is lost must not matter as long as the other was complete.
            let mut image = [world.disks[0].crashed(&[]), world.disks[1].crashed(&[])];
            destroy_copy(&mut image[1], copy);
            self.recover(image, model.clone(), world.marks(), false)
                .map_err(|wrong| format!("with copy {copy} destroyed: {wrong}"))?;
            let mut image = [world.disks[0].crashed(&[]), world.disks[1].crashed(&[])];
            rot_copy(&mut image[1], copy);
            self.recover(image, model.clone(), world.marks(), false)
                .map_err(|wrong| format!("with copy {copy} rotten: {wrong}"))?;
        }
        Ok(())
    }

    fn sequence(&mut self, formatted: &Disks, case: &Case, asks: &[Ask]) -> Result<(), Wrong> {
        self.tally.cases += 1;
        let mut disks = formatted.clone();
        let unreadable = apply(&mut disks[0], case.conditions);
        let model = initial_model(&self.settings, &unreadable);
        let mut world = World::new(self.settings, disks, model, 0);
        let nonce = self.nonce();
        world.bring_up(nonce)?;
        for _ in 0..case.suspends {
            world.engine.handle(Event::Suspend { noflush: false });
            world.settle()?;
            world.engine.handle(Event::Resume);
            world.settle()?;
        }
        let mut version = world.version;
        for ask in asks {
            world.ask(*ask)?;
            loop {
                if world.version != version {
                    version = world.version;
                    self.crash(&world)?;
                }
                if !world.step(&mut |_| 0)? {
                    break;
                }
            }
            if world.open_operations() != 0 {
                return Err("an operation never ends".into());
            }
        }
        world.read_all()
    }
}

/// Fills one copy of the metadata with rubbish.
pub fn destroy_copy(spare: &mut Disk, copy: u8) {
    if let Some(layout) = Layout::new(spare.sectors() / 8, 2) {
        let start = layout.superblock(copy) * 8;
        spare.damage(start..start + layout.copy_blocks() * 8, rubbish);
    }
}

/// Flips one bit in the first record of every metadata block of one copy.
pub fn rot_copy(spare: &mut Disk, copy: u8) {
    if let Some(layout) = Layout::new(spare.sectors() / 8, 2) {
        let start = layout.superblock(copy);
        for block in start..start + layout.copy_blocks() {
            spare.flip(block * 8, FIRST_RECORD_SLOT);
        }
    }
}

/// The byte of a block that holds the low half of the first record's slot.
const FIRST_RECORD_SLOT: usize = 104;

fn rubbish(at: u64) -> Sector {
    marked(SPARE_MARKS + (1 << 20) + at)
}

/// Makes blocks bad; the sectors that cannot be read.
fn apply(main: &mut Disk, conditions: [Condition; 3]) -> Vec<u64> {
    for (block, condition) in conditions.into_iter().enumerate() {
        let first = block as u64 * 8;
        match condition {
            Condition::Good => {}
            Condition::Unreadable => {
                main.make_unreadable(first + 3);
            }
            Condition::Unwritable => {
                main.unwritable.insert(first + 2);
            }
            Condition::Both => {
                main.make_unreadable(first + 1);
                main.make_unreadable(first + 2);
                main.unwritable.extend([first + 1, first + 2]);
            }
        }
    }
    main.unreadable().iter().copied().collect()
}

/// Formats the tiny device, with a crash at every change on the way.
fn format(run: &mut Run) -> Result<Disks, Wrong> {
    let settings = run.settings;
    let mut world = World::new(
        settings,
        blank_disks(&settings),
        initial_model(&settings, &[]),
        0,
    );
    let nonce = run.nonce();
    world.activate(nonce);
    let mut version = world.version;
    while world.step(&mut |_| 0)? {
        if world.version != version {
            version = world.version;
            for image in crash_images(&world.disks, run.depth.images, &mut run.rng) {
                run.recover(
                    image,
                    world.model.crashed(),
                    0,
                    run.depth.images_in_recovery != 0,
                )
                .map_err(|wrong| format!("formatting crashed: {wrong}"))?;
            }
        }
    }
    match world.activated {
        Some(Ok(activation)) if activation.formatted => {}
        other => return Err(format!("formatting ended with {other:?}")),
    }
    Ok([world.disks[0].crashed(&[]), world.disks[1].crashed(&[])])
}

/// Runs every sequence of `length` operations under every condition whose number is `part` of `parts`.
///
/// # Errors
///
/// Names the sequence and what went wrong.
pub fn run(length: usize, depth: Depth, part: usize, parts: usize) -> Result<Tally, Wrong> {
    let mut run = Run {
        settings: settings(),
        depth,
        rng: Rng::new(1),
        tally: Tally::default(),
        nonce: 0,
    };
    let formatted = format(&mut run)?;
    let alphabet = alphabet();
    let mut number = 0;
    for case in cases() {
        for code in 0..alphabet.len().pow(length as u32) {
            number += 1;
            if number % parts != part {
                continue;
            }
            let mut rest = code;
            let asks: Vec<Ask> = (0..length)
                .map(|_| {
                    let ask = alphabet[rest % alphabet.len()];
                    rest /= alphabet.len();
                    ask
                })
                .collect();
            run.sequence(&formatted, &case, &asks)
                .map_err(|wrong| format!("{case:?} {asks:?}: {wrong}"))?;
        }
    }
    Ok(run.tally)
}
