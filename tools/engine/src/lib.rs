// SPDX-License-Identifier: GPL-2.0-only

//! The engine of dm-spare as a host library: the very files that the kernel module compiles.

/// The module's source folder, so that the engine's own files find each other.
#[path = "../../../src"]
mod module {
    pub mod engine;
}

pub use module::engine::{self, *};

impl kernel::alloc::Zeroable for Block {
    fn zeroed() -> Self {
        Self([0; BLOCK_BYTES])
    }
}
