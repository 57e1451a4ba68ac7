// SPDX-License-Identifier: GPL-2.0-only

//! The lines of a dump: one JSON object each, with one member that says what it is.

use dm_spare_engine::dedup::format::superblock::{Features, Method};
use dm_spare_engine::dedup::format::{Entry, Geometry, Superblock};
use dm_spare_engine::dedup::{Fingerprint, Pbn};
use dm_spare_engine::Uuid;
use serde::{Deserialize, Serialize};

/// The version that is written and understood.
pub const VERSION: u32 = 1;

/// A line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Line {
    /// The first one: what the volume is.
    Volume(VolumeLine),
    /// Blocks of the volume, in order; those in between are unmapped.
    Map(MapLine),
    /// A data block, in order; those in between are free.
    Pool(PoolLine),
    /// The last one.
    End(EndLine),
}

/// What the volume is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeLine {
    version: u32,
    uuid: String,
    /// The secret of the fingerprints, 32 hexadecimal digits.
    secret: String,
    main_blocks: u64,
    spare_blocks: u64,
    logical_blocks: u64,
    journal_blocks: u64,
    index_blocks: u64,
    compatible: u64,
}

/// Neighbours that are the same, or consecutive data blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapLine {
    /// The first.
    pub lbn: u64,
    /// How many.
    pub blocks: u64,
    /// What they are.
    pub to: To,
}

/// What blocks of the volume are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum To {
    /// Data blocks from this one on.
    Block(u64),
    /// Something else.
    Word(Word),
}

/// What is no data block.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// Written with zeros.
    Zero,
    /// Lost.
    Poisoned,
}

/// A data block.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolLine {
    /// Its number on main.
    pub pbn: u64,
    /// How often it is referred to.
    pub count: u16,
    /// 32 hexadecimal digits.
    pub fingerprint: String,
}

/// That nothing is missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndLine {
    /// Blocks of the volume that refer to data blocks.
    pub mapped_blocks: u64,
    /// Data blocks that are referred to.
    pub used_blocks: u64,
}

impl VolumeLine {
    /// What a superblock says.
    pub fn of(superblock: &Superblock) -> Self {
        let geometry = superblock.geometry;
        Self {
            version: VERSION,
            uuid: Uuid(superblock.uuid).to_string(),
            secret: to_hexadecimal(superblock.secret),
            main_blocks: geometry.main_blocks,
            spare_blocks: superblock.spare_blocks,
            logical_blocks: geometry.logical_blocks,
            journal_blocks: geometry.journal_blocks,
            index_blocks: geometry.index_blocks,
            compatible: superblock.features.compatible,
        }
    }

    /// The superblock.
    ///
    /// # Errors
    ///
    /// What cannot be read.
    pub fn superblock(&self) -> Result<Superblock, String> {
        if self.version != VERSION {
            return Err(format!(
                "it is of version {}, and this program knows {VERSION}",
                self.version
            ));
        }
        let uuid =
            uuid::Uuid::try_parse(&self.uuid).map_err(|_| format!("`{}` is no UUID", self.uuid))?;
        Ok(Superblock {
            uuid: uuid.into_bytes(),
            features: Features {
                compatible: self.compatible,
                ..Features::default()
            },
            geometry: Geometry {
                main_blocks: self.main_blocks,
                logical_blocks: self.logical_blocks,
                journal_blocks: self.journal_blocks,
                index_blocks: self.index_blocks,
            },
            spare_blocks: self.spare_blocks,
            method: Method::Fast,
            secret: from_hexadecimal(&self.secret)
                .ok_or_else(|| "the secret is not 32 hexadecimal digits".to_owned())?,
        })
    }
}

impl MapLine {
    /// The line of one block; none if it is unmapped.
    pub fn of(lbn: u64, entry: Entry) -> Option<Self> {
        let to = match entry {
            Entry::Unmapped => return None,
            Entry::Zero => To::Word(Word::Zero),
            Entry::Poisoned => To::Word(Word::Poisoned),
            Entry::Block(pbn) => To::Block(pbn.0),
        };
        Some(Self { lbn, blocks: 1, to })
    }

    /// The entry of a block of the line.
    pub fn entry(&self, index: u64) -> Entry {
        match self.to {
            To::Word(Word::Zero) => Entry::Zero,
            To::Word(Word::Poisoned) => Entry::Poisoned,
            To::Block(pbn) => Entry::Block(Pbn(pbn.saturating_add(index))),
        }
    }

    /// Takes the next block in, if it goes on as the line does.
    pub fn extend(&mut self, next: &Self) -> bool {
        let follows = self.lbn.checked_add(self.blocks) == Some(next.lbn)
            && match (self.to, next.to) {
                (To::Block(first), To::Block(pbn)) => first.checked_add(self.blocks) == Some(pbn),
                (this, other) => this == other,
            };
        if follows {
            self.blocks = self.blocks.saturating_add(next.blocks);
        }
        follows
    }
}

impl PoolLine {
    /// The line of a block.
    pub fn of(pbn: Pbn, count: u16, fingerprint: Fingerprint) -> Self {
        Self {
            pbn: pbn.0,
            count,
            fingerprint: to_hexadecimal(fingerprint.0),
        }
    }

    /// Its fingerprint; none if that is not 32 hexadecimal digits.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        from_hexadecimal(&self.fingerprint).map(Fingerprint)
    }
}

fn to_hexadecimal(bytes: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(bytes))
}

fn from_hexadecimal(text: &str) -> Option<[u8; 16]> {
    let is_right = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u128::from_str_radix(text, 16).ok()?;
    is_right.then_some(number.to_be_bytes())
}
