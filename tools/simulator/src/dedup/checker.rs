// SPDX-License-Identifier: GPL-2.0-only

//! Recounts everything from what lies on main when all pages are in their places.

use super::content::{value, Hashing, Value};
use crate::disk::Disk;
use dm_spare_engine::dedup::format::presence_page::Presence;
use dm_spare_engine::dedup::format::{
    checkpoint, map_page, page, pool_page, presence_page, Checkpoint, Entry, Layout,
};
use dm_spare_engine::dedup::{Leg, PageNumber, Pbn};
use dm_spare_engine::Block;
use std::collections::BTreeMap;

/// What the volume holds: blocks that are not unmapped.
pub type Content = BTreeMap<u64, Value>;

/// A volume on its main leg.
pub struct Checker<'a> {
    main: &'a Disk,
    layout: Layout,
    uuid: [u8; 16],
    hashing: Hashing,
}

impl<'a> Checker<'a> {
    /// Looks at a volume whose pages are all in their places.
    pub fn new(main: &'a Disk, layout: Layout, uuid: [u8; 16], hashing: Hashing) -> Self {
        Self {
            main,
            layout,
            uuid,
            hashing,
        }
    }

    fn block(&self, address: u64) -> Result<Box<Block>, String> {
        let mut block = Box::new(Block([0; 4096]));
        let read = self.main.read(address * 8, &mut block.0);
        read.map_err(|error| format!("block {address} of main cannot be read: {error:?}"))?;
        Ok(block)
    }

    fn page(&self, number: PageNumber) -> Result<Box<Block>, String> {
        let block = self.block(self.layout.page_address(number))?;
        page::open(&block, number, &self.layout, self.uuid, crc32c::crc32c)
            .map_err(|invalid| format!("{number:?} is {invalid}"))?;
        Ok(block)
    }

    fn checkpoint(&self) -> Result<(Checkpoint, Box<Block>), String> {
        let mut best: Option<(Checkpoint, Box<Block>)> = None;
        for number in 0..2 {
            let address = Layout::checkpoint_address(number);
            let block = self.block(address)?;
            let (layout, uuid) = (&self.layout, self.uuid);
            let found = Checkpoint::open(&block, Leg::Main, address, layout, uuid, crc32c::crc32c);
            let Ok(found) = found else { continue };
            if best
                .as_ref()
                .is_none_or(|best| best.0.number < found.number)
            {
                best = Some((found, block));
            }
        }
        best.ok_or_else(|| "no checkpoint".to_owned())
    }

    /// Checks everything; what the volume holds.
    ///
    /// # Errors
    ///
    /// What is wrong.
    pub fn run(&self) -> Result<Content, String> {
        let layout = &self.layout;
        let (newest, roots) = self.checkpoint()?;
        let mut content = Content::new();
        let mut references: BTreeMap<u64, u64> = BTreeMap::new();
        let mut pools = Vec::new();
        for number in 0..layout.presence_pages {
            if !checkpoint::root(&roots, PageNumber(number)) {
                continue;
            }
            let presence = self.page(PageNumber(number))?;
            for index in 0..presence_page::PAGES as u32 {
                let known = presence_page::get(&presence, index as usize);
                if known == Presence::Absent {
                    continue;
                }
                let offset = number * presence_page::PAGES as u32 + index;
                let page = PageNumber(layout.presence_pages + offset);
                if page.0 >= layout.first_pool_page().0 {
                    pools.push((page, known));
                } else if known == Presence::Full {
                    return Err(format!("map page {page:?} is full"));
                } else {
                    self.map(page, &mut content, &mut references)?;
                }
            }
        }
        let mapped: u64 = references.values().sum();
        let mut used = 0;
        for (page, known) in pools {
            used += self.pool(page, known, &mut references)?;
        }
        if let Some((pbn, count)) = references.into_iter().find(|(_, count)| *count > 0) {
            return Err(format!(
                "block {pbn} has {count} references that are not counted"
            ));
        }
        if used != newest.used_blocks || mapped != newest.mapped_blocks {
            return Err(format!(
                "{used} blocks are used, {mapped} are mapped, {newest:?}"
            ));
        }
        Ok(content)
    }

    fn map(
        &self,
        number: PageNumber,
        content: &mut Content,
        references: &mut BTreeMap<u64, u64>,
    ) -> Result<(), String> {
        let block = self.page(number)?;
        let first = self.layout.first_lbn(number).0;
        for index in 0..map_page::ENTRIES {
            let lbn = first + index;
            let value = match map_page::get(&block, index as usize) {
                Entry::Unmapped => continue,
                Entry::Zero => Value::Zero,
                Entry::Poisoned => Value::Poisoned,
                Entry::Block(pbn) => {
                    *references.entry(pbn.0).or_default() += 1;
                    self.data(pbn, &format!("block {lbn} of the volume"))?
                }
            };
            content.insert(lbn, value);
        }
        Ok(())
    }

    fn data(&self, pbn: Pbn, who: &str) -> Result<Value, String> {
        let block = self.block(pbn.0)?;
        let value = value(&block.0).ok_or_else(|| format!("{who} is a mixture, at {pbn:?}"))?;
        match value {
            Value::Data(_) => Ok(value),
            _ => Err(format!("{who} is in {pbn:?}, which holds {value:?}")),
        }
    }

    /// Checks the counts of a page, and takes what they count out of the references; blocks that are used.
    fn pool(
        &self,
        number: PageNumber,
        known: Presence,
        references: &mut BTreeMap<u64, u64>,
    ) -> Result<u64, String> {
        let block = self.page(number)?;
        let blocks = self.layout.pool_page_blocks(number);
        for index in 0..blocks as usize {
            let pbn = self.layout.pool_block(number, index);
            let count = u64::from(pool_page::count(&block, index));
            let found = references.remove(&pbn.0).unwrap_or(0);
            if count != found {
                return Err(format!(
                    "{pbn:?} has {found} references and a count of {count}"
                ));
            }
            if count == 0 {
                continue;
            }
            if let Value::Data(number) = self.data(pbn, "what is counted")? {
                let fingerprint = self.hashing.fingerprint(number);
                if pool_page::fingerprint(&block, index) != fingerprint {
                    return Err(format!("{pbn:?} has the fingerprint of something else"));
                }
            }
        }
        let used = pool_page::used(&block);
        if (used == blocks) != (known == Presence::Full) {
            return Err(format!(
                "{number:?} has {used} of {blocks} used and is {known:?}"
            ));
        }
        Ok(used)
    }
}
