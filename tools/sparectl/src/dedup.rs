// SPDX-License-Identifier: GPL-2.0-only

//! Volumes of dedup mode, offline.
//!
//! | module | what it does |
//! |---|---|
//! | `host`, `index` | run the kernel module's engines on two legs: that of the volume, and that of its index |
//! | `sizes`, `table` | sizes of a volume, chosen or found, and how a table line names them |
//! | `survey`, `journal_survey` | what superblocks, checkpoints and journal say, leg by leg |
//! | `view` | main as it is once the journal was replayed, which happens in memory |
//! | `pages`, `presence` | pages of such a view, in runs; which of them there are |
//! | `references`, `recount` | references to data blocks, counted from the map, and compared with the pool |
//! | `data` | whether stored blocks hold what their fingerprints say |
//! | `rules` | what must hold of all that |
//! | `dump_line`, `dump`, `restore` | map and pool as lines of JSON, and back |
//! | `repair` | counts from the map, and what else can be made right |
//! | `writer` | writes pages, checkpoints and superblocks |

pub mod data;
pub mod dump;
pub mod dump_line;
pub mod host;
pub mod index;
pub mod journal_survey;
pub mod pages;
pub mod presence;
pub mod recount;
pub mod references;
pub mod repair;
pub mod restore;
pub mod rules;
pub mod sizes;
pub mod survey;
pub mod table;
pub mod view;
pub mod writer;

use dm_spare_engine::dedup::format::Invalid;
use std::fmt;

/// Why nothing of a block can be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It cannot be read, and why.
    Unreadable(String),
    /// It is not what belongs there.
    Invalid(Invalid),
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(text) => write!(out, "unreadable: {text}"),
            Self::Invalid(invalid) => write!(out, "{invalid}"),
        }
    }
}
