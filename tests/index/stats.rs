// SPDX-License-Identifier: GPL-2.0-only

//! The counters that the test looks at.

use kernel::prelude::*;

use crate::{
    dm::Reply,
    target::index::IndexSnapshot, //
};

/// Writes one name and value a line.
pub(crate) fn write(snapshot: &IndexSnapshot, reply: &mut Reply<'_>) {
    let (zones, keeper) = (&snapshot.zones, &snapshot.keeper);
    for (name, value) in [
        ("entries", zones.entries),
        ("requests", zones.requests),
        ("posts_not_found", zones.posts_not_found),
        ("unavailable", zones.unavailable),
        ("discarded", zones.discarded),
        ("false_candidates", zones.false_candidates),
        ("pages_read", zones.pages_read),
        ("page_read_errors", zones.page_read_errors),
        ("invalid_pages", zones.invalid_pages),
        ("invalid_filters", zones.invalid_filters),
        ("segments_lost", zones.segments_lost),
        ("segments_without_memory", zones.segments_without_memory),
        ("cache_hits", zones.cache_hits),
        ("joined_reads", zones.joined_reads),
        ("chapters_filled", zones.chapters_filled),
        ("chapters_cut_short", zones.chapters_cut_short),
        ("restore_dropped", zones.restore_dropped),
        ("tail_dropped", zones.tail_dropped),
        ("expired_early", snapshot.expired_early),
    ] {
        reply.put(fmt!("{name} {value}\n"));
    }
    for (name, value) in [
        ("oldest", keeper.window.oldest.0),
        ("newest", keeper.window.newest.0),
        ("replayed", keeper.progress.done),
        ("chapters_written", keeper.statistics.chapters_written),
        ("records_written", keeper.statistics.records_written),
        ("records_dropped", keeper.statistics.records_dropped),
        ("images_written", keeper.statistics.images_written),
        ("blocks_written", keeper.statistics.blocks_written),
        ("blocks_read", keeper.statistics.blocks_read),
        ("headers_lost", keeper.statistics.headers_lost),
        ("read_errors", keeper.statistics.read_errors),
        ("saves", keeper.statistics.saves),
        ("discards", keeper.statistics.discards),
        ("memory_bytes", snapshot.memory_bytes),
    ] {
        reply.put(fmt!("{name} {value}\n"));
    }
}
