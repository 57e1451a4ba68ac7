// SPDX-License-Identifier: GPL-2.0-only

//! Every state in which a crash can leave the disks, with those taken together that nobody can tell apart.
//!
//! Three reductions, none of which leaves a state out:
//!
//! - *Metadata, block by block.* A block whose checksum does not match is used for nothing, and told from another
//!   such block only by its magic, by the version that goes with it, and by being blank. So of the subsets of a
//!   block's sectors one is tried for each valid content, and one for each other kind.
//! - *User data, sector by sector.* The engine never looks at it. It is enough to know in which place the content of
//!   each sector of main is found; every content that the place can have is then compared with the promise.
//! - *Bad sectors* that were overwritten and may be bad again decide what the engine does: all subsets are tried.
//!
//! [`Control`] is what is left: the number of such a state is the same whatever the users have written.

use crate::disk::{Disk, Sector};
use crate::image::Disks;
use crate::model::Value;
use crate::sector::{marked, mix, Hashed};
use dm_spare_engine::format::Layout;
use std::collections::{BTreeMap, HashMap};

/// The mark of a sector of main or the spare that stands for whatever is there: from here on, main's first.
const PLACES: u64 = 1 << 60;
/// The first one of the spare's.
const PLACES_OF_SPARE: u64 = 1 << 61;

/// One way in which a crash can leave metadata and bad sectors.
#[derive(Clone)]
pub struct Choice {
    /// The state's number.
    pub key: u64,
    /// What the sectors hold that the durable state does not decide.
    pub decided: [Vec<(u64, Sector)>; 2],
}

/// All ways in which a crash can leave the disks.
pub struct States {
    /// Metadata and bad sectors.
    pub choices: Vec<Choice>,
    /// What the other undecided sectors can hold.
    data: BTreeMap<(usize, u64), Vec<Value>>,
}

impl States {
    /// How many subsets of the unflushed sectors these states stand for.
    pub fn subsets(disks: &Disks) -> f64 {
        disks
            .iter()
            .flat_map(Disk::undecided)
            .map(|(_, states)| states.len() as f64)
            .product()
    }

    /// What a sector can read as, if its content is found at `found` once the state is `choice`.
    pub fn resolve<'a>(
        &'a self,
        disks: &Disks,
        choice: &Choice,
        found: Value,
    ) -> impl Iterator<Item = Value> + 'a {
        let (one, several) = self.resolved(disks, choice, found);
        one.into_iter().chain(several.iter().copied())
    }

    fn resolved(&self, disks: &Disks, choice: &Choice, found: Value) -> (Option<Value>, &[Value]) {
        let Some((leg, at)) = place_of(found) else {
            return (Some(found), &[]);
        };
        if let Some((_, value)) = choice.decided[leg].iter().find(|(place, _)| *place == at) {
            return (Some(value_of(value)), &[]);
        }
        match self.data.get(&(leg, at)) {
            Some(values) => (None, values),
            None => (Some(value_of(disks[leg].durable(at))), &[]),
        }
    }
}

/// What is read where a recovery has found `found`, if the caches were lost.
pub fn resting(disks: &Disks, found: Value) -> Value {
    match place_of(found) {
        Some((leg, at)) => value_of(disks[leg].durable(at)),
        None => found,
    }
}

fn value_of(sector: &Sector) -> Value {
    // Content without a mark was never written by a user: no promise allows it.
    Value::Mark(sector.mark().unwrap_or(u64::MAX))
}

fn place_of(found: Value) -> Option<(usize, u64)> {
    match found {
        Value::Mark(mark) if mark >= PLACES_OF_SPARE => Some((1, mark - PLACES_OF_SPARE)),
        Value::Mark(mark) if mark >= PLACES => Some((0, mark - PLACES)),
        _ => None,
    }
}

/// One way to decide some sectors, and what it changes in the state's number.
struct Alternative {
    key: u64,
    decided: Vec<(usize, u64, Sector)>,
}

