// SPDX-License-Identifier: GPL-2.0-only

//! What is counted.

use super::request::{Answer, Place, RequestKind};

/// Everything that one zone counts since its construction; [`add`](Self::add) makes the sum of several.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Statistics {
    /// Entries that the volume index has now, of live chapters.
    pub entries: u64,
    /// Requests answered, those that were not served left out.
    pub requests: u64,
    /// Posts of known names.
    pub posts_found: u64,
    /// Posts of new names.
    pub posts_not_found: u64,
    /// Of the known ones, in the open chapter.
    pub posts_found_open: u64,
    /// Of the known ones, in a dense chapter.
    pub posts_found_dense: u64,
    /// Of the known ones, in a sparse chapter.
    pub posts_found_sparse: u64,
    /// Updates of known names.
    pub updates_found: u64,
    /// Updates of new names.
    pub updates_not_found: u64,
    /// Deletions of known names.
    pub deletions_found: u64,
    /// Deletions of unknown names.
    pub deletions_not_found: u64,
    /// Queries, with or without update, of known names.
    pub queries_found: u64,
    /// Queries of unknown names.
    pub queries_not_found: u64,
    /// Requests that were not served.
    pub unavailable: u64,
    /// Times that the volume index pointed to a chapter which turned out not to hold the name: another name of it
    /// collides with this one there.
    pub false_candidates: u64,
    /// Records that the volume index had no room for.
    pub discarded: u64,
    /// Record pages read.
    pub pages_read: u64,
    /// Record pages that could not be read.
    pub page_read_errors: u64,
    /// Blocks that were read and are damaged, or belong elsewhere.
    pub invalid_pages: u64,
    /// Filters of old chapters that could not be read, or are damaged.
    pub invalid_filters: u64,
    /// Segments of the volume index that could not be loaded, and lost their entries.
    pub segments_lost: u64,
    /// Segments for which there was no memory.
    pub segments_without_memory: u64,
    /// Lookups that found their page in the page cache.
    pub cache_hits: u64,
    /// Requests that joined a read which another had begun.
    pub joined_reads: u64,
    /// Chapters closed because this zone's share was full.
    pub chapters_filled: u64,
    /// Chapters closed because another zone's was.
    pub chapters_cut_short: u64,
    /// Records of a saved open chapter for which there was no room any more.
    pub restore_dropped: u64,
    /// Records of the newest chapters that were left out of the volume index while it was loaded, for lack of memory.
    pub tail_dropped: u64,
}

impl Statistics {
    /// Counts an answered request.
    pub(super) fn count(&mut self, kind: RequestKind, answer: Answer) {
        let found = match answer {
            Answer::Unavailable(_) => {
                self.unavailable += 1;
                return;
            }
            Answer::Found { place, .. } => Some(place),
            Answer::Absent => None,
        };
        self.requests += 1;
        let counter = match (kind, found) {
            (RequestKind::Post(_), Some(place)) => {
                self.posts_found += 1;
                match place {
                    Place::Open => &mut self.posts_found_open,
                    Place::Dense => &mut self.posts_found_dense,
                    Place::Sparse => &mut self.posts_found_sparse,
                }
            }
            (RequestKind::Post(_), None) => &mut self.posts_not_found,
            (RequestKind::Update(_), Some(_)) => &mut self.updates_found,
            (RequestKind::Update(_), None) => &mut self.updates_not_found,
            (RequestKind::Delete, Some(_)) => &mut self.deletions_found,
            (RequestKind::Delete, None) => &mut self.deletions_not_found,
            (RequestKind::Query | RequestKind::Peek, Some(_)) => &mut self.queries_found,
            (RequestKind::Query | RequestKind::Peek, None) => &mut self.queries_not_found,
        };
        *counter += 1;
    }

    /// Adds what another zone has counted.
    pub fn add(&mut self, other: &Self) {
        self.entries += other.entries;
        self.requests += other.requests;
        self.posts_found += other.posts_found;
        self.posts_not_found += other.posts_not_found;
        self.posts_found_open += other.posts_found_open;
        self.posts_found_dense += other.posts_found_dense;
        self.posts_found_sparse += other.posts_found_sparse;
        self.updates_found += other.updates_found;
        self.updates_not_found += other.updates_not_found;
        self.deletions_found += other.deletions_found;
        self.deletions_not_found += other.deletions_not_found;
        self.queries_found += other.queries_found;
        self.queries_not_found += other.queries_not_found;
        self.unavailable += other.unavailable;
        self.false_candidates += other.false_candidates;
        self.discarded += other.discarded;
        self.pages_read += other.pages_read;
        self.page_read_errors += other.page_read_errors;
        self.invalid_pages += other.invalid_pages;
        self.invalid_filters += other.invalid_filters;
        self.segments_lost += other.segments_lost;
        self.segments_without_memory += other.segments_without_memory;
        self.cache_hits += other.cache_hits;
        self.joined_reads += other.joined_reads;
        self.chapters_filled += other.chapters_filled;
        self.chapters_cut_short += other.chapters_cut_short;
        self.restore_dropped += other.restore_dropped;
        self.tail_dropped += other.tail_dropped;
    }
}
