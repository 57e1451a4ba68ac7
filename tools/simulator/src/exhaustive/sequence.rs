// SPDX-License-Identifier: GPL-2.0-only

//! One sequence of operations, and the crashes of its last one.

use super::damage::sectors_of;
use super::recovery::{check, AfterDamage, Recoveries, Thoroughness};
use super::{
    blank_disks, initial_model, Case, Depth, Tally, NONCE_OF_FORMATTING, NONCE_OF_RECOVERY,
    NONCE_OF_SEQUENCE,
};
use crate::control::{resting, Control, States};
use crate::disk::lies::{Habit, Liar, Lie};
use crate::disk::Disk;
use crate::image::{random_image, Disks};
use crate::model::Model;
use crate::operation::{settle, Step};
use crate::rng::Rng;
use crate::sector::mix;
use crate::world::{Ask, World, Wrong};
use dm_spare_engine::format::layout::COPIES_DEFAULT;
use dm_spare_engine::{Event, Settings};

/// What a sequence was like.
pub(super) struct Told {
    /// Its last operation has touched neither the engine nor the disks.
    pub(super) changes_nothing: bool,
    /// Writes to each copy of the metadata.
    pub(super) metadata_writes: Vec<u64>,
}

/// Runs sequences; remembers what was found out.
pub(super) struct Explorer {
    settings: Settings,
    depth: Depth,
    recoveries: Recoveries,
    formatted: Option<Disks>,
    rng: Rng,
    tally: Tally,
}

impl Explorer {
    pub(super) fn new(settings: Settings, depth: Depth) -> Result<Self, Wrong> {
        // CAST: two.
        let control = Control::new(&blank_disks(&settings), COPIES_DEFAULT as u8)
            .ok_or("the copies do not fit on the tiny spare")?;
        Ok(Self {
            settings,
            depth,
            recoveries: Recoveries::new(settings, control),
            formatted: None,
            rng: Rng::new(1),
            tally: Tally::default(),
        })
    }

    pub(super) fn tally(&self) -> Tally {
        Tally {
            states: self.recoveries.states() as u64,
            recoveries: self.recoveries.run,
            crashes: self.tally.crashes + self.recoveries.crashes,
            ..self.tally
        }
    }

    /// Formats the tiny device, with a crash at every change on the way.
    pub(super) fn format(&mut self) -> Result<(), Wrong> {
        let settings = self.settings;
        let model = initial_model(&settings, &[]);
        let mut world = World::new(settings, blank_disks(&settings), model, 0);
        world.activate(Rng::new(NONCE_OF_FORMATTING).draw());
        settle(&mut world, &mut |world| {
            self.crash(world, Thoroughness::Crashes)
                .map_err(|wrong| format!("formatting crashed: {wrong}"))
        })?;
        match world.activated {
            Some(Ok(activation)) if activation.formatted => {}
            other => return Err(format!("formatting ended with {other:?}")),
        }
        self.formatted = Some([world.disks[0].crashed(&[]), world.disks[1].crashed(&[])]);
        Ok(())
    }

