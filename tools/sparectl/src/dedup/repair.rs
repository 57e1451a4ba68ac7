// SPDX-License-Identifier: GPL-2.0-only

//! Makes a volume right again whose journal is empty: the map is believed, and everything else is made from it. What a
//! damaged page of the map said is not known any more, so its blocks are poisoned; counts are recounted; fingerprints that
//! are not known are computed from the data.

use super::pages::Pages;
use super::presence::{map_pages, pool_pages, Presences};
use super::references::{entries, walk_map, windows, References};
use super::survey::blank;
use super::view::newest_checkpoint;
use super::writer::{Legs, Totals, Writer};
use super::Fault;
use crate::failure::Failure;
use crate::leg::Leg;
use crate::storage::BlockSource;
use dm_spare_engine::dedup::format::{map_page, pool_page, Entry, Invalid, Layout, Superblock};
use dm_spare_engine::dedup::{fingerprint, Fingerprint, PageNumber, Pbn};
use dm_spare_engine::Block;
use std::ops::Range;

/// Pages that are looked at before those that were wrong are written.
const PAGES: u32 = 4096;

/// What was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Repaired {
    /// Blocks of the volume that were poisoned.
    pub poisoned: u64,
    /// Counts that were set.
    pub counts: u64,
    /// Fingerprints that were computed.
    pub fingerprints: u64,
    /// What is true of the volume now.
    pub totals: Totals,
}

/// The volume, and what is known of it.
struct Repair<'a> {
    main: &'a mut Leg,
    spare: &'a mut Leg,
    superblock: Superblock,
    layout: Layout,
    presences: Presences,
    writer: Writer,
    done: Repaired,
}

/// A page that is to be written, and the blocks whose fingerprints are not known.
struct Fix {
    page: PageNumber,
    block: Box<Block>,
    /// It says something else now.
    is_wrong: bool,
    unknown: Vec<usize>,
}

