// SPDX-License-Identifier: GPL-2.0-only

//! Sparse patches over an image: the fuzzer's bytes read as a program.
//!
//! Each patch may be sealed, so that what it says is believed and deep states are reached, and may go to the same
//! place of every copy.

use super::{base::Base, seal};
use crate::disk::{Disk, Sector};

/// Most patches of one input.
const PATCHES_MAXIMUM: usize = 24;

/// Bytes, taken from the front; zeros behind the end.
struct Source<'a>(&'a [u8]);

impl Source<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    fn number(&mut self, bytes: usize) -> u64 {
        (0..bytes).fold(0, |number, _| (number << 8) | u64::from(self.byte()))
    }
}

/// Applies the patches to the disks of a base; `spare` is its spare.
pub(super) fn apply(base: &Base, spare: &mut Disk, main: &mut Disk, data: &[u8]) {
    let mut source = Source(data);
    for _ in 0..PATCHES_MAXIMUM {
        if source.0.is_empty() {
            return;
        }
        let what = source.byte();
        let copy = source.byte();
        let layout = &base.layout;
        let inside = u64::from(source.byte()) % layout.copy_blocks();
        if what & 0x80 != 0 {
            main.make_unreadable(inside % base.settings.main_sectors);
            continue;
        }
        // Bit 6: on every copy. Bit 5: sealed.
        let copies = if what & 0x40 != 0 {
            0..layout.copies
        } else {
            let one = copy % layout.copies;
            one..one + 1
        };
        let rest = source.0;
        for copy in copies {
            source.0 = rest;
            let block = layout.superblock(copy) + inside;
            let mut bytes = read(spare, block);
            match what % 8 {
                0 => field(&mut bytes, &mut source),
                1 => record(&mut bytes, &mut source),
                2 => {
                    for _ in 0..=source.byte() % 16 {
                        let at = source.number(2) as usize % bytes.len();
                        bytes[at] = source.byte();
                    }
                }
                3 => {
                    // Another block of the copy, which then says that it belongs here.
                    let from = u64::from(source.byte()) % layout.copy_blocks();
                    bytes = read(spare, layout.superblock(copy) + from);
                    bytes[16..24].copy_from_slice(&block.to_le_bytes());
                    if source.byte() & 1 != 0 {
                        field(&mut bytes, &mut source);
                    }
                }
                4 => bytes.fill(0),
                5 => {
                    let sector = block * 8 + u64::from(source.byte() % 8);
                    spare.make_unreadable(sector);
                    continue;
                }
                6 => {
                    spare.unwritable.insert(block * 8);
                    continue;
                }
                _ => {
                    // One record more than there is room for, and others near the limit.
                    let count = u32::from(source.byte());
                    bytes[68..72].copy_from_slice(&count.to_le_bytes());
                }
            }
            if what & 0x20 != 0 {
                seal(&mut bytes);
            }
            write(spare, block, &bytes);
        }
    }
}

/// Changes one field of the header, or of what follows in a superblock.
fn field(bytes: &mut [u8], source: &mut Source<'_>) {
    const FIELDS: [(usize, usize); 22] = [
        (0, 8),
        (12, 2),
        (14, 2),
        (16, 8),
        (24, 8),
        (32, 8),
        (48, 8),
        (56, 8),
        (64, 4),
        (68, 4),
        (72, 1),
        (73, 1),
        (74, 1),
        (75, 1),
        (96, 8),
        (104, 8),
        (112, 8),
        (120, 4),
        (124, 4),
        (128, 8),
        (136, 8),
        (76, 8),
    ];
    let (at, length) = FIELDS[usize::from(source.byte()) % FIELDS.len()];
    let how = source.byte();
    let old = bytes[at..at + length]
        .iter()
        .rev()
        .fold(0u64, |number, byte| (number << 8) | u64::from(*byte));
    let new = match how % 4 {
        0 => old.wrapping_add(u64::from(how / 4)),
        1 => old.wrapping_sub(u64::from(how / 4)),
        2 => 1u64.rotate_left(u32::from(how / 4)),
        _ => source.number(length),
    };
    bytes[at..at + length].copy_from_slice(&new.to_le_bytes()[..length]);
}

/// Changes or adds a record.
fn record(bytes: &mut [u8], source: &mut Source<'_>) {
    let index = usize::from(source.byte()) % 250;
    let at = 96 + index * 16;
    bytes[at..at + 8].copy_from_slice(&source.number(2).to_le_bytes());
    bytes[at + 8..at + 12].copy_from_slice(&(source.number(2) as u32).to_le_bytes());
    bytes[at + 12..at + 16].copy_from_slice(&[source.byte(), 1, 0, 0]);
    let count = u32::from_le_bytes([bytes[68], bytes[69], bytes[70], bytes[71]]);
    if source.byte() & 1 != 0 {
        // CAST: at most 250.
        bytes[68..72].copy_from_slice(&count.max(index as u32 + 1).to_le_bytes());
    }
}

fn read(spare: &Disk, block: u64) -> Vec<u8> {
    (block * 8..block * 8 + 8)
        .flat_map(|at| spare.durable(at).to_vec())
        .collect()
}

fn write(spare: &mut Disk, block: u64, bytes: &[u8]) {
    spare.damage(block * 8..block * 8 + 8, |at| {
        let from = (at % 8) as usize * 512;
        let mut content = [0; 512];
        content.copy_from_slice(&bytes[from..from + 512]);
        Sector::new(content)
    });
}
