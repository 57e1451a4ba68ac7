// SPDX-License-Identifier: GPL-2.0-only

//! What must hold of the metadata on a spare, and what does not.
//!
//! Each rule looks at a [`Survey`] and names what breaks it. A deviation that a power cut leaves behind, and
//! that the next activation settles by itself, is a note; everything else is an error.

mod copies;
mod loader;
mod superblocks;
mod table;

use crate::storage::BlockSource;
use crate::survey::Survey;
use dm_spare_engine::dedup::Leg;
use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A power cut explains it; the next activation settles it.
    Note,
    /// Something is damaged, missing or contradictory.
    Error,
}

/// Something that a rule has found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The rule, by a short stable name.
    pub rule: &'static str,
    /// The copy of the metadata that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy: Option<u8>,
    /// The leg that the block is of, in dedup mode: `main` or `spare`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leg: Option<&'static str>,
    /// The block of the spare, or in dedup mode of either leg, that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<u64>,
    /// One sentence.
    pub text: String,
}

impl Finding {
    pub(crate) fn error(rule: &'static str, text: String) -> Self {
        Self {
            severity: Severity::Error,
            rule,
            copy: None,
            leg: None,
            block: None,
            text,
        }
    }

    fn at(self, copy: u8, block: u64) -> Self {
        Self {
            copy: Some(copy),
            block: Some(block),
            ..self
        }
    }

    fn at_block(self, block: u64) -> Self {
        Self {
            block: Some(block),
            ..self
        }
    }

    /// Names a block of a leg of dedup mode.
    pub(crate) fn on(self, leg: Leg, block: u64) -> Self {
        Self {
            leg: Some(match leg {
                Leg::Main => "main",
                Leg::Spare => "spare",
            }),
            ..self.at_block(block)
        }
    }

    /// Makes it a note when a power cut explains it.
    pub(crate) fn unless_explained(self, explained: bool) -> Self {
        Self {
            severity: if explained {
                Severity::Note
            } else {
                self.severity
            },
            ..self
        }
    }
}

/// The sizes of the main device, when it was named.
#[derive(Clone, Copy, Debug)]
pub struct MainSizes {
    /// Size in sectors.
    pub sectors: u64,
    /// Logical block in sectors.
    pub logical_block_sectors: u32,
}

/// Everything that is wrong with what a survey has found, in the order of the rules.
pub fn judge(survey: &Survey, main: Option<MainSizes>) -> Vec<Finding> {
    let mut findings = superblocks::judge(survey, main);
    if let Some(set) = &survey.set {
        copies::judge(set, &mut findings);
        table::judge(set, &mut findings);
    }
    findings
}

/// What the engine's own loader has against the spare, or reads differently than the survey. Reads `source` once more
/// and writes nothing.
pub fn judge_loading(
    survey: &Survey,
    main: Option<MainSizes>,
    source: &mut dyn BlockSource,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    loader::judge(survey, main, source, &mut findings);
    findings
}
