// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl index-geometry`: what a deduplication index of each size holds and takes.

use super::{Session, DONE};
use crate::cli::IndexGeometry;
use crate::failure::Failure;
use dm_spare_engine::index::{Geometry, MemorySize};
use dm_spare_engine::BLOCK_BYTES;
use serde::Serialize;
use std::fmt::Write as _;

/// MiB of memory of each size of dm-vdo's index for which figures are known, bytes of its volume index, and bytes that
/// it takes on the disk, dense and sparse. They follow from the formulas in drivers/md/dm-vdo/indexer of Linux 7.3.
const UDS: [(u32, [u64; 2], [u64; 2]); 8] = [
    (256, [208, 172], [2_781_704_192, 23_847_940_096]),
    (512, [416, 345], [5_596_770_304, 48_031_166_464]),
    (768, [624, 517], [8_411_828_224, 72_214_392_832]),
    (1024, [832, 689], [11_193_331_712, 96_062_033_920]),
    (2048, [1733, 1433], [22_512_553_984, 192_220_721_152]),
    (4096, [3601, 2974], [45_293_596_672, 384_651_997_184]),
    (8192, [7475, 6165], [91_141_550_080, 769_742_483_456]),
    (16384, [15495, 12765], [183_408_537_600, 1_540_378_144_768]),
];

/// One line of the table.
#[derive(Serialize)]
struct Row {
    memory_size: String,
    memory_size_mebibytes: u32,
    sparse: bool,
    records: u64,
    /// What may lie between two writes of the same block for the second to be found.
    window_bytes: u64,
    chapters: u64,
    sparse_chapters: u32,
    pages_of_a_chapter: u32,
    segments: u32,
    chapter_code_bits: u32,
    memory_bytes: u64,
    disk_bytes: u64,
    memory_bytes_of_a_record: f64,
    disk_bytes_of_a_record: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    uds: Option<Uds>,
}

/// The same of dm-vdo.
#[derive(Serialize)]
struct Uds {
    volume_index_bytes_of_a_record: f64,
    disk_bytes_of_a_record: f64,
}

/// Runs the command.
///
/// # Errors
///
/// The output cannot be written.
pub fn run(arguments: &IndexGeometry, session: &mut Session<'_>) -> Result<u8, Failure> {
    let rows: Vec<Row> = sizes(arguments.memory)
        .flat_map(|size| [false, true].map(|sparse| (size, sparse)))
        .filter(|(_, sparse)| *sparse || !arguments.sparse)
        .filter_map(|(size, sparse)| Some(row(size, &Geometry::of_size(size, sparse)?)))
        .collect();
    let text = if arguments.json {
        let mut text = serde_json::to_string(&rows)?;
        text.push('\n');
        text
    } else {
        table(&rows)
    };
    session.out.write_all(text.as_bytes())?;
    Ok(DONE)
}

/// Reads a memory size as the table line has it: `16M`, `0.25`, `4`.
///
/// # Errors
///
/// One sentence that names the sizes that there are.
pub fn parse_size(word: &str) -> Result<MemorySize, String> {
    let mebibytes = match word.strip_suffix(['M', 'm']) {
        Some(number) => number.parse().ok(),
        None => match word {
            "0.25" => Some(256),
            "0.5" => Some(512),
            "0.75" => Some(768),
            number => number
                .parse::<u32>()
                .ok()
                .and_then(|gibibytes| gibibytes.checked_mul(1024)),
        },
    };
    mebibytes
        .and_then(MemorySize::from_mebibytes)
        .ok_or_else(|| "use 16M, 32M, 64M, 128M, 0.25, 0.5, 0.75, or 1 to 1024 (GB)".to_owned())
}

/// The one size, or those that double from one to the next.
fn sizes(one: Option<MemorySize>) -> impl Iterator<Item = MemorySize> {
    MemorySize::all().filter(move |size| match one {
        Some(one) => *size == one,
        None => size.mebibytes().is_power_of_two() || size.mebibytes() == 768,
    })
}

fn row(size: MemorySize, geometry: &Geometry) -> Row {
    let records = geometry.records();
    let of_a_record = |bytes: u64| round(bytes as f64 / records as f64);
    let disk_bytes = geometry.disk_blocks() * BLOCK_BYTES as u64;
    let kind = usize::from(geometry.is_sparse());
    let uds = UDS
        .iter()
        .find(|(mebibytes, _, _)| *mebibytes == size.mebibytes());
    Row {
        memory_size: size.to_string(),
        memory_size_mebibytes: size.mebibytes(),
        sparse: geometry.is_sparse(),
        records,
        window_bytes: records * BLOCK_BYTES as u64,
        chapters: geometry.chapters,
        sparse_chapters: geometry.parameters.sparse_chapters,
        pages_of_a_chapter: geometry.parameters.pages,
        segments: geometry.index.segments(),
        chapter_code_bits: geometry.index.code_bits(),
        memory_bytes: geometry.memory_bytes(),
        disk_bytes,
        memory_bytes_of_a_record: of_a_record(geometry.memory_bytes()),
        disk_bytes_of_a_record: of_a_record(disk_bytes),
        uds: uds.map(|(mebibytes, index, disk)| {
            let factor = if geometry.is_sparse() { 10 } else { 1 };
            // UDS has 2^18 records, or ten times as many, for each MiB that is named.
            let records = (u64::from(*mebibytes) << 18) * factor;
            Uds {
                volume_index_bytes_of_a_record: round((index[kind] << 20) as f64 / records as f64),
                disk_bytes_of_a_record: round(disk[kind] as f64 / records as f64),
            }
        }),
    }
}

fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{:>8} {:>6} {:>14} {:>10} {:>8} {:>9} {:>9} {:>4} {:>10} {:>10} {:>9} {:>9} {:>13}",
        "memory",
        "kind",
        "records",
        "window",
        "chapters",
        "pages of",
        "segments",
        "code",
        "memory",
        "disk",
        "B memory",
        "B disk",
        "UDS: index,"
    );
    let _ = writeln!(
        text,
        "{:>8} {:>6} {:>14} {:>10} {:>8} {:>9} {:>9} {:>4} {:>10} {:>10} {:>9} {:>9} {:>13}",
        "size",
        "",
        "",
        "",
        "",
        "a chapter",
        "",
        "bits",
        "at most",
        "",
        "a record",
        "a record",
        "disk"
    );
    for row in rows {
        let uds = row.uds.as_ref().map(|uds| {
            format!(
                "{} {}",
                uds.volume_index_bytes_of_a_record, uds.disk_bytes_of_a_record
            )
        });
        let _ = writeln!(
            text,
            "{:>8} {:>6} {:>14} {:>10} {:>8} {:>9} {:>9} {:>4} {:>10} {:>10} {:>9} {:>9} {:>13}",
            row.memory_size,
            if row.sparse { "sparse" } else { "dense" },
            row.records,
            readable(row.window_bytes),
            row.chapters,
            row.pages_of_a_chapter,
            row.segments,
            row.chapter_code_bits,
            readable(row.memory_bytes),
            readable(row.disk_bytes),
            row.memory_bytes_of_a_record,
            row.disk_bytes_of_a_record,
            uds.unwrap_or_default()
        );
    }
    text
}

/// Two decimals.
fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Bytes in the largest unit of which there is at least one.
fn readable(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", units[unit])
}
