// SPDX-License-Identifier: GPL-2.0-only

//! Sets with as many remaps as one likes, made without moving any block.

use crate::memory::Memory;
use dm_spare_engine::format::header::FLAG_LAST;
use dm_spare_engine::format::table_block::{put_record, RECORDS_PER_BLOCK};
use dm_spare_engine::format::{Header, Kind, Layout, Record};
use dm_spare_engine::{Block, Lbn, Slot, BLOCK_BYTES, SECTORS_PER_BLOCK};
use sparectl::host::{Host, SetSizes};

/// Copies of the metadata.
const COPIES: u8 = 2;
/// A transaction beyond all those that formatting used.
const BASE: u64 = 1000;
/// Any number that no activation draws by chance.
const EPOCH: u64 = 0x006d_6561_7375_7265;

/// The sizes of a set over a main and a spare of as many blocks.
pub(crate) fn sizes(main_blocks: u64, spare_blocks: u64) -> SetSizes {
    SetSizes {
        main_sectors: main_blocks * SECTORS_PER_BLOCK,
        spare_sectors: spare_blocks * SECTORS_PER_BLOCK,
        main_logical_block_sectors: 1,
        spare_logical_block_sectors: 1,
        metadata_copies: Some(COPIES.into()),
    }
}

/// A spare whose table has every block of `lbns` in a slot: formatted by the engine, then given one more checkpoint.
pub(crate) fn with_remaps(
    sizes: SetSizes,
    lbns: impl ExactSizeIterator<Item = u64>,
) -> Result<Memory, String> {
    let mut memory = Memory::default();
    let uuid = [0x42; 16];
    let mut host = Host::new(sizes, &mut memory).map_err(|failure| failure.to_string())?;
    host.activate(uuid).map_err(|refusal| refusal.to_string())?;
    host.rest();
    let layout = Layout::new(sizes.spare_sectors / SECTORS_PER_BLOCK, COPIES)
        .ok_or("the spare is too small for the metadata")?;
    if lbns.len() as u64 > layout.capacity {
        return Err(format!(
            "a table of this spare has {} entries at most",
            layout.capacity
        ));
    }
    let slots = (0..u32::MAX).map(Slot).filter(|slot| layout.is_slot(*slot));
    let records: Vec<Record> = lbns
        .zip(slots)
        .map(|(lbn, slot)| Record {
            lbn: Lbn(lbn),
            slot: Some(slot),
            mask: 0,
        })
        .collect();
    let parts = records.chunks(RECORDS_PER_BLOCK).count();
    for (index, part) in records.chunks(RECORDS_PER_BLOCK).enumerate() {
        for copy in 0..COPIES {
            let mut block = Block([0; BLOCK_BYTES]);
            for (place, record) in part.iter().enumerate() {
                put_record(&mut block, place, record);
            }
            let address = layout
                .checkpoint(copy, 0, index as u64)
                .ok_or("the table does not fit")?;
            let header = Header {
                kind: Kind::Checkpoint,
                address,
                tid: BASE,
                uuid,
                epoch: EPOCH,
                sequence: EPOCH,
                index: index as u32,
                count: part.len() as u32,
                copy,
                copies: COPIES,
                members: (1 << COPIES) - 1,
                flags: if index + 1 == parts { FLAG_LAST } else { 0 },
            };
            header.seal(&mut block, crc32c::crc32c);
            memory.put(address, &block);
        }
    }
    Ok(memory)
}
