// SPDX-License-Identifier: GPL-2.0-only

//! How long the lookup takes that every bio goes through.

use crate::set::{sizes, with_remaps};
use sparectl::host::Host;
use std::hint::black_box;
use std::time::Instant;

/// Blocks of main and of the spare.
const BLOCKS: u64 = 1 << 21;
/// Lookups of one round.
const LOOKUPS: u64 = 2_000_000;
/// Rounds, of which the median counts.
const ROUNDS: usize = 7;

/// Prints a list of {figure, unit, value} as JSON.
pub(crate) fn print() -> Result<(), String> {
    let mut figures = Vec::new();
    for (name, remaps) in [
        ("1 remap", 1u32),
        ("1,000 remaps", 1000),
        ("1,000,000 remaps", 1_000_000),
    ] {
        // Spread over all of main: what is looked up lies between them, or is one of them.
        let step = BLOCKS / u64::from(remaps);
        let lbns = (0..remaps).map(|index| u64::from(index) * step);
        let mut spare = with_remaps(sizes(BLOCKS, BLOCKS), lbns)?;
        let begin = Instant::now();
        let mut host =
            Host::new(sizes(BLOCKS, BLOCKS), &mut spare).map_err(|failure| failure.to_string())?;
        host.activate([0; 16])
            .map_err(|refusal| refusal.to_string())?;
        let load = begin.elapsed();
        if host.status().remapped != u64::from(remaps) {
            return Err(format!(
                "{} blocks are remapped, not {remaps}",
                host.status().remapped
            ));
        }
        let lookup = host.lookup();
        for (what, offset) in [("a remapped block", 0), ("a block beside it", 1)] {
            let mut rounds: Vec<f64> = (0..ROUNDS)
                .map(|round| {
                    let begin = Instant::now();
                    let mut index = round as u64;
                    for _ in 0..LOOKUPS {
                        // A full-period generator (Knuth, The Art of Computer Programming 2, section 3.2.1.2).
                        index = index
                            .wrapping_mul(6_364_136_223_846_793_005)
                            .wrapping_add(1);
                        let lbn = (index >> 33) % u64::from(remaps) * step + offset;
                        black_box(lookup.decide(black_box(lbn * 8), 8, false));
                    }
                    begin.elapsed().as_nanos() as f64 / LOOKUPS as f64
                })
                .collect();
            rounds.sort_by(f64::total_cmp);
            figures.push(serde_json::json!({
                "figure": format!("lookup of {what}, {name}, on the host"),
                "unit": "ns",
                "value": (rounds[ROUNDS / 2] * 10.0).round() / 10.0,
            }));
        }
        if remaps == 1_000_000 {
            figures.push(serde_json::json!({
                "figure": "load of 1,000,000 remaps from memory, on the host",
                "unit": "s",
                "value": (load.as_secs_f64() * 1000.0).round() / 1000.0,
            }));
        }
    }
    println!(
        "{}",
        serde_json::to_string_pretty(&figures).map_err(|error| error.to_string())?
    );
    Ok(())
}