    /// Runs a sequence, with a crash at every change during its last operation: the others were last once.
    pub(super) fn sequence(
        &mut self,
        case: &Case,
        steps: &[Step],
        lie: Option<(u8, u64, Lie)>,
    ) -> Result<Told, Wrong> {
        let settings = self.settings;
        let mut disks = self.formatted.clone().ok_or("nothing is formatted yet")?;
        let unreadable = case.apply(&mut disks, self.recoveries.control.layout());
        let mut world = World::new(settings, disks, initial_model(&settings, &unreadable), 0);
        world.bring_up(Rng::new(NONCE_OF_SEQUENCE).draw())?;
        for _ in 0..case.suspends {
            world.engine.handle(Event::Suspend { noflush: false });
            world.settle()?;
            world.engine.handle(Event::Resume);
            world.settle()?;
        }
        let once = world.disks[1].crashed(&[]);
        let number_of_once = mix(1, self.recoveries.control.key(&world.disks));
        let layout = *self.recoveries.control.layout();
        if let Some((copy, number, lie)) = lie {
            self.tally.lies += 1;
            let habit = Habit::Once { number, lie };
            world.disks[1].liar = Some(Liar::new(sectors_of(&layout, copy), habit));
        } else {
            self.tally.sequences += 1;
            world.disks[1].written = Some(Vec::new());
        }
        let (last, before) = steps.split_last().ok_or("a sequence without operations")?;
        let mut nonce = NONCE_OF_SEQUENCE;
        let mut draw = || {
            nonce += 1;
            Rng::new(nonce).draw()
        };
        for step in before {
            world = step.run(world, settings, draw(), &mut |_| Ok(()))?;
        }
        let before = (world.accepted, world.disks[1].unreadable().len());
        let thoroughness = if lie.is_none() && case.has_both_copies() {
            Thoroughness::CrashesAndDamage
        } else {
            Thoroughness::Crashes
        };
        world = last.run(world, settings, draw(), &mut |world| {
            self.crash(world, thoroughness)?;
            if thoroughness == Thoroughness::CrashesAndDamage {
                self.damage(world, (number_of_once, &once))?;
            }
            Ok(())
        })?;
        let changes_nothing = matches!(last, Step::Ask(Ask::Read { .. }) | Step::SlotFails)
            && (world.accepted, world.disks[1].unreadable().len()) == before;
        let metadata_writes = (0..layout.copies)
            .map(|copy| {
                let range = sectors_of(&layout, copy);
                let writes = world.disks[1].written.iter().flatten();
                writes.filter(|sector| range.contains(sector)).count() as u64
            })
            .collect();
        world.read_all()?;
        Ok(Told {
            changes_nothing,
            metadata_writes,
        })
    }

    /// Everything that a crash now can leave behind.
    fn crash(&mut self, world: &World, thoroughness: Thoroughness) -> Result<(), Wrong> {
        self.tally.crashes += 1;
        self.tally.subsets += States::subsets(&world.disks);
        let model = world.model.crashed();
        let states = self.recoveries.control.states(&world.disks);
        for choice in &states.choices {
            self.tally.images += 1;
            let outcomes = self
                .recoveries
                .outcomes(&world.disks, choice, thoroughness)?;
            check(&outcomes, &states, &world.disks, choice, &model)?;
            if self.tally.images % self.depth.sample == 0 {
                self.sample(world, &model)?;
            }
        }
        Ok(())
    }

    /// Recovers one subset drawn at random, with the users' own data.
    fn sample(&mut self, world: &World, model: &Model) -> Result<(), Wrong> {
        self.tally.samples += 1;
        let mut image = random_image(&world.disks, &mut self.rng);
        image[1].liar = None;
        let mut next = World::new(self.settings, image, model.clone(), world.marks());
        next.bring_up(Rng::new(NONCE_OF_RECOVERY).draw())
            .and_then(|_| next.read_all())
            .map_err(|wrong| format!("a subset by itself: {wrong}"))
    }

    /// A crash that loses the caches, and damage to one copy; `once` is the spare at the beginning, and its number.
    fn damage(&mut self, world: &World, once: (u64, &Disk)) -> Result<(), Wrong> {
        let model = world.model.crashed();
        let after = self.recoveries.after_damage(&world.disks, Some(once))?;
        for AfterDamage {
            copy,
            damage,
            values,
        } in after.iter()
        {
            self.tally.images += 1;
            for (at, value) in values.iter().enumerate() {
                let value = resting(&world.disks, *value);
                let allowed = model.allowed_after_crash(at as u64);
                if !allowed.contains(&value) {
                    return Err(format!(
                        "copy {copy} {damage:?}: sector {at} reads {value:?}, allowed are {allowed:?}"
                    ));
                }
            }
        }
        Ok(())
    }
}
