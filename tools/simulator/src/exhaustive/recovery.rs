// SPDX-License-Identifier: GPL-2.0-only

//! What is read after a crash, found out once for each state that [`Control`] tells apart.

use super::damage::{rubbish, Damage, DAMAGES};
use super::NONCE_OF_RECOVERY;
use crate::control::{resting, Choice, Control, States};
use crate::disk::Disk;
use crate::image::Disks;
use crate::model::{Model, Value};
use crate::rng::Rng;
use crate::sector::{mix, Hashed};
use crate::world::{World, Wrong};
use dm_spare_engine::Settings;
use std::collections::HashMap;
use std::rc::Rc;

/// For each sector of main everything that it may read as.
type Outcomes = Vec<Vec<Value>>;
type Memo<T> = HashMap<u64, Result<Rc<T>, Wrong>, Hashed>;

/// What is read after a copy was damaged; contents are named by their places.
pub(super) struct AfterDamage {
    pub(super) copy: u8,
    pub(super) damage: Damage,
    pub(super) values: Rc<Vec<Value>>,
}

/// How a recovery is tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Thoroughness {
    /// With another crash at each of its actions.
    Crashes,
    /// And with damage to either copy of the metadata afterwards.
    CrashesAndDamage,
}

/// Recoveries so far, and what they found.
pub(super) struct Recoveries {
    settings: Settings,
    pub(super) rubbish: Disk,
    /// Numbers states.
    pub(super) control: Control,
    plain: Memo<Vec<Value>>,
    deep: [Memo<Outcomes>; 2],
    /// What is read after each damage to a state.
    damaged: Memo<Vec<AfterDamage>>,
    /// Recoveries that were run.
    pub(super) run: u64,
    /// Crashes of recoveries.
    pub(super) crashes: u64,
}

impl Recoveries {
    /// None yet.
    pub(super) fn new(settings: Settings, control: Control) -> Self {
        Self {
            settings,
            rubbish: rubbish(settings.spare_sectors),
            control,
            plain: HashMap::default(),
            deep: [HashMap::default(), HashMap::default()],
            damaged: HashMap::default(),
            run: 0,
            crashes: 0,
        }
    }

    /// Different states that were recovered.
    pub(super) fn states(&self) -> usize {
        self.plain.len()
    }

    fn world(&mut self, image: Disks, generation: u64) -> World {
        self.run += 1;
        let sectors = image[0].sectors();
        let mut world = World::new(self.settings, image, Model::new(sectors, |_| Vec::new()), 0);
        world.learned = Some(vec![None; sectors as usize]);
        world.activate(Rng::new(NONCE_OF_RECOVERY + generation).draw());
        world
    }

    /// What is read after a recovery that nothing interrupts; contents are named by their places.
    fn plain(
        &mut self,
        disks: &Disks,
        choice: &Choice,
        generation: u64,
    ) -> Result<Rc<Vec<Value>>, Wrong> {
        if let Some(known) = self.plain.get(&choice.key) {
            return known.clone();
        }
        let image = self.control.image(disks, choice);
        let mut world = self.world(image, generation);
        let result = (|| {
            world.settle()?;
            in_service(&world)?;
            world.read_all()?;
            found(&world).map(Rc::new)
        })();
        self.plain.insert(choice.key, result.clone());
        result
    }

    /// Everything that may be read after a recovery of a state, whatever interrupts it.
    pub(super) fn outcomes(
        &mut self,
        disks: &Disks,
        choice: &Choice,
        thoroughness: Thoroughness,
    ) -> Result<Rc<Outcomes>, Wrong> {
        let memo = usize::from(thoroughness == Thoroughness::CrashesAndDamage);
        if let Some(known) = self.deep[memo].get(&choice.key) {
            return known.clone();
        }
        let result = self.explore(disks, choice, thoroughness).map(Rc::new);
        self.deep[memo].insert(choice.key, result.clone());
        result
    }

    fn explore(
        &mut self,
        disks: &Disks,
        choice: &Choice,
        thoroughness: Thoroughness,
    ) -> Result<Outcomes, Wrong> {
        let image = self.control.image(disks, choice);
        let mut outcomes: Outcomes = vec![Vec::new(); image[0].sectors() as usize];
        let mut world = self.world(image, 0);
        self.interrupted(&world, &mut outcomes)?;
        let mut version = world.version;
        while world.step(&mut |_| 0)? {
            if world.version != version {
                version = world.version;
                self.interrupted(&world, &mut outcomes)?;
            }
        }
        in_service(&world)?;
        // From here on what was read must be read again.
        let mut wrong = Ok(());
        world.read_all_watched(&mut |world| {
            if wrong.is_ok() {
                wrong = self.interrupted(world, &mut outcomes);
            }
        })?;
        wrong?;
        for (outcome, value) in outcomes.iter_mut().zip(found(&world)?) {
            if !outcome.contains(&value) {
                outcome.push(value);
            }
        }
        if thoroughness == Thoroughness::CrashesAndDamage {
            self.damaged(&world)?;
        }
        Ok(outcomes)
    }

