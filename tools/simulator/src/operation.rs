// SPDX-License-Identifier: GPL-2.0-only

//! The operations that sequences are made of: what users and administrators do, and power cuts.
//!
//! A new kind of request is added here and nowhere else: to [`Step`], to [`alphabet`] and to [`Step::run`].

use crate::world::{Ask, World, Wrong};
use dm_spare_engine::{Event, RequestKind, Settings, State};

/// One operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A user asks for something and waits for the answer.
    Ask(Ask),
    /// The device is suspended and resumed.
    Suspend,
    /// The device is suspended and put together anew, by another engine on the same disks with their caches.
    Reload,
    /// A sector of the slot that serves block 0 can no longer be read or written, if there is one.
    SlotFails,
    /// The power fails while nothing is under way, and the device is put together again.
    Cut {
        /// What is in the caches happens to be stored; otherwise it is lost.
        keeps: bool,
    },
}

/// What is told of every change of what a crash could leave behind.
pub type Watch<'a> = dyn FnMut(&World) -> Result<(), Wrong> + 'a;

/// The operations of the exhaustive part. Main has two and a half blocks: 0, 1 and 2.
pub fn alphabet() -> Vec<Step> {
    let write = |sector, sectors, fua| {
        Step::Ask(Ask::Write {
            sector,
            sectors,
            fua,
        })
    };
    let order = |kind, block, blocks| {
        Step::Ask(Ask::Order {
            kind,
            block,
            blocks,
        })
    };
    let read = |sector, sectors| Step::Ask(Ask::Read { sector, sectors });
    vec![
        write(0, 8, false),
        write(0, 8, true),
        write(2, 3, false),
        write(4, 8, false),
        write(12, 8, true),
        Step::Ask(Ask::Zero {
            sector: 0,
            sectors: 4,
        }),
        Step::Ask(Ask::Flush),
        read(0, 8),
        read(0, 20),
        order(RequestKind::Remap, 0, 2),
        order(RequestKind::Unremap, 0, 3),
        order(RequestKind::Sync, 0, 0),
        Step::Suspend,
        Step::Reload,
        Step::SlotFails,
        Step::Cut { keeps: false },
        Step::Cut { keeps: true },
    ]
}

impl Step {
    /// Runs the operation to its end. `nonce` is one that no activation before has had.
    ///
    /// # Errors
    ///
    /// Says which promise was broken.
    pub fn run(
        self,
        mut world: World,
        settings: Settings,
        nonce: u64,
        watch: &mut Watch<'_>,
    ) -> Result<World, Wrong> {
        match self {
            Step::Ask(ask) => {
                world.ask(ask)?;
                settle(&mut world, watch)?;
                if world.open_operations() != 0 {
                    return Err("an operation never ends".into());
                }
                Ok(world)
            }
            Step::Suspend => {
                suspend(&mut world, watch)?;
                world.engine.handle(Event::Resume);
                settle(&mut world, watch)?;
                Ok(world)
            }
            Step::Reload => {
                suspend(&mut world, watch)?;
                let (disks, model) = (world.disks.clone(), world.model.clone());
                let next = World::new(settings, disks, model, world.marks());
                enter_service(next, nonce, watch)
            }
            Step::SlotFails => {
                world.spoil_slot_of(5, 1, true);
                watch(&world)?;
                Ok(world)
            }
            Step::Cut { keeps } => {
                let disks = std::array::from_fn(|leg: usize| {
                    let newest: Vec<_> = world.disks[leg]
                        .undecided()
                        .into_iter()
                        .filter_map(|(at, mut states)| Some((at, states.pop()?)))
                        .filter(|_| keeps)
                        .collect();
                    world.disks[leg].crashed(&newest)
                });
                let next = World::new(settings, disks, world.model.crashed(), world.marks());
                // A crash of this recovery was tried when the state was reached.
                enter_service(next, nonce, &mut |_| Ok(()))
            }
        }
    }
}

/// Runs until nothing can happen.
pub fn settle(world: &mut World, watch: &mut Watch<'_>) -> Result<(), Wrong> {
    let mut version = world.version;
    watch(world)?;
    while world.step(&mut |_| 0)? {
        if world.version != version {
            version = world.version;
            watch(world)?;
        }
    }
    Ok(())
}

fn suspend(world: &mut World, watch: &mut Watch<'_>) -> Result<(), Wrong> {
    let answers = world.suspended.len();
    world.engine.handle(Event::Suspend { noflush: false });
    settle(world, watch)?;
    if world.suspended.get(answers..) != Some(&[true]) {
        return Err("a suspend without faults is not clean".into());
    }
    match world.engine.snapshot().state {
        State::Suspended => Ok(()),
        other => Err(format!("suspended and yet {other:?}")),
    }
}

fn enter_service(mut world: World, nonce: u64, watch: &mut Watch<'_>) -> Result<World, Wrong> {
    world.activate(nonce);
    settle(&mut world, watch)?;
    match world.activated {
        Some(Ok(_)) => Ok(world),
        Some(Err(refusal)) => Err(format!("refused: {refusal}")),
        None => Err("the activation never ends".into()),
    }
}
