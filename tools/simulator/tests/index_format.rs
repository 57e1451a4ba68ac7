// SPDX-License-Identifier: GPL-2.0-only

//! The index on the disk: what an earlier build wrote is read, and nothing else is believed.

use dm_spare_engine::format::block_header::BlockKind;
use dm_spare_engine::index::format::{
    filter_page, ChapterPart, FilterPage, Header, ImageBlock, Invalid, Kind, Place, RecordPage,
    SaveHeader, SavedPage, Superblock,
};
use dm_spare_engine::index::{Layout, Page};
use dm_spare_simulator::fuzz::index_block::decode_and_encode;
use dm_spare_simulator::index_samples::{
    chapter_header, entries, geometry, image_header, parameters, records, samples, Sample, CHAPTER,
    GENERATION, UUID, WHOLE,
};
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/images/index")
}

fn kept(name: &str) -> Vec<u8> {
    let path = folder().join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn address(name: &str) -> u64 {
    let sample = samples().into_iter().find(|sample| sample.name == name);
    sample.expect("a sample of this name").address
}

fn place(name: &str) -> Place {
    Place {
        address: address(name),
        uuid: UUID,
    }
}

#[test]
fn the_same_blocks_are_written_as_ever() {
    for sample in samples() {
        assert!(
            kept(sample.name) == sample.block.0,
            "{} is written in another way: if that is meant, the version must change",
            sample.name
        );
    }
    let files = std::fs::read_dir(folder()).expect("the folder").count();
    assert_eq!(files, samples().len() + WHOLE.len());
}

#[test]
fn what_an_earlier_build_wrote_comes_out_of_the_encoders_again() {
    for sample in samples() {
        let again = decode_and_encode(sample.kind, &kept(sample.name), sample.address);
        let again = again.unwrap_or_else(|invalid| panic!("{} is {invalid}", sample.name));
        assert!(again.0[..] == kept(sample.name), "{}", sample.name);
    }
}

#[test]
fn what_an_earlier_build_wrote_means_what_it_meant() {
    let layout = Layout::new(&geometry());
    let bytes = kept("superblock");
    let superblock =
        Superblock::decode(&bytes, address("superblock"), crc32c::crc32c).expect("valid");
    assert_eq!(superblock.parameters, parameters());
    assert_eq!((superblock.uuid, superblock.generation), (UUID, GENERATION));
    assert_eq!((superblock.compatible, superblock.incompatible), (5, 0));
    assert!(superblock.geometry_known);

    let mut bounds = Vec::new();
    for (name, number) in [
        ("chapter-part-0", 0),
        ("chapter-part-1", 1),
        ("chapter-part-2", 2),
    ] {
        let bytes = kept(name);
        let part = ChapterPart::open(&bytes, &place(name), &layout, crc32c::crc32c).expect("valid");
        assert_eq!((part.header, part.part), (chapter_header(), number));
        bounds.extend(part.bounds());
    }
    assert!(bounds
        .into_iter()
        .eq((0..2009).map(|page| page * 2_000_000 + 7)));

    for (name, number, count) in [("record-page-full", 2, 184), ("record-page-part", 3, 50)] {
        let bytes = kept(name);
        let page = RecordPage::open(&bytes, &place(name), CHAPTER, Page(number), crc32c::crc32c)
            .expect("valid");
        assert!(page.records().eq(records(count)));
        assert!(records(count)
            .iter()
            .all(|(name, data)| page.find(*name) == Some(*data)));
    }

    let bytes = kept("filter-page");
    let page =
        FilterPage::open(&bytes, &place("filter-page"), CHAPTER, 1, crc32c::crc32c).expect("valid");
    for (index, count) in [184, 0, 1, 77].into_iter().enumerate() {
        assert!(records(count)
            .iter()
            .all(|(name, _)| page.may_contain(index, *name)));
    }
    assert_eq!(filter_page::place_of(Page(13)), (1, 2));

    for (name, part, start, length) in [("image-block-0", 0, 0, 4032), ("image-block-1", 1, 1, 180)]
    {
        let bytes = kept(name);
        let image = image_header().image;
        let block = ImageBlock::open(&bytes, &place(name), image, part, &layout, crc32c::crc32c)
            .expect("valid");
        assert_eq!(block.header, image_header());
        assert!(block
            .payload
            .iter()
            .copied()
            .eq((0..length).map(|index| (index * 7 + start) as u8)));
    }

    for (name, entries) in [("save-header", Some(150)), ("save-header-discarded", None)] {
        let header =
            SaveHeader::decode(&kept(name), &place(name), &layout, crc32c::crc32c).expect("valid");
        assert_eq!(header.generation, GENERATION);
        assert_eq!(header.saved.map(|saved| saved.entries), entries);
        assert!(header.saved.is_none_or(|saved| saved.pages == 2));
        assert!(header.saved.is_none_or(|saved| saved.chapter == CHAPTER));
    }

    let bytes = kept("saved-page");
    let page = SavedPage::open(&bytes, &place("saved-page"), GENERATION, 0, crc32c::crc32c)
        .expect("valid");
    assert!(page.entries().eq(entries(150)));
}

#[test]
fn a_changed_byte_is_noticed_wherever_it_is() {
    for sample in samples() {
        for at in 0..4096 {
            for change in [1, 0x80, 0xff] {
                let mut bytes = sample.block.0;
                bytes[at] ^= change;
                let decoded = decode_and_encode(sample.kind, &bytes, sample.address);
                assert!(decoded.is_err(), "byte {at} of {}", sample.name);
            }
        }
    }
}

/// Changes a byte and makes the checksum right: what is then believed must be harmless.
#[test]
fn a_changed_byte_with_a_right_checksum_breaks_nothing() {
    for sample in samples() {
        for at in (0..4096).filter(|at| !(4..8).contains(at)) {
            for change in [1, 0x80, 0xff] {
                let mut bytes = sample.block.0;
                bytes[at] ^= change;
                let sum = crc32c::crc32c(&bytes[8..]).to_le_bytes();
                bytes[4..8].copy_from_slice(&sum);
                let decoded = decode_and_encode(sample.kind, &bytes, sample.address);
                // Magic, kind, version, place; of superblocks any index is believed.
                let index = 32..if sample.kind == Kind::Superblock {
                    32
                } else {
                    48
                };
                let fixed = (0..4).contains(&at)
                    || (8..10).contains(&at)
                    || (16..24).contains(&at)
                    || index.contains(&at);
                assert!(decoded.is_err() || !fixed, "byte {at} of {}", sample.name);
            }
        }
    }
}

#[test]
fn half_a_block_and_no_block_are_noticed() {
    for sample in samples() {
        for length in [0, 1, 4, 47, 48, 512, 4095] {
            let decoded = decode_and_encode(sample.kind, &sample.block.0[..length], sample.address);
            assert_eq!(decoded.err(), Some(Invalid::NotOurs));
        }
        let mut torn = sample.block.0;
        torn[512..].fill(0xaa);
        let decoded = decode_and_encode(sample.kind, &torn, sample.address);
        assert_eq!(decoded.err(), Some(Invalid::Checksum), "{}", sample.name);
        let decoded = decode_and_encode(sample.kind, &[0; 4096], sample.address);
        assert_eq!(decoded.err(), Some(Invalid::Blank));
    }
}

fn open(sample: &Sample, kind: Kind, place: &Place) -> Option<Invalid> {
    Header::open(&sample.block.0, kind, place, crc32c::crc32c).err()
}

#[test]
fn a_block_from_elsewhere_is_noticed() {
    for sample in samples() {
        let address = sample.address;
        let place = Place {
            address,
            uuid: UUID,
        };
        assert_eq!(open(&sample, sample.kind, &place), None);
        let elsewhere = Place {
            address: address + 1,
            ..place
        };
        assert_eq!(
            open(&sample, sample.kind, &elsewhere),
            Some(Invalid::Address(address))
        );
        let foreign = Place {
            uuid: [1; 16],
            ..place
        };
        assert_eq!(open(&sample, sample.kind, &foreign), Some(Invalid::Foreign));
        for kind in Kind::ALL.iter().copied() {
            let code = sample.block.0[8];
            let expected = (kind != sample.kind).then_some(Invalid::Kind(code));
            assert_eq!(open(&sample, kind, &place), expected);
            assert_eq!(Kind::from_code(code), Some(sample.kind));
        }
        let sequence = u64::from_le_bytes(sample.block.0[24..32].try_into().expect("eight bytes"));
        let part = u32::from_le_bytes(sample.block.0[12..16].try_into().expect("four bytes"));
        let exactly = |sequence, part| {
            Header::open_exactly(
                &sample.block.0,
                sample.kind,
                &place,
                sequence,
                part,
                crc32c::crc32c,
            )
            .err()
        };
        assert_eq!(exactly(sequence, part), None);
        assert_eq!(
            exactly(sequence + 1, part),
            Some(Invalid::Sequence(sequence))
        );
        assert_eq!(exactly(sequence, part + 1), Some(Invalid::Field("part")));
    }
}

#[test]
fn a_superblock_fits_a_sector() {
    let sample = samples()
        .into_iter()
        .find(|sample| sample.kind == Kind::Superblock);
    let sample = sample.expect("a superblock");
    assert!(sample.block.0[512..].iter().all(|byte| *byte == 0));
}
