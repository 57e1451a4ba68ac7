// SPDX-License-Identifier: GPL-2.0-only

//! What a recount has found, in sentences.

use crate::dedup::recount::{List, Miscount, Recount, WrongEntry, WrongPresence};
use crate::rules::Finding;
use dm_spare_engine::dedup::format::presence_page::Presence;
use dm_spare_engine::dedup::format::{Checkpoint, Layout, PageKind};
use dm_spare_engine::dedup::{Leg, PageNumber};

pub(super) fn judge(
    layout: &Layout,
    newest: &Checkpoint,
    found: &Recount,
    findings: &mut Vec<Finding>,
) {
    let place = |page| layout.page_address(page);
    all(&found.damaged, findings, |(page, fault)| {
        let rule = page_rule(layout, *page);
        let text = format!("{}: it is {fault}", speaks_of(layout, *page));
        (rule, place(*page), text)
    });
    all(&found.ahead, findings, |(page, lsn)| {
        let rule = page_rule(layout, *page);
        let text = format!(
            "{}: it holds what block {} of the journal says, and there is no such block yet",
            speaks_of(layout, *page),
            lsn.0
        );
        (rule, place(*page), text)
    });
    all(&found.presences_beyond, findings, |(page, beyond)| {
        let text = format!(
            "presence page {} says that there is page {}, and the volume has {}",
            page.0,
            beyond.0,
            layout.pages()
        );
        ("presence", place(*page), text)
    });
    all(&found.wrong_entries, findings, |wrong| {
        ("map-entry", place(wrong.page), entry_text(wrong))
    });
    all(&found.beyond, findings, |page| {
        let text = format!(
            "{}: it counts references to blocks behind the last one",
            speaks_of(layout, *page)
        );
        ("count-beyond", place(*page), text)
    });
    all(&found.miscounts, findings, |wrong| {
        let (rule, text) = miscount(wrong);
        (rule, place(wrong.page), text)
    });
    all(&found.wrong_presences, findings, |wrong| {
        ("presence", place(wrong.page), presence_text(layout, wrong))
    });
    let totals = [
        (
            "mapped-blocks",
            "mapped",
            newest.mapped_blocks,
            found.mapped,
            found.map_is_damaged,
        ),
        (
            "used-blocks",
            "used",
            newest.used_blocks,
            found.used,
            found.pool_is_damaged,
        ),
    ];
    for (rule, what, recorded, counted, is_unknown) in totals {
        if recorded != counted && !is_unknown {
            let text =
                format!("the checkpoint says that {recorded} blocks are {what}, and {counted} are");
            let block = Layout::checkpoint_address(newest.number);
            findings.push(Finding::error(rule, text).on(Leg::Main, block));
        }
    }
}

/// A finding for each thing of a list, and one for those that are not kept.
fn all<T>(
    list: &List<T>,
    findings: &mut Vec<Finding>,
    say: impl Fn(&T) -> (&'static str, u64, String),
) {
    for one in &list.kept {
        let (rule, block, text) = say(one);
        findings.push(Finding::error(rule, text).on(Leg::Main, block));
    }
    if let Some(last) = list.kept.last().filter(|_| list.more > 0) {
        let (rule, _, _) = say(last);
        let text = format!("{} more of this kind", list.more);
        findings.push(Finding::error(rule, text));
    }
}

fn page_rule(layout: &Layout, page: PageNumber) -> &'static str {
    match layout.page_kind(page) {
        Some(PageKind::Map) => "map-page",
        Some(PageKind::Presence) => "presence-page",
        _ => "pool-page",
    }
}

/// What a page is about, by block numbers.
fn speaks_of(layout: &Layout, page: PageNumber) -> String {
    if layout.page_kind(page) == Some(PageKind::Presence) {
        return format!("presence page {}", page.0);
    }
    if layout.page_kind(page) == Some(PageKind::Map) {
        let first = layout.first_lbn(page).0;
        let behind = layout.first_lbn(PageNumber(page.0.saturating_add(1))).0;
        let last = behind.min(layout.geometry.logical_blocks).saturating_sub(1);
        return format!("the map page of blocks {first} to {last} of the volume");
    }
    let first = layout.pool_block(page, 0).0;
    let last = first
        .saturating_add(layout.pool_page_blocks(page))
        .saturating_sub(1);
    format!("the pool page of blocks {first} to {last} of main")
}

fn entry_text(wrong: &WrongEntry) -> String {
    let lbn = wrong.lbn.0;
    match wrong.pbn {
        Some(pbn) => format!(
            "block {lbn} of the volume refers to block {} of main, which is no data block",
            pbn.0
        ),
        None => format!("block {lbn} of the volume has an entry that means nothing"),
    }
}

fn miscount(wrong: &Miscount) -> (&'static str, String) {
    let (pbn, count, references) = (wrong.pbn.0, wrong.count, wrong.references);
    let by = match wrong.lbn {
        Some(lbn) => format!(", by block {} of the volume first", lbn.0),
        None => String::new(),
    };
    if references == 0 {
        let text = format!("block {pbn} of main is not referred to, and has a count of {count}: it is lost for use");
        ("leak", text)
    } else if count == 0 {
        let text = format!(
            "block {pbn} of main counts as free, and is referred to {references} times{by}"
        );
        ("free-block", text)
    } else {
        let text = format!(
            "block {pbn} of main has a count of {count}, and is referred to {references} times{by}"
        );
        ("count", text)
    }
}

fn presence_text(layout: &Layout, wrong: &WrongPresence) -> String {
    let page = speaks_of(layout, wrong.page);
    let says = match wrong.presence {
        Presence::Full => "is noted as full",
        Presence::Present => "is not noted as full",
        Presence::Absent => "is noted as absent",
    };
    match layout.page_kind(wrong.page) {
        Some(PageKind::Pool) => format!(
            "{page} {says}, and {} of its {} blocks are used",
            wrong.used,
            layout.pool_page_blocks(wrong.page)
        ),
        _ => format!("{page} {says}, which only pool pages can be"),
    }
}
