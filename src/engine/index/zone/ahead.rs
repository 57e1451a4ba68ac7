// SPDX-License-Identifier: GPL-2.0-only

//! What is found out about requests before they are worked on, so that waits for memory overlap and nothing is
//! looked for twice.

use super::Zone;
use crate::engine::index::page_cache::PageKey;
use crate::engine::index::request::Request;
use crate::engine::index::volume_index::Candidates;

/// Requests that are looked at together: about as many as it takes to keep the processor's loads from memory busy.
pub(super) const REQUESTS: usize = 32;

/// What is known already when a search begins.
#[derive(Clone, Copy)]
pub(super) enum Known {
    Nothing,
    /// What the volume index says, as it is now.
    Candidates(Candidates),
    /// The page that the request waited for has come to this slot of the cache.
    Page(usize, PageKey),
}

impl Zone {
    /// Looks at up to [`REQUESTS`] requests; the version of the volume index that [`known`](Self::known) is to be asked
    /// with about them.
    ///
    /// Two rounds: what the first reads follows from the names alone, what the second reads from the first. The loads
    /// of a round do not depend on each other, so the memory answers them all at once.
    pub(super) fn look_ahead(&mut self, requests: &[Request]) -> u64 {
        let mut touched = 0;
        for request in requests {
            touched ^= self.open.touch(request.name);
            touched ^= self.names.touch(request.name);
            if let Some(closing) = &self.closing {
                touched ^= closing.touch(request.name);
            }
        }
        for (request, ahead) in requests.iter().zip(self.ahead.iter_mut()) {
            *ahead = self.names.candidates(request.name);
            if let Some(newest) = ahead.as_slice().first() {
                touched ^= u64::from(self.bounds.touch(*newest, request.name));
            }
        }
        self.touched ^= touched;
        self.names.version()
    }

    /// What is known about a request from when it was looked at.
    pub(super) fn known(&self, index: usize, version: u64) -> Known {
        match self.ahead.get(index) {
            Some(candidates) if self.names.version() == version => Known::Candidates(*candidates),
            _ => Known::Nothing,
        }
    }
}
