// SPDX-License-Identifier: GPL-2.0-only

//! Map and pool as lines.

use super::dump_line::{EndLine, Line, MapLine, PoolLine, VolumeLine};
use super::presence::{pool_pages, Presences};
use super::references::{entries, walk_map};
use super::view::View;
use super::Fault;
use crate::failure::Failure;
use dm_spare_engine::dedup::format::pool_page;
use dm_spare_engine::dedup::PageNumber;
use std::io::Write;

/// Writes lines, and counts.
struct Dumper<'a> {
    out: &'a mut dyn Write,
    /// The line that may yet be extended.
    open: Option<MapLine>,
    end: EndLine,
    failure: Option<Failure>,
}

/// Writes everything that a volume says of its blocks.
///
/// # Errors
///
/// The output cannot be written, or a page cannot be used: the last line is missing then.
pub fn dump(view: &mut View<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    let layout = view.layout;
    let mut dumper = Dumper {
        out,
        open: None,
        end: EndLine {
            mapped_blocks: 0,
            used_blocks: 0,
        },
        failure: None,
    };
    dumper.line(&Line::Volume(VolumeLine::of(&view.superblock)));
    let presences = presences(view)?;
    let mut pages = view.pages();
    walk_map(&mut pages, &presences, &mut |page, block, state| {
        if let Err(fault) = state {
            return dumper.page_is_damaged(layout.page_address(page), &fault);
        }
        for (lbn, entry) in entries(&layout, page, block) {
            if let Some(line) = entry.and_then(|entry| MapLine::of(lbn.0, entry)) {
                dumper.map(line);
            }
            if entry.is_some_and(|entry| entry.block().is_some()) {
                dumper.end.mapped_blocks = dumper.end.mapped_blocks.saturating_add(1);
            }
        }
    });
    dumper.close();
    let wanted = |page: PageNumber| presences.is_present(page);
    pages.visit(pool_pages(&layout), &wanted, &mut |page, block, state| {
        if let Err(fault) = state {
            return dumper.page_is_damaged(layout.page_address(page), &fault);
        }
        // CAST: at most 224.
        for index in 0..layout.pool_page_blocks(page) as usize {
            let count = pool_page::count(block, index);
            if count > 0 {
                let (pbn, fingerprint) = (
                    layout.pool_block(page, index),
                    pool_page::fingerprint(block, index),
                );
                dumper.line(&Line::Pool(PoolLine::of(pbn, count, fingerprint)));
                dumper.end.used_blocks = dumper.end.used_blocks.saturating_add(1);
            }
        }
    });
    if dumper.failure.is_none() {
        let end = dumper.end;
        dumper.line(&Line::End(end));
    }
    dumper.failure.map_or(Ok(()), Err)
}

fn presences(view: &mut View<'_>) -> Result<Presences, Failure> {
    view.presences().map_err(|fault: Fault| {
        Failure::new(format!(
            "the recovery has left no checkpoint ({fault}): report this"
        ))
    })
}

impl Dumper<'_> {
    fn map(&mut self, line: MapLine) {
        if self.open.as_mut().is_some_and(|open| open.extend(&line)) {
            return;
        }
        self.close();
        self.open = Some(line);
    }

    fn close(&mut self) {
        if let Some(line) = self.open.take() {
            self.line(&Line::Map(line));
        }
    }

    fn line(&mut self, line: &Line) {
        let written = serde_json::to_string(line)
            .map_err(Failure::from)
            .and_then(|text| Ok(writeln!(self.out, "{text}")?));
        if let Err(failure) = written {
            self.failure.get_or_insert(failure);
        }
    }

    fn page_is_damaged(&mut self, address: u64, fault: &Fault) {
        self.failure.get_or_insert_with(|| {
            Failure::new(format!(
                "the page in block {address} of main is {fault}: the dump is not whole; sparectl check names what is damaged, sparectl repair mends it"
            ))
        });
    }
}
