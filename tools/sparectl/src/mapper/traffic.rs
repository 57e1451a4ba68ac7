// SPDX-License-Identifier: GPL-2.0-only

//! What the kernel's block layer counts of a mapped device.

use dm_spare_engine::SECTORS_PER_BLOCK;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Blocks of 4096 bytes that went through a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Traffic {
    /// Blocks that were read.
    pub read: u64,
    /// Blocks that were written; discards are none.
    pub written: u64,
}

impl Traffic {
    /// That of a mapped device; none where it has no node, or the kernel does not count.
    pub(super) fn of_device(name: &str) -> Option<Self> {
        let number = std::fs::metadata(Path::new("/dev/mapper").join(name))
            .ok()?
            .rdev();
        let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
        let text = std::fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/stat")).ok()?;
        Self::parse(&text)
    }

    /// Reads the kernel's file `stat`: of reads and then of writes, how many there were, were merged, their sectors of 512
    /// bytes, and their milliseconds.
    fn parse(text: &str) -> Option<Self> {
        let blocks = |place: usize| {
            let sectors: u64 = text.split_whitespace().nth(place)?.parse().ok()?;
            Some(sectors / SECTORS_PER_BLOCK)
        };
        Some(Self {
            read: blocks(2)?,
            written: blocks(6)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Traffic;

    #[test]
    fn sectors_become_blocks() {
        let line = "    44  0  352  0  13  0  104  4  0  4  4  1  0  8  0  0  0\n";
        let traffic = Traffic::parse(line).expect("traffic");
        assert_eq!((traffic.read, traffic.written), (44, 13));
        assert_eq!(Traffic::parse("1 2 3 4"), None);
        assert_eq!(Traffic::parse("1 2 x 4 5 6 7"), None);
    }
}
