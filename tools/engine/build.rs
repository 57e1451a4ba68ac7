// SPDX-License-Identifier: GPL-2.0-only

//! Builds the engine with one bug on purpose, if the environment names one: `DM_SPARE_SEEDED_BUG`.

fn main() {
    println!("cargo:rerun-if-env-changed=DM_SPARE_SEEDED_BUG");
    if let Ok(name) = std::env::var("DM_SPARE_SEEDED_BUG") {
        if !name.is_empty() {
            println!("cargo:rustc-cfg=seeded_bug=\"{name}\"");
        }
    }
}
