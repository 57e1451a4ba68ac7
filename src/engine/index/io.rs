// SPDX-License-Identifier: GPL-2.0-only

//! Reads, writes and flushes of the index's area.

use super::extent::Extent;
use crate::engine::event::Token;

/// What an I/O does. Blocks are 4 KiB and count from the beginning of the index's area.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IoKind {
    /// Read into the memory's first blocks.
    Read {
        /// The first block.
        block: u64,
        /// How many; at most as many as the memory has room for.
        blocks: u32,
    },
    /// Write the memory's first blocks.
    Write {
        /// The first block.
        block: u64,
        /// How many; at most as many as the memory has room for.
        blocks: u32,
        /// Must be durable on completion.
        fua: bool,
    },
    /// Make all completed writes durable. Carries no memory.
    Flush,
}

/// An I/O; ends in a `Done` event of whoever asked, with the same token and memory.
#[derive(Debug)]
pub struct Io {
    /// Its name among those of whoever asked.
    pub token: Token,
    /// What to do.
    pub kind: IoKind,
    /// The memory, owned by the I/O until it ends.
    pub memory: Option<Extent>,
}
