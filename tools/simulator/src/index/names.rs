// SPDX-License-Identifier: GPL-2.0-only

//! Names of a test: strong ones, and weak ones that collide in every way.

use dm_spare_engine::index::{Data, Name, Pbn};

/// Where the few significant bits of a weak name lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Weakness {
    /// None: all bits are well mixed.
    Strong,
    /// The key has so many significant bits, at its upper end; the rest tells names apart.
    High(u32),
    /// The same, spread over the whole key.
    Spread(u32),
    /// The key has so many significant bits, at its lower end: all names share prefix, zone and bucket.
    Low(u32),
}

/// Well mixed bits (the finalizer of splitmix64).
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// Name number `number`.
pub fn name(number: u64, weakness: Weakness) -> Name {
    let strong = mix(number);
    let mask = |bits: u32| (1u64 << bits) - 1;
    let key = match weakness {
        Weakness::Strong => strong,
        Weakness::High(bits) => strong << (64 - bits),
        Weakness::Spread(bits) => mix(strong & mask(bits)),
        Weakness::Low(bits) => strong & mask(bits),
    };
    Name {
        key,
        rest: mix(!number),
    }
}

/// Data that tells its name and version.
pub fn data(number: u64, version: u64) -> Data {
    let pbn = ((mix(number) & ((1 << 24) - 1)) << 20) | (version & ((1 << 20) - 1));
    Data::new(Pbn(pbn), (version & 15) as u8).expect("44 and 4 bits")
}
