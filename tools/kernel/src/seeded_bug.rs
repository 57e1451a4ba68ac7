// SPDX-License-Identifier: GPL-2.0-only

//! Which of its seeded bugs the engine has in this process. No kernel has this; it is here because the engine itself
//! holds no global, and depends on nothing else.

use std::sync::OnceLock;

static WANTED: OnceLock<String> = OnceLock::new();

/// From now on the engine has the bug of this name. The first call counts.
pub fn want(name: String) {
    WANTED.get_or_init(|| name);
}

/// Whether it has the bug of this name.
#[inline]
pub fn is_wanted(name: &str) -> bool {
    WANTED.get().is_some_and(|wanted| wanted == name)
}
