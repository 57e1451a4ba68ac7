// SPDX-License-Identifier: GPL-2.0-only

//! Whether stored blocks hold what their fingerprints say.

use super::pages::Pages;
use super::presence::{pool_pages, Presences};
use super::view::View;
use crate::storage::BlockSource;
use dm_spare_engine::dedup::format::pool_page;
use dm_spare_engine::dedup::{fingerprint, Fingerprint, PageNumber, Pbn};
use dm_spare_engine::{Block, BLOCK_BYTES};

/// Pool pages whose blocks are read before others are looked at.
const PAGES: u32 = 256;
/// Data blocks that are read at once: 1 MiB.
const RUN: usize = 256;

/// What is wrong with a block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DataFault {
    /// It cannot be read, and why.
    Unreadable(String),
    /// It holds something else.
    Other,
}

/// Reads every data block that is referred to. `wrong` is told of those that are not as they should be, `progress` how many
/// of `total` have been read.
pub fn verify(
    view: &mut View<'_>,
    presences: &Presences,
    total: u64,
    wrong: &mut dyn FnMut(Pbn, DataFault),
    progress: &mut dyn FnMut(u64, u64),
) {
    let secret = view.superblock.secret;
    let mut memory = vec![Block([0; BLOCK_BYTES]); RUN];
    let pages = pool_pages(&view.layout);
    let mut done = 0u64;
    for first in pages.clone().step_by(PAGES as usize) {
        let stored = stored(
            &mut view.pages(),
            presences,
            first..first.saturating_add(PAGES).min(pages.end),
        );
        let mut rest = &stored[..];
        while let Some((start, _)) = rest.first() {
            let count = (start.0..)
                .zip(rest)
                .take(RUN)
                .take_while(|(pbn, (found, _))| *pbn == found.0)
                .count();
            let (run, behind) = rest.split_at(count.min(rest.len()));
            rest = behind;
            let blocks = memory.get_mut(..run.len()).unwrap_or(&mut []);
            verify_run(view.main(), secret, run, blocks, wrong);
            done = done.saturating_add(run.len() as u64);
            progress(done, total);
        }
    }
}

/// The blocks of some pool pages that are referred to, and their fingerprints.
pub fn stored(
    pages: &mut Pages<'_>,
    presences: &Presences,
    range: std::ops::Range<u32>,
) -> Vec<(Pbn, Fingerprint)> {
    let layout = pages.layout();
    let mut stored = Vec::new();
    let wanted = |page: PageNumber| presences.is_present(page);
    pages.visit(range, &wanted, &mut |page, block, state| {
        if state.is_err() {
            return;
        }
        // CAST: at most 224.
        for index in 0..layout.pool_page_blocks(page) as usize {
            if pool_page::count(block, index) != 0 {
                let fingerprint = pool_page::fingerprint(block, index);
                stored.push((layout.pool_block(page, index), fingerprint));
            }
        }
    });
    stored
}

fn verify_run(
    main: &mut dyn BlockSource,
    secret: [u8; 16],
    run: &[(Pbn, Fingerprint)],
    blocks: &mut [Block],
    wrong: &mut dyn FnMut(Pbn, DataFault),
) {
    let Some((first, _)) = run.first() else {
        return;
    };
    let whole = main.read_blocks(first.0, blocks).is_ok();
    for ((pbn, expected), block) in run.iter().zip(blocks) {
        if !whole {
            if let Err(fault) = main.read_block(pbn.0, block) {
                wrong(*pbn, DataFault::Unreadable(fault.text));
                continue;
            }
        }
        if fingerprint(secret, block) != *expected {
            wrong(*pbn, DataFault::Other);
        }
    }
}
