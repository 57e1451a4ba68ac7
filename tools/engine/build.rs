// SPDX-License-Identifier: GPL-2.0-only

//! The feature `seeded-bugs` as the module's own files see it: a kernel's build knows no features.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_SEEDED_BUGS").is_some() {
        println!("cargo:rustc-cfg=seeded_bugs");
    }
}