/// Repairs a volume that was brought to rest. `progress` is told how many of how many pages have been read.
///
/// # Errors
///
/// There is no checkpoint, a presence page is damaged, a block has more references than can be counted, or a leg cannot be
/// written. What was written until then is right, and this can be done again.
pub fn repair(
    main: &mut Leg,
    spare: &mut Leg,
    superblock: Superblock,
    layout: Layout,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Repaired, Failure> {
    let uuid = superblock.uuid;
    let (newest, roots) = newest_checkpoint(main, &layout, uuid)
        .map_err(|fault| Failure::new(format!("no checkpoint can be used, it is {fault}")))?;
    let presences = Presences::read(&mut Pages::new(main, layout, uuid), &roots);
    if let Some((page, fault)) = presences.damaged.first() {
        return Err(Failure::new(format!(
            "the presence page in block {} of main is {fault}: nothing says which pages there are",
            layout.page_address(*page)
        )));
    }
    let walks = windows(&layout).count() as u64;
    let maps = presences.count(map_pages(&layout));
    let total = maps
        .saturating_mul(walks.saturating_add(1))
        .saturating_add(presences.count(pool_pages(&layout)));
    let mut read = 0u64;
    let mut step = || {
        read = read.saturating_add(1);
        progress(read, total);
    };
    let mut repair = Repair {
        main,
        spare,
        superblock,
        layout,
        presences,
        writer: Writer::new(superblock, layout, newest.redo),
        done: Repaired::default(),
    };
    for range in parts(map_pages(&layout)) {
        let fixes = repair.look_at_maps(range, &mut step);
        repair.write(fixes)?;
    }
    repair.legs().flush()?;
    for window in windows(&layout) {
        let references = repair.count_references(&window, &mut step);
        for range in parts(window) {
            let fixes = repair.look_at_pools(range, &references, &mut step)?;
            repair.write(fixes)?;
        }
    }
    let Repair {
        main,
        spare,
        writer,
        done,
        ..
    } = repair;
    writer.finish(
        newest.number.saturating_add(1),
        done.totals,
        &mut Legs { main, spare },
    )?;
    Ok(done)
}

/// A range of pages in pieces that are dealt with one after another.
pub fn parts(range: Range<u32>) -> impl Iterator<Item = Range<u32>> {
    let end = range.end;
    // CAST: 32 bits fit.
    range
        .step_by(PAGES as usize)
        .map(move |first| first..first.saturating_add(PAGES).min(end))
}

impl Repair<'_> {
    fn legs(&mut self) -> Legs<'_> {
        Legs {
            main: &mut *self.main,
            spare: &mut *self.spare,
        }
    }

    /// Poisons what pages of the map do not say, or say and cannot be.
    fn look_at_maps(&mut self, range: Range<u32>, step: &mut dyn FnMut()) -> Vec<Fix> {
        let (layout, presences) = (self.layout, &self.presences);
        let (writer, done) = (&mut self.writer, &mut self.done);
        let mut fixes = Vec::new();
        let mut pages = Pages::new(self.main, layout, self.superblock.uuid);
        let wanted = |page| presences.is_present(page);
        pages.visit(range, &wanted, &mut |page, block, state| {
            step();
            let is_legible = matches!(state, Ok(()) | Err(Fault::Invalid(Invalid::Field("entry"))));
            if state.is_ok() {
                let mapped = entries(&layout, page, block)
                    .filter(|(_, entry)| entry.is_some_and(|entry| entry.block().is_some()))
                    .count();
                done.totals.mapped = done.totals.mapped.saturating_add(mapped as u64);
                return writer.note(page, block);
            }
            let mut fixed = blank();
            for (index, (_, entry)) in entries(&layout, page, block).enumerate() {
                let known = entry.filter(|entry| {
                    is_legible
                        && entry
                            .block()
                            .is_none_or(|pbn| layout.pool_place(pbn).is_some())
                });
                if known.is_none() {
                    done.poisoned = done.poisoned.saturating_add(1);
                }
                let entry = known.unwrap_or(Entry::Poisoned);
                if entry.block().is_some() {
                    done.totals.mapped = done.totals.mapped.saturating_add(1);
                }
                map_page::set(&mut fixed, index, entry);
            }
            fixes.push(Fix {
                page,
                block: fixed,
                is_wrong: true,
                unknown: Vec::new(),
            });
        });
        fixes
    }

    fn count_references(&mut self, window: &Range<u32>, step: &mut dyn FnMut()) -> References {
        let layout = self.layout;
        let mut references = References::none(&layout, window);
        let mut pages = Pages::new(self.main, layout, self.superblock.uuid);
        walk_map(&mut pages, &self.presences, &mut |page, block, state| {
            step();
            if state.is_ok() {
                entries(&layout, page, block)
                    .filter_map(|(_, entry)| entry?.block())
                    .for_each(|pbn| references.add(pbn));
            }
        });
        references
    }

    /// Compares pages of the pool with the references.
    fn look_at_pools(
        &mut self,
        range: Range<u32>,
        references: &References,
        step: &mut dyn FnMut(),
    ) -> Result<Vec<Fix>, Failure> {
        let (layout, presences) = (self.layout, &self.presences);
        let mut looks = Vec::new();
        let mut failure = None;
        let wanted = |page| presences.is_present(page);
        let (writer, done) = (&mut self.writer, &mut self.done);
        let mut pages = Pages::new(self.main, layout, self.superblock.uuid);
        pages.visit(range.clone(), &wanted, &mut |page, block, state| {
            step();
            let is_legible = matches!(state, Ok(()) | Err(Fault::Invalid(Invalid::Field("count"))));
            let known = is_legible.then(|| without_rest(&layout, page, block));
            match counted(page, known, references, done) {
                Ok(fix) if state.is_err() || fix.is_wrong => looks.push(fix),
                Ok(_) => writer.note(page, block),
                Err(wrong) => {
                    failure.get_or_insert(wrong);
                }
            }
        });
        for page in range.map(PageNumber).filter(|page| !wanted(*page)) {
            let is_referred_to = references.of_page(page).any(|(_, count)| count > 0);
            if is_referred_to {
                looks.push(counted(page, None, references, done)?);
            }
        }
        failure.map_or(Ok(looks), Err)
    }

    fn write(&mut self, fixes: Vec<Fix>) -> Result<(), Failure> {
        for mut fix in fixes {
            for index in fix.unknown {
                let pbn = self.layout.pool_block(fix.page, index);
                let known = self.fingerprint(pbn);
                pool_page::set_fingerprint(&mut fix.block, index, known);
                self.done.fingerprints = self.done.fingerprints.saturating_add(1);
            }
            let mut legs = Legs {
                main: &mut *self.main,
                spare: &mut *self.spare,
            };
            self.writer
                .write_page(fix.page, &mut fix.block, &mut legs)?;
        }
        Ok(())
    }

    /// The fingerprint of what a block holds; of one that cannot be read, one that nothing has.
    fn fingerprint(&mut self, pbn: Pbn) -> Fingerprint {
        let mut block = blank();
        match self.main.read_block(pbn.0, &mut block) {
            Ok(()) => fingerprint(self.superblock.secret, &block),
            Err(_) => Fingerprint::default(),
        }
    }
}

/// The page with the counts that it should have; `known` is what it has, if that is known.
fn counted(
    page: PageNumber,
    known: Option<Box<Block>>,
    references: &References,
    done: &mut Repaired,
) -> Result<Fix, Failure> {
    let mut fix = Fix {
        page,
        is_wrong: known.is_none(),
        block: known.unwrap_or_else(blank),
        unknown: Vec::new(),
    };
    for (index, (pbn, count)) in references.of_page(page).enumerate() {
        let count = u16::try_from(count).map_err(|_| {
            Failure::new(format!(
                "block {} of main is referred to {count} times, and only {} can be counted: discard some of the blocks of the volume that do",
                pbn.0,
                pool_page::COUNT_MAXIMUM
            ))
        })?;
        if count > 0 {
            done.totals.used = done.totals.used.saturating_add(1);
        }
        let before = pool_page::count(&fix.block, index);
        if before == count {
            continue;
        }
        fix.is_wrong = true;
        done.counts = done.counts.saturating_add(1);
        pool_page::set_count(&mut fix.block, index, count);
        if before == 0 {
            fix.unknown.push(index);
        }
    }
    Ok(fix)
}

/// A pool page that counts nothing behind its last block.
fn without_rest(layout: &Layout, page: PageNumber, block: &Block) -> Box<Block> {
    let mut fixed = Box::new(block.clone());
    // CAST: at most 224.
    for index in layout.pool_page_blocks(page) as usize..pool_page::BLOCKS as usize {
        pool_page::set_count(&mut fixed, index, 0);
    }
    fixed
}
