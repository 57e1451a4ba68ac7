// SPDX-License-Identifier: GPL-2.0-only

//! A user of an index who asks for one thing after another. What goes wrong is a panic: this is for tests.

use super::disk::Disk;
use super::model::Model;
use super::names::{self, Weakness};
use super::world::{Shape, World};
use crate::rng::Rng;
use dm_spare_engine::index::{Answer, Name, OpenMode, Parameters, Place, RequestKind};

const CREATE: OpenMode = OpenMode::Create { uuid: [9; 16] };

/// A small index: a chapter is a page, and six are dense.
pub fn shape(zones: u32, sparse_chapters: u32) -> Shape {
    Shape {
        parameters: Parameters {
            pages: 1,
            dense_chapters: 6,
            sparse_chapters,
            checkpoint_chapters: 3,
            bucket_bits: 2,
        },
        zones,
        waiting: 16,
        cache_pages: 8,
    }
}

/// What an index of a shape promises for strong names.
pub fn model(shape: Shape) -> Model {
    let dense = u64::from(shape.parameters.dense_chapters);
    let chapters = dense + u64::from(shape.parameters.sparse_chapters);
    Model::sparse(shape.zones as usize, Weakness::Strong, chapters, dense)
}

/// The one user of an index.
pub struct User {
    /// The index, and everything around it.
    pub world: World,
    /// In which order things happen.
    pub random: Rng,
    /// The number of the name that [`chapters`](Self::chapters) posted last.
    pub next: u64,
}

impl User {
    /// A new index of so many zones, dense if it has no sparse chapters.
    pub fn new(zones: u32, sparse_chapters: u32) -> Self {
        Self::of(shape(zones, sparse_chapters))
    }

    /// A new index of this shape.
    pub fn of(shape: Shape) -> Self {
        let mut random = Rng::new(u64::from(shape.zones));
        let mut world = World::new(shape, model(shape), Disk::default());
        world.open_and_run(CREATE, &mut random).expect("created");
        Self {
            world,
            random,
            next: 1000,
        }
    }

    /// Name `number`.
    pub fn name(&mut self, number: u64) -> Name {
        self.world.model.name(number)
    }

    /// Asks for something, and waits for the answer.
    pub fn ask(&mut self, kind: RequestKind, number: u64) -> Answer {
        let name = self.name(number);
        let answer = self.world.ask_and_run(kind, name, &mut self.random);
        answer.expect("an answer")
    }

    /// Posts name `number` with data of version 1.
    pub fn post(&mut self, number: u64) -> Answer {
        self.ask(RequestKind::Post(names::data(number, 1)), number)
    }

    /// Looks a name up.
    pub fn peek(&mut self, number: u64) -> Answer {
        self.ask(RequestKind::Peek, number)
    }

    /// Posts new names until so many chapters have been closed and written.
    pub fn chapters(&mut self, count: u64) {
        let end = self.world.keeper.window().newest.0 + count;
        while self.world.keeper.window().newest.0 < end {
            self.post_new(20);
        }
    }

    /// Posts so many new names at once.
    pub fn post_new(&mut self, count: u64) {
        for _ in 0..count {
            self.next += 1;
            let name = self.name(self.next);
            let data = names::data(self.next, 1);
            self.world.ask(RequestKind::Post(data), name);
        }
        self.run();
    }

    /// Lets everything end.
    pub fn run(&mut self) {
        self.world.run(&mut self.random).expect("all is well");
        self.world.check_rest().expect("all is answered");
    }

    /// Has the index come to rest; whether its open chapters were saved.
    pub fn suspend(&mut self, save: bool) -> bool {
        self.world.suspend(save);
        self.run();
        self.world.suspended.expect("the suspend is answered")
    }

    /// Looks up every name that should be known; those that are not must have been counted.
    pub fn look_everything_up(&mut self) {
        let before = self.world.tally.lost;
        let found = self.world.look_everything_up(&mut self.random);
        found.expect("all is well");
        let lost = self.world.tally.lost - before;
        assert!(lost <= self.world.without_room(), "{lost} names are lost");
    }

    /// The index is gone from memory and is opened again.
    pub fn reopen(self, zones: u32, mode: OpenMode) -> Self {
        let mut world = self.world.restart(zones);
        let mut random = self.random;
        world.open(mode);
        world.run(&mut random).expect("all is well");
        Self {
            world,
            random,
            next: self.next,
        }
    }
}

/// The answer for name `number` with data of this version.
pub fn found(number: u64, version: u64, place: Place) -> Answer {
    let data = names::data(number, version);
    Answer::Found { data, place }
}

/// A request to give name `number` data of version 2.
pub fn update(number: u64) -> RequestKind {
    RequestKind::Update(names::data(number, 2))
}
