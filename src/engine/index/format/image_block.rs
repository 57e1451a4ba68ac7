// SPDX-License-Identifier: GPL-2.0-only

//! A block of the image of a segment. An image is used only if all its blocks are valid and say the same.

use super::header::{Header, Invalid, Kind, Place, HEADER_BYTES};
use crate::engine::block::Block;
use crate::engine::format::bytes::{get_u32, get_u64, put};
use crate::engine::format::Checksum;
use crate::engine::index::layout::Layout;
use crate::engine::index::units::{Chapter, Image, Segment};
use crate::engine::units::BLOCK_BYTES;

/// Where the payload begins.
const PAYLOAD: usize = HEADER_BYTES + 16;
/// Bytes of an image that one block holds: 63 cache lines.
pub const PAYLOAD_BYTES: usize = BLOCK_BYTES - PAYLOAD;

/// What is known of an image: every block of it says it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ImageHeader {
    /// The image.
    pub image: Image,
    /// The segment.
    pub segment: Segment,
    /// All chapters up to this one are in it.
    pub mark: Chapter,
    /// Bytes of the whole image.
    pub bytes: u32,
}

impl ImageHeader {
    /// Blocks of an image of so many bytes; at least one.
    pub fn blocks(bytes: u32) -> u32 {
        bytes.div_ceil(PAYLOAD_BYTES as u32).max(1)
    }

    /// Bytes of the image in block `part`.
    fn bytes_in(&self, part: u32) -> usize {
        let before = u64::from(part) * PAYLOAD_BYTES as u64;
        // CAST: at most PAYLOAD_BYTES.
        u64::from(self.bytes)
            .saturating_sub(before)
            .min(PAYLOAD_BYTES as u64) as usize
    }

    /// Makes a valid block of one whose [`payload_mut`] was filled.
    pub fn seal(&self, part: u32, place: Place, block: &mut Block, checksum: Checksum) {
        let used = self.bytes_in(part);
        if let Some(unused) = payload_mut(block).get_mut(used..) {
            unused.fill(0);
        }
        put(&mut block.0, HEADER_BYTES, &self.segment.0.to_le_bytes());
        put(&mut block.0, 52, &self.bytes.to_le_bytes());
        put(&mut block.0, 56, &self.mark.0.to_le_bytes());
        let header = Header {
            kind: Kind::ImageBlock,
            place,
            sequence: self.image.0,
            part,
            // CAST: at most PAYLOAD_BYTES.
            count: used as u16,
        };
        header.seal(block, checksum);
    }
}

/// The bytes of a block that an image may use.
pub fn payload_mut(block: &mut Block) -> &mut [u8] {
    let (_, payload) = block.0.split_at_mut(PAYLOAD);
    payload
}

/// A checked block of an image.
#[derive(Clone, Copy)]
pub struct ImageBlock<'a> {
    /// What the block says of the image.
    pub header: ImageHeader,
    /// The bytes of the image that it holds.
    pub payload: &'a [u8],
}

impl<'a> ImageBlock<'a> {
    /// Reads block `part` of an image, which was read from `place`.
    ///
    /// # Errors
    ///
    /// As [`Header::open_exactly`], and if the image cannot be one of this index.
    pub fn open(
        bytes: &'a [u8],
        place: &Place,
        image: Image,
        part: u32,
        layout: &Layout,
        checksum: Checksum,
    ) -> Result<Self, Invalid> {
        let block = Header::open_exactly(bytes, Kind::ImageBlock, place, image.0, part, checksum)?;
        let header = ImageHeader {
            image,
            segment: Segment(get_u32(bytes, HEADER_BYTES)),
            mark: Chapter(get_u64(bytes, 56)),
            bytes: get_u32(bytes, 52),
        };
        if header.segment != layout.segment(image) {
            return Err(Invalid::Field("segment"));
        }
        if header.mark.0 >= Chapter::LIMIT {
            return Err(Invalid::Field("newest chapter"));
        }
        let used = header.bytes_in(part);
        if ImageHeader::blocks(header.bytes) > layout.image_blocks()
            || usize::from(block.count) != used
        {
            return Err(Invalid::Field("number of bytes"));
        }
        let payload = bytes.get(PAYLOAD..PAYLOAD + used).unwrap_or(&[]);
        Ok(Self { header, payload })
    }
}
