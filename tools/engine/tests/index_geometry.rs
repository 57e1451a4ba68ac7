// SPDX-License-Identifier: GPL-2.0-only

//! Sizes and places of the index: every size that a user can name, and small ones as tests use them.

use dm_spare_engine::index::{
    Chapter, Geometry, Image, Layout, MemorySize, Page, Parameters, Segment, Window,
};
use dm_spare_engine::BLOCK_BYTES;
use proptest::prelude::*;

/// Bytes of memory that a record may take when the index is full, in hundredths.
const MEMORY_HUNDREDTHS: u64 = 330;
/// Bytes on the disk that a record may take.
const DISK_BYTES: u64 = 28;

fn geometry(size: MemorySize, sparse: bool) -> Geometry {
    Geometry::of_size(size, sparse).unwrap_or_else(|| panic!("{size} makes no index"))
}

/// Parameters of any index that there can be, but for the largest.
fn parameters() -> impl Strategy<Value = Parameters> {
    (1..5000u32, 1..3000u32, 0..3000u32, 1..100u32, 1..=10u32).prop_map(
        |(pages, dense_chapters, sparse_chapters, checkpoint_chapters, bucket_bits)| Parameters {
            pages,
            dense_chapters,
            sparse_chapters,
            checkpoint_chapters,
            bucket_bits,
        },
    )
}

#[test]
fn the_sizes_are_those_of_dm_vdo_and_smaller_ones() {
    assert_eq!(MemorySize::all().count(), 7 + 1024);
    for size in MemorySize::all() {
        assert_eq!(MemorySize::from_mebibytes(size.mebibytes()), Some(size));
    }
    for none in [0, 1, 15, 17, 48, 1023, 1025, 1536, 1025 * 1024] {
        assert_eq!(MemorySize::from_mebibytes(none), None);
    }
    let names: Vec<String> = MemorySize::all()
        .take(9)
        .map(|size| size.to_string())
        .collect();
    assert_eq!(
        names,
        ["16 MB", "32 MB", "64 MB", "128 MB", "0.25 GB", "0.5 GB", "0.75 GB", "1 GB", "2 GB"]
    );
}

#[test]
fn every_size_holds_what_it_promises_within_its_bounds() {
    for size in MemorySize::all() {
        let records = u64::from(size.mebibytes()) << 18;
        let dense = geometry(size, false);
        assert!(dense.records() >= records, "{size}");
        assert!(dense.memory_bytes() <= size.bytes(), "{size}");
        assert!(
            dense.memory_bytes() * 100 <= dense.records() * MEMORY_HUNDREDTHS,
            "{size}: {} bytes for {} records",
            dense.memory_bytes(),
            dense.records()
        );
        assert!(
            dense.disk_blocks() * BLOCK_BYTES as u64 <= dense.records() * DISK_BYTES,
            "{size}: {} blocks for {} records",
            dense.disk_blocks(),
            dense.records()
        );
        let sparse = geometry(size, true);
        assert_eq!(sparse.chapters, dense.chapters * 10);
        assert!(sparse.records() >= records * 10, "{size}");
        assert!(sparse.memory_bytes() <= size.bytes(), "{size}");
        assert!(
            sparse.disk_blocks() * BLOCK_BYTES as u64 <= sparse.records() * DISK_BYTES,
            "{size}"
        );
    }
}

#[test]
fn chapter_codes_tell_all_chapters_apart_that_the_volume_index_may_speak_of() {
    for size in MemorySize::all() {
        for geometry in [geometry(size, false), geometry(size, true)] {
            let parameters = geometry.parameters;
            let beside = u64::from(parameters.checkpoint_chapters) + 2;
            let dense = u64::from(parameters.dense_chapters) + beside;
            assert!(dense <= 1 << geometry.index.code_bits());
            if let Some(hooks) = geometry.hooks {
                assert!(geometry.chapters + beside <= 1 << hooks.code_bits());
                assert_eq!(hooks.segments(), geometry.index.segments());
            }
        }
    }
}

