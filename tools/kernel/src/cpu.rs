// SPDX-License-Identifier: GPL-2.0-only

//! Processors: as many as there are, and a caller that is moved about among them all the time.

use core::cell::Cell;

const CPUS: u32 = 4;

/// How many processors there may be.
pub fn nr_cpu_ids() -> u32 {
    CPUS
}

/// The number of a processor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CpuId(u32);

std::thread_local! {
    static NEXT: Cell<u32> = const { Cell::new(0) };
}

impl CpuId {
    /// The processor that the caller runs on: another one at each call.
    pub fn current() -> Self {
        NEXT.with(|next| {
            let cpu = next.get();
            next.set((cpu + 1) % CPUS);
            Self(cpu)
        })
    }

    /// The number itself.
    pub fn as_u32(self) -> u32 {
        self.0
    }
}
