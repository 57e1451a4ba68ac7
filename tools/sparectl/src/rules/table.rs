// SPDX-License-Identifier: GPL-2.0-only

//! In the table every block exists on main, every slot is a slot, and no slot serves two blocks.

use super::Finding;
use crate::survey::SetSurvey;
use std::collections::BTreeMap;

pub(super) fn judge(set: &SetSurvey, findings: &mut Vec<Finding>) {
    for wrong in &set.table.wrong {
        findings.push(Finding::error("record", wrong.to_string()).at_block(wrong.block));
    }
    let mut owners = BTreeMap::new();
    for (lbn, entry) in &set.table.entries {
        let Some(slot) = entry.slot else {
            continue;
        };
        if let Some(other) = owners.insert(slot, lbn) {
            findings.push(
                Finding::error(
                    "slot-twice",
                    format!("slot {} serves both block {other} and block {lbn}", slot.0),
                )
                .at_block(slot.0.into()),
            );
        }
    }
    let entries = u64::try_from(set.table.entries.len()).unwrap_or(u64::MAX);
    if entries > set.layout.capacity {
        findings.push(Finding::error(
            "table-full",
            format!(
                "the table has {entries} entries, and this spare has room for {}",
                set.layout.capacity
            ),
        ));
    }
}