#[test]
fn a_restart_after_a_crash_reads_less_than_a_twentieth() {
    for size in MemorySize::all() {
        for geometry in [geometry(size, false), geometry(size, true)] {
            let layout = Layout::new(&geometry);
            let tail = u64::from(geometry.parameters.checkpoint_chapters) + 1;
            let pages = tail * u64::from(geometry.page_blocks);
            let (_, table) = layout.table();
            assert!((pages + table + 2) * 20 <= layout.blocks, "{size}");
        }
    }
}

#[test]
fn sixty_four_mebirecords() {
    let quarter = MemorySize::from_mebibytes(256).expect("a size");
    let dense = geometry(quarter, false);
    assert_eq!(dense.parameters.pages, 380);
    assert_eq!(dense.chapter_records, 69_920);
    assert_eq!(dense.chapters, 960);
    assert_eq!(dense.index.code_bits(), 10);
    assert_eq!(dense.header_blocks, 1);
    assert_eq!(dense.filter_blocks, 0);
    let sparse = geometry(quarter, true);
    assert_eq!(sparse.parameters.dense_chapters, 480);
    assert_eq!(sparse.index.code_bits(), 9);
    assert_eq!(sparse.filter_blocks, 35);
}

#[test]
fn old_chapters_of_a_sparse_index_are_sparse() {
    let parameters = Parameters {
        pages: 1,
        dense_chapters: 3,
        sparse_chapters: 4,
        checkpoint_chapters: 1,
        bucket_bits: 1,
    };
    let sparse = Geometry::new(parameters).expect("an index");
    let dense = Geometry::new(Parameters {
        dense_chapters: 7,
        sparse_chapters: 0,
        ..parameters
    })
    .expect("an index");
    for newest in 0..30 {
        let newest = Chapter(newest);
        let window = Window {
            oldest: sparse.oldest(newest),
            newest,
        };
        assert_eq!(window.chapters(), newest.0.min(7));
        for chapter in (0..40).map(Chapter) {
            let live = chapter.0 >= 1 && chapter <= newest && chapter.0 + 7 > newest.0;
            let old = chapter.0 + 3 <= newest.0;
            assert_eq!(window.contains(chapter), live);
            assert_eq!(sparse.is_sparse_chapter(&window, chapter), live && old);
            assert!(!dense.is_sparse_chapter(&window, chapter));
        }
    }
}

#[test]
fn the_newest_image_of_a_segment_follows_from_the_number_of_images() {
    let geometry = Geometry::new(Parameters {
        pages: 9,
        dense_chapters: 5,
        sparse_chapters: 0,
        checkpoint_chapters: 3,
        bucket_bits: 4,
    })
    .expect("an index");
    let layout = Layout::new(&geometry);
    let segments = geometry.index.segments();
    let mut newest = vec![None; segments as usize];
    for images in 0..5 * u64::from(segments) {
        for segment in 0..segments {
            let known = newest[segment as usize];
            assert_eq!(layout.newest_image(Segment(segment), images), known);
            // None is overwritten by those that are written with the next chapter.
            for later in images..images + geometry.chapter_images {
                assert!(known.is_none_or(|known| layout.image(known) != layout.image(Image(later))));
            }
        }
        newest[layout.segment(Image(images)).0 as usize] = Some(Image(images));
    }
}

#[test]
fn a_code_leads_back_to_the_chapter() {
    for bits in [2, 4, 10, 14] {
        for chapter in (1..70).chain((1 << bits) - 2..(1 << bits) + 3).map(Chapter) {
            for later in 0..(1u64 << bits).min(50) {
                let newest = Chapter(chapter.0 + later);
                assert_eq!(newest.newest_with(chapter.code(bits), bits), Some(chapter));
            }
        }
    }
    assert_eq!(Chapter(3).newest_with(Chapter(4).code(4), 4), None);
    assert_eq!(Chapter(3).newest_with(Chapter(0).code(4), 4), None);
}

