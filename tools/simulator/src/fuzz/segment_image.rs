// SPDX-License-Identifier: GPL-2.0-only

//! Loading the image of a segment of the volume index.
//!
//! The input: one byte of which bit 0 makes what stands before the words right but for the number of entries, and bit 1
//! that number too; a byte each for the oldest and the newest chapter, and for the newest in the image; then the image.

use dm_spare_engine::index::volume_index::{
    LoadError, Shape, Tail, VolumeIndex, IMAGE_PREFIX_BYTES,
};
use dm_spare_engine::index::{Chapter, Segment, Window};
use kernel::alloc::flags::GFP_KERNEL;

const WORD_BYTES: usize = 8;

fn shape() -> Shape {
    Shape::new(20, 6, 2).expect("a small shape")
}

/// An index that expects its only segment.
fn absent(oldest: u64, newest: u64) -> VolumeIndex {
    let mut index = VolumeIndex::new(shape(), 0..1, GFP_KERNEL).expect("memory");
    index.set_window(Window {
        oldest: Chapter(oldest),
        newest: Chapter(newest),
    });
    index
}

/// An index of some chapters, filled so that its buckets have some or all of their words.
fn filled(chapters: u64, each: u64) -> VolumeIndex {
    let mut index = absent(1, 0);
    index
        .make_empty(Segment(0), &Tail::new(), GFP_KERNEL)
        .expect("memory");
    let mut key = 1u64;
    for chapter in 1..=chapters {
        index.prepare(each, GFP_KERNEL).expect("memory");
        index.set_window(Window {
            oldest: Chapter(1),
            newest: Chapter(chapter),
        });
        for _ in 0..each {
            key = key.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            // Without room it is left out, which is as good.
            let _ = index.insert(key, Chapter(chapter));
        }
    }
    index
}

fn image_of(index: &mut VolumeIndex) -> Vec<u8> {
    let mut image = vec![0; index.shape().image_bytes()];
    let length = index
        .image(Segment(0), &mut image)
        .expect("a resident segment");
    image.truncate(length);
    image
}

/// Loads any bytes; what is believed must be a segment like any other.
///
/// # Panics
///
/// If it is not.
pub fn run(data: &[u8]) {
    let [flags, oldest, newest, mark, bytes @ ..] = data else {
        return;
    };
    let mut image = bytes.to_vec();
    let words = image.len().saturating_sub(IMAGE_PREFIX_BYTES) / WORD_BYTES;
    let stride = words / shape().buckets();
    if flags & 1 != 0 && (1..=8).contains(&stride) {
        image.truncate(IMAGE_PREFIX_BYTES + stride * shape().buckets() * WORD_BYTES);
        let like = image_of(&mut filled(0, 0));
        image[..4].copy_from_slice(&like[..4]);
        image[4..8].copy_from_slice(&[stride as u8, 0, 0, 0]);
        image[12..16].fill(0);
    }
    if flags & 2 != 0 {
        correct_entries(&mut image);
    }
    let (oldest, newest) = (u64::from(*oldest), u64::from(*newest));
    let mut index = absent(oldest, newest);
    let mark = Chapter(u64::from(*mark));
    let loaded = match index.load_image(Segment(0), &image, mark, &Tail::new(), GFP_KERNEL) {
        Ok(loaded) => loaded,
        Err(LoadError::Damage(damage)) => {
            assert!(!damage.to_string().is_empty());
            assert!(!index.is_resident(0));
            assert_eq!(index.counters().damaged_images, 1);
            return;
        }
        Err(LoadError::Memory(_)) => panic!("there is memory"),
    };
    assert_eq!(loaded.entries, index.counters().entries);
    let window = index.window();
    let again = image_of(&mut index);
    let mut other = absent(window.oldest.0, window.newest.0);
    let twice = other
        .load_image(Segment(0), &again, window.newest, &Tail::new(), GFP_KERNEL)
        .expect("an image of its own");
    assert_eq!(twice.entries, loaded.entries);
    assert_eq!(image_of(&mut other), again);
    for number in 0..64u64 {
        let found = index.candidates(number << 58);
        assert_eq!(found, other.candidates(number << 58));
        assert!(found
            .as_slice()
            .iter()
            .all(|chapter| window.contains(*chapter)));
    }
    for number in 0..64u64 {
        // Some find no room.
        let _ = index.insert(number << 58, window.newest);
    }
}

/// Puts the number into an image by which it is right, if its words are those of buckets.
fn correct_entries(image: &mut [u8]) {
    // Each number is refused or is the right one; there are few.
    for entries in 0..=shape().segment_slots() as u32 {
        let Some(field) = image.get_mut(8..12) else {
            return;
        };
        field.copy_from_slice(&entries.to_le_bytes());
        let mut index = absent(1, 1);
        let loaded = index.load_image(Segment(0), image, Chapter(1), &Tail::new(), GFP_KERNEL);
        if loaded.is_ok() {
            return;
        }
    }
}

/// Images with no, some and all words, right and with a window that leaves some chapters out.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![vec![0, 1, 1, 1], vec![3, 1, 1, 1]];
    for (chapters, each) in [(0, 0), (1, 1), (3, 3), (10, 2), (20, 4), (40, 2)] {
        let image = image_of(&mut filled(chapters, each));
        // CAST: at most 40.
        let newest = chapters as u8;
        for start in [
            [0, 1, newest, newest],
            [3, 1, newest, newest],
            [0, newest / 2, newest, newest],
            [0, newest / 2, newest + 9, newest],
        ] {
            let mut seed = start.to_vec();
            seed.extend_from_slice(&image);
            seeds.push(seed);
        }
    }
    seeds
}