/// Numbers states.
pub struct Control {
    layout: Layout,
    metadata: Vec<bool>,
    /// What each content of a block is to the engine.
    classes: HashMap<u64, u64, Hashed>,
    /// For each block of metadata the content that was looked at last, and its part of a state's number.
    latest: Vec<Option<([Sector; 8], u64)>>,
    /// Disks whose user data are the marks of their places.
    places: Disks,
}

impl Control {
    /// For disks of these sizes and so many copies of the metadata; none if they do not fit.
    pub fn new(disks: &Disks, copies: u8) -> Option<Self> {
        let blocks = disks[1].sectors() / 8;
        let layout = Layout::new(blocks, copies)?;
        let metadata: Vec<bool> = (0..blocks)
            .map(|block| {
                (0..copies).any(|copy| {
                    let first = layout.superblock(copy);
                    (first..first + layout.copy_blocks()).contains(&block)
                })
            })
            .collect();
        Some(Self {
            layout,
            latest: vec![None; metadata.len()],
            metadata,
            classes: HashMap::default(),
            places: [
                Disk::new(disks[0].sectors(), |at| marked(PLACES + at)),
                Disk::new(disks[1].sectors(), |at| marked(PLACES_OF_SPARE + at)),
            ],
        })
    }

    /// Where things lie.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    fn is_metadata(&self, leg: usize, at: u64) -> bool {
        leg == 1
            && self
                .metadata
                .get((at / 8) as usize)
                .copied()
                .unwrap_or(false)
    }

    /// What a block of these sectors is to the engine.
    fn class(&mut self, block: [&Sector; 8]) -> u64 {
        let hash = block
            .iter()
            .fold(0, |hash, sector| mix(hash, sector.hash()));
        *self.classes.entry(hash).or_insert_with(|| {
            let bytes: Vec<u8> = block.iter().flat_map(|sector| sector.to_vec()).collect();
            let sum = u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
            let magic = bytes.starts_with(b"dm-spare");
            if magic && crc32c::crc32c(&bytes[12..]) == sum {
                return hash | 4;
            }
            let blank = bytes.iter().all(|byte| *byte == 0);
            let version = u16::from_le_bytes([bytes[14], bytes[15]]);
            match (magic, blank) {
                (true, _) => mix(1, version.into()) & !4,
                (false, blank) => u64::from(blank),
            }
        })
    }

    fn durable_block(disk: &Disk, block: u64) -> [&Sector; 8] {
        std::array::from_fn(|index| disk.durable(block * 8 + index as u64))
    }

    /// What the durable content of a block of metadata adds to the state's number.
    fn part_of_block(&mut self, spare: &Disk, block: u64) -> u64 {
        let content = Self::durable_block(spare, block);
        if let Some((latest, part)) = &self.latest[block as usize] {
            if (latest.iter().zip(content)).all(|(latest, now)| latest.is_same_write(now)) {
                return *part;
            }
        }
        let part = mix(block, self.class(content));
        self.latest[block as usize] = Some((content.map(Clone::clone), part));
        part
    }

    fn bad(leg: usize, at: u64) -> u64 {
        mix(mix(3, leg as u64), at)
    }

    /// The number of the state after a crash that drops everything undecided.
    pub fn key(&mut self, disks: &Disks) -> u64 {
        let mut key = 0u64;
        for (leg, disk) in disks.iter().enumerate() {
            for at in disk.durably_unreadable() {
                key = key.wrapping_add(Self::bad(leg, *at));
            }
            for at in &disk.unwritable {
                key = key.wrapping_add(mix(Self::bad(leg, *at), 1));
            }
        }
        for block in 0..self.metadata.len() as u64 {
            if self.metadata[block as usize] {
                key = key.wrapping_add(self.part_of_block(&disks[1], block));
            }
        }
        key
    }

    /// All states in which a crash now can leave the disks.
    pub fn states(&mut self, disks: &Disks) -> States {
        let mut blocks: BTreeMap<u64, Vec<(u64, Vec<Sector>)>> = BTreeMap::new();
        let mut dimensions: Vec<Vec<Alternative>> = Vec::new();
        let mut data = BTreeMap::new();
        for (leg, disk) in disks.iter().enumerate() {
            for (at, states) in disk.undecided() {
                if self.is_metadata(leg, at) {
                    blocks.entry(at / 8).or_default().push((at, states));
                } else if disk.durably_unreadable().contains(&at) {
                    dimensions.push(bad_or_not(leg, at, &states));
                } else {
                    data.insert((leg, at), states.iter().map(value_of).collect());
                }
            }
        }
        for (block, sectors) in blocks {
            let alternatives = self.block_alternatives(&disks[1], block, &sectors);
            dimensions.push(alternatives);
        }
        let mut choices = vec![Choice {
            key: self.key(disks),
            decided: [Vec::new(), Vec::new()],
        }];
        for alternatives in &dimensions {
            choices = choices
                .iter()
                .flat_map(|choice| {
                    alternatives.iter().map(|alternative| {
                        let mut choice = choice.clone();
                        choice.key = choice.key.wrapping_add(alternative.key);
                        for (leg, at, value) in &alternative.decided {
                            choice.decided[*leg].push((*at, value.clone()));
                        }
                        choice
                    })
                })
                .collect();
        }
        States { choices, data }
    }

    /// The subsets of a metadata block's sectors that the engine could tell apart.
    fn block_alternatives(
        &mut self,
        spare: &Disk,
        block: u64,
        sectors: &[(u64, Vec<Sector>)],
    ) -> Vec<Alternative> {
        let old = self.part_of_block(spare, block);
        let durable = Self::durable_block(spare, block);
        // For each kind of content the last subset, which is the nearest to the whole.
        let mut kinds: BTreeMap<(u64, u64), usize> = BTreeMap::new();
        let subsets: usize = sectors.iter().map(|(_, states)| states.len()).product();
        for subset in 0..subsets {
            let mut content = durable;
            let mut healed = 0u64;
            for (at, state, value) in states_of(sectors, subset) {
                content[(at % 8) as usize] = value;
                if state != 0 && spare.durably_unreadable().contains(&at) {
                    healed = healed.wrapping_sub(Self::bad(1, at));
                }
            }
            kinds.insert((self.class(content), healed), subset);
        }
        kinds
            .into_iter()
            .map(|((class, healed), subset)| Alternative {
                key: mix(block, class).wrapping_sub(old).wrapping_add(healed),
                decided: states_of(sectors, subset)
                    .map(|(at, _, value)| (1, at, value.clone()))
                    .collect(),
            })
            .collect()
    }

    /// The disks after a crash, with user data replaced by the marks of their places.
    pub fn image(&self, disks: &Disks, choice: &Choice) -> Disks {
        std::array::from_fn(|leg| {
            let mut image = disks[leg].crashed(&choice.decided[leg]);
            // Only what was written before the crash is lied about.
            image.liar = None;
            image.written = None;
            let places = &self.places[leg];
            for at in 0..places.sectors() {
                if !self.is_metadata(leg, at) {
                    image.replace(at, places.durable(at));
                }
            }
            image
        })
    }
}

/// The sectors of a block in the subset of this number: which of its states each one has, and what it holds.
fn states_of(
    sectors: &[(u64, Vec<Sector>)],
    subset: usize,
) -> impl Iterator<Item = (u64, usize, &Sector)> {
    let mut number = subset;
    sectors.iter().map(move |(at, states)| {
        let state = number % states.len();
        number /= states.len();
        (*at, state, &states[state])
    })
}

fn bad_or_not(leg: usize, at: u64, states: &[Sector]) -> Vec<Alternative> {
    states
        .iter()
        .enumerate()
        .map(|(state, value)| Alternative {
            key: if state == 0 {
                0
            } else {
                0u64.wrapping_sub(Control::bad(leg, at))
            },
            decided: vec![(leg, at, value.clone())],
        })
        .collect()
}
