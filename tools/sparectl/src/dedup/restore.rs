// SPDX-License-Identifier: GPL-2.0-only

//! A volume from the lines of a dump, and the data where it lies.

use super::dump_line::{Line, MapLine, PoolLine, To};
use super::survey::blank;
use super::writer::{Legs, Totals, Writer};
use crate::failure::Failure;
use dm_spare_engine::dedup::format::{map_page, pool_page, Layout, Superblock};
use dm_spare_engine::dedup::{Lbn, PageNumber, Pbn};
use dm_spare_engine::Block;
use std::io::{BufRead, Lines};

/// The lines of a dump whose first one was read.
pub struct Dump<R> {
    lines: Lines<R>,
    number: u64,
    /// What the volume is.
    pub superblock: Superblock,
    /// Where things lie.
    pub layout: Layout,
}

impl<R: BufRead> Dump<R> {
    /// Reads the first line.
    ///
    /// # Errors
    ///
    /// It is none of a dump that this program knows.
    pub fn new(input: R) -> Result<Self, Failure> {
        let mut lines = input.lines();
        let Some(Line::Volume(volume)) = next_line(&mut lines, 1)? else {
            return Err(Failure::new(
                "line 1 of the dump does not say what the volume is: give what sparectl dump has written",
            ));
        };
        let superblock = volume
            .superblock()
            .map_err(|why| Failure::new(format!("line 1 of the dump cannot be used: {why}")))?;
        let layout = Layout::new(superblock.geometry).ok_or_else(|| {
            Failure::new("line 1 of the dump says sizes that no volume has: give what sparectl dump has written")
        })?;
        Ok(Self {
            lines,
            number: 1,
            superblock,
            layout,
        })
    }

    /// Writes the pages that the other lines say.
    ///
    /// # Errors
    ///
    /// A line says what cannot be, or the last one is missing, or main cannot be written.
    pub fn write_pages(
        &mut self,
        writer: &mut Writer,
        legs: &mut Legs<'_>,
    ) -> Result<Totals, Failure> {
        let mut pages = OpenPage {
            writer,
            legs,
            page: None,
        };
        let mut totals = Totals::default();
        let (mut next_lbn, mut next_pbn) = (0, self.layout.data_start);
        let mut counted = 0u64;
        loop {
            self.number = self.number.saturating_add(1);
            match next_line(&mut self.lines, self.number)? {
                Some(Line::Map(line)) if next_pbn == self.layout.data_start => {
                    next_lbn = self.map(&line, next_lbn, &mut pages, &mut totals)?;
                }
                Some(Line::Pool(line)) => {
                    next_pbn = self.pool(&line, next_pbn, &mut pages)?;
                    totals.used = totals.used.saturating_add(1);
                    counted = counted.saturating_add(line.count.into());
                }
                Some(Line::End(end)) => {
                    pages.close()?;
                    let Totals { used, mapped } = totals;
                    if (end.mapped_blocks, end.used_blocks, counted) != (mapped, used, mapped) {
                        return Err(self.wrong(&format!(
                            "counts {} mapped and {} used blocks, and the lines before have {mapped} and {used} with {counted} references",
                            end.mapped_blocks, end.used_blocks
                        )));
                    }
                    return Ok(totals);
                }
                Some(_) => return Err(self.wrong("stands where it cannot")),
                None => {
                    return Err(Failure::new(
                        "the dump ends before its last line: make it again, or mend the volume that it is of first",
                    ))
                }
            }
        }
    }

    fn map(
        &self,
        line: &MapLine,
        next: u64,
        pages: &mut OpenPage<'_, '_>,
        totals: &mut Totals,
    ) -> Result<u64, Failure> {
        let end = line.lbn.checked_add(line.blocks);
        let fits = end.is_some_and(|end| end <= self.layout.geometry.logical_blocks);
        if !fits || line.blocks == 0 || line.lbn < next {
            return Err(self.wrong(&format!(
                "names {} blocks from block {} of the volume on, which are not there or were named before",
                line.blocks, line.lbn
            )));
        }
        for index in 0..line.blocks {
            let entry = line.entry(index);
            if let Some(pbn) = entry.block() {
                if self.layout.pool_place(pbn).is_none() {
                    return Err(self.wrong(&format!(
                        "refers to block {} of main, which is no data block",
                        pbn.0
                    )));
                }
            }
            let lbn = Lbn(line.lbn.saturating_add(index));
            if let Some((page, at)) = self.layout.map_place(lbn) {
                map_page::set(pages.open(page)?, at, entry);
            }
        }
        if matches!(line.to, To::Block(_)) {
            totals.mapped = totals.mapped.saturating_add(line.blocks);
        }
        Ok(line.lbn.saturating_add(line.blocks))
    }

    fn pool(
        &self,
        line: &PoolLine,
        next: u64,
        pages: &mut OpenPage<'_, '_>,
    ) -> Result<u64, Failure> {
        let place = self.layout.pool_place(Pbn(line.pbn));
        let (Some((page, at)), true) = (place, line.pbn >= next) else {
            return Err(self.wrong(&format!(
                "names block {} of main, which is no data block or was named before",
                line.pbn
            )));
        };
        let Some(fingerprint) = line.fingerprint().filter(|_| line.count > 0) else {
            return Err(self.wrong(&format!(
                "says of block {} a count of {} and the fingerprint `{}`, which cannot be",
                line.pbn, line.count, line.fingerprint
            )));
        };
        let block = pages.open(page)?;
        pool_page::set_count(block, at, line.count);
        pool_page::set_fingerprint(block, at, fingerprint);
        Ok(line.pbn.saturating_add(1))
    }

    fn wrong(&self, what: &str) -> Failure {
        Failure::new(format!(
            "line {} of the dump {what}: give what sparectl dump has written",
            self.number
        ))
    }
}

/// The page that lines speak of at the moment.
struct OpenPage<'a, 'b> {
    writer: &'a mut Writer,
    legs: &'a mut Legs<'b>,
    page: Option<(PageNumber, Box<Block>)>,
}

impl OpenPage<'_, '_> {
    fn open(&mut self, page: PageNumber) -> Result<&mut Block, Failure> {
        if self.page.as_ref().is_none_or(|(open, _)| *open != page) {
            self.close()?;
        }
        let (_, block) = self.page.get_or_insert_with(|| (page, blank()));
        Ok(block)
    }

    fn close(&mut self) -> Result<(), Failure> {
        match self.page.take() {
            Some((page, mut block)) => self.writer.write_page(page, &mut block, self.legs),
            None => Ok(()),
        }
    }
}

fn next_line<R: BufRead>(lines: &mut Lines<R>, number: u64) -> Result<Option<Line>, Failure> {
    let Some(text) = lines.next() else {
        return Ok(None);
    };
    let text = text.map_err(|error| {
        Failure::new(format!("line {number} of the dump cannot be read: {error}"))
    })?;
    serde_json::from_str(&text).map(Some).map_err(|error| {
        Failure::new(format!(
            "line {number} of the dump means nothing ({error}): give what sparectl dump has written"
        ))
    })
}