    /// A recovery is interrupted by another crash: what the next one finds.
    fn interrupted(&mut self, world: &World, outcomes: &mut Outcomes) -> Result<(), Wrong> {
        self.crashes += 1;
        let learned = world.learned.as_deref().unwrap_or(&[]);
        let states = self.control.states(&world.disks);
        for choice in &states.choices {
            let values = self
                .plain(&world.disks, choice, 1)
                .map_err(|wrong| format!("in a recovery that crashed: {wrong}"))?;
            for (at, value) in values.iter().enumerate() {
                for value in states.resolve(&world.disks, choice, *value) {
                    match learned.get(at).copied().flatten() {
                        Some(before) if before != value => {
                            return Err(format!(
                                "sector {at} reads {before:?}, and after another crash {value:?}"
                            ));
                        }
                        _ if !outcomes[at].contains(&value) => outcomes[at].push(value),
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// After a recovery one copy is damaged, then another crash comes.
    fn damaged(&mut self, world: &World) -> Result<(), Wrong> {
        let before = found(world)?;
        let after = self
            .after_damage(&world.disks, None)
            .map_err(|wrong| format!("after a recovery, {wrong}"))?;
        for AfterDamage {
            copy,
            damage,
            values,
        } in after.iter()
        {
            let now = values.iter().map(|value| resting(&world.disks, *value));
            for (at, (now, then)) in now.zip(&before).enumerate() {
                if now != *then {
                    return Err(format!(
                        "after a recovery, copy {copy} {damage:?}: sector {at} reads {now:?} instead of {then:?}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// What is read after a crash that loses the caches and each damage to either copy. `once` is the spare as it was;
    /// without it nothing is stale. What a damaged block is to the engine depends on what it was before, so this is
    /// found out once for each state, and each `once`.
    pub(super) fn after_damage(
        &mut self,
        disks: &Disks,
        once: Option<(u64, &Disk)>,
    ) -> Result<Rc<Vec<AfterDamage>>, Wrong> {
        let key = mix(self.control.key(disks), once.map_or(0, |(key, _)| key));
        if let Some(known) = self.damaged.get(&key) {
            return known.clone();
        }
        let result = self
            .damage_all(disks, once.map(|(_, once)| once))
            .map(Rc::new);
        self.damaged.insert(key, result.clone());
        result
    }

    fn damage_all(
        &mut self,
        disks: &Disks,
        once: Option<&Disk>,
    ) -> Result<Vec<AfterDamage>, Wrong> {
        let mut list = Vec::new();
        for copy in 0..self.control.layout().copies {
            for damage in DAMAGES {
                if damage == Damage::Stale && once.is_none() {
                    continue;
                }
                let mut disks = [disks[0].crashed(&[]), disks[1].crashed(&[])];
                let past = [&self.rubbish, once.unwrap_or(&self.rubbish)];
                damage.apply(&mut disks[1], past, self.control.layout(), copy);
                let choice = Choice {
                    key: self.control.key(&disks),
                    decided: [Vec::new(), Vec::new()],
                };
                let values = self
                    .plain(&disks, &choice, 1)
                    .map_err(|wrong| format!("copy {copy} {damage:?}: {wrong}"))?;
                list.push(AfterDamage {
                    copy,
                    damage,
                    values,
                });
            }
        }
        Ok(list)
    }
}

/// Whether everything that a state may read as is allowed.
pub(super) fn check(
    outcomes: &Outcomes,
    states: &States,
    disks: &Disks,
    choice: &Choice,
    model: &Model,
) -> Result<(), Wrong> {
    for (at, values) in outcomes.iter().enumerate() {
        let allowed = model.allowed_after_crash(at as u64);
        for value in values {
            for value in states.resolve(disks, choice, *value) {
                if !allowed.contains(&value) {
                    return Err(format!(
                        "sector {at} reads {value:?}, allowed are {allowed:?}"
                    ));
                }
            }
        }
    }
    Ok(())
}

fn in_service(world: &World) -> Result<(), Wrong> {
    match &world.activated {
        Some(Ok(_)) => Ok(()),
        Some(Err(refusal)) => Err(format!("refused after a crash: {refusal}")),
        None => Err("recovery never ends".into()),
    }
}

fn found(world: &World) -> Result<Vec<Value>, Wrong> {
    let learned = world.learned.iter().flatten();
    learned
        .map(|value| value.ok_or_else(|| "a read never ends".into()))
        .collect()
}