/// Every block that has a purpose, with what it is for, in the order of the addresses.
fn all_blocks(geometry: &Geometry) -> Vec<(u64, String)> {
    let layout = Layout::new(geometry);
    let mut blocks = vec![(layout.save, "save".to_owned())];
    blocks.extend(
        layout
            .superblocks()
            .map(|block| (block, "super".to_owned())),
    );
    for slot in 0..geometry.slots {
        let chapter = Chapter(slot + geometry.slots);
        let parts = (0..geometry.header_blocks + 1).filter_map(|part| layout.header(chapter, part));
        blocks.extend(parts.map(|block| (block, format!("header {slot}"))));
        let pages =
            (0..geometry.page_blocks + 1).filter_map(|page| layout.page(chapter, Page(page)));
        blocks.extend(pages.map(|block| (block, format!("page {slot}"))));
        let filters =
            (0..geometry.filter_blocks + 1).filter_map(|index| layout.filter(chapter, index));
        blocks.extend(filters.map(|block| (block, format!("filter {slot}"))));
    }
    for image in 0..geometry.image_slots {
        let first = layout.image(Image(image + geometry.image_slots));
        let image_blocks = first..first + u64::from(geometry.image_blocks);
        blocks.extend(image_blocks.map(|block| (block, format!("image {image}"))));
    }
    let saved = (0..geometry.save_blocks + 1).filter_map(|index| layout.saved_page(index));
    blocks.extend(saved.map(|block| (block, "saved".to_owned())));
    blocks.sort();
    blocks
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_block_has_one_purpose(small in (1..5u32, 1..6u32, 0..6u32, 1..4u32, 1..=3u32)) {
        let (pages, dense_chapters, sparse_chapters, checkpoint_chapters, bucket_bits) = small;
        let geometry = Geometry::new(Parameters { pages, dense_chapters, sparse_chapters, checkpoint_chapters, bucket_bits })
            .expect("an index");
        let blocks = all_blocks(&geometry);
        for (expected, (block, purpose)) in blocks.iter().enumerate() {
            prop_assert_eq!(*block, expected as u64, "{}", purpose);
        }
        prop_assert_eq!(blocks.len() as u64, geometry.disk_blocks());
    }

    #[test]
    fn any_parameters_make_an_index_or_none(parameters in parameters()) {
        let Some(geometry) = Geometry::new(parameters) else {
            return Err(TestCaseError::fail(format!("{parameters:?} make no index")));
        };
        prop_assert!(geometry.memory_bytes() > 0);
        prop_assert!(geometry.image_slots >= u64::from(geometry.index.segments()) + geometry.chapter_images);
        let per_cycle = geometry.chapter_images * u64::from(parameters.checkpoint_chapters);
        prop_assert!(per_cycle >= u64::from(geometry.index.segments()));
    }

    #[test]
    fn absurd_parameters_make_none(pages: u32, dense_chapters: u32, sparse_chapters: u32, checkpoint_chapters: u32, bucket_bits: u32) {
        // No panic and no overflow; what is accepted has sizes.
        let parameters = Parameters { pages, dense_chapters, sparse_chapters, checkpoint_chapters, bucket_bits };
        if let Some(geometry) = Geometry::new(parameters) {
            prop_assert!(geometry.disk_blocks() > 0 && geometry.memory_bytes() > 0);
        }
    }
}

#[test]
fn parameters_at_their_limits_make_an_index_or_none() {
    for pages in [0, 1, 1 << 21, (1 << 21) + 1, u32::MAX] {
        for chapters in [0, 1, 1 << 12, 1 << 15, u32::MAX] {
            for bucket_bits in [0, 1, 10, 11, u32::MAX] {
                for checkpoint_chapters in [0, 1, 1 << 12, u32::MAX] {
                    let parameters = Parameters {
                        pages,
                        dense_chapters: chapters,
                        sparse_chapters: chapters,
                        checkpoint_chapters,
                        bucket_bits,
                    };
                    if let Some(geometry) = Geometry::new(parameters) {
                        assert!(geometry.disk_blocks() > 0 && geometry.memory_bytes() > 0);
                    }
                }
            }
        }
    }
}
