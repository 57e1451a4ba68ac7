// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl create` of volumes of dedup mode: the table that is made, and what is refused before the kernel is asked.

use crate::dedup_images::DedupImages;
use crate::fake::Fake;
use crate::images::{sparectl, stderr, text, Images};
use dm_spare_engine::dedup::format::Geometry;
use dm_spare_engine::dedup::{index_geometry, Leg};
use dm_spare_engine::Block;
use sparectl::volume_size::parse_volume_size;

const UUID: &str = "6f0d6a2c-8a0e-4b1f-9d55-0f3f4be0c111";
const OTHER: &str = "11111111-2222-3333-4444-555555555555";
/// 64 MiB: the smallest main.
const MAIN_BLOCKS: u64 = 16384;

/// Blank images; only their sizes matter.
fn blank(main_blocks: u64) -> DedupImages {
    DedupImages::blank(Geometry {
        main_blocks,
        logical_blocks: main_blocks,
        journal_blocks: 256,
        index_blocks: 0,
    })
}

/// A volume as `sparectl format` makes it.
fn formatted(main_blocks: u64, uuid: &str, more: &[&str]) -> DedupImages {
    let images = blank(main_blocks);
    let options = [&["--mode", "dedup", "--uuid", uuid], more].concat();
    let output = images.run_on_both("format", &options);
    assert!(output.status.success(), "{}", stderr(&output));
    images
}

/// Creates `vol` of a main and a spare; the table line behind the legs, or the refusal.
fn create(main: &DedupImages, spare: &DedupImages, more: &[&str]) -> Result<String, String> {
    let (main, spare) = (main.path(Leg::Main), spare.path(Leg::Spare));
    let fake = Fake::default();
    let line = [&["create", "vol", text(&main), text(&spare)], more].concat();
    match fake.run(&line) {
        Ok((_, said)) => {
            assert!(said.starts_with("/dev/mapper/vol: ok, "), "{said}");
            let asked = fake.asked();
            let (main, spare) = (
                main.canonicalize().expect("main"),
                spare.canonicalize().expect("spare"),
            );
            let legs = format!("{} {} ", main.display(), spare.display());
            assert_eq!(asked.len(), 1, "{asked:?}");
            assert!(asked[0].contains(&legs), "{asked:?}");
            Ok(asked[0].replace(&legs, ""))
        }
        Err(failure) => {
            assert_eq!(fake.asked(), Vec::<String>::new(), "{failure}");
            Err(failure.to_string())
        }
    }
}

#[test]
fn blank_legs_get_the_sizes_that_format_chooses() {
    let images = blank(MAIN_BLOCKS);
    assert_eq!(
        create(&images, &images, &["--mode", "dedup"]).expect("success"),
        "create vol: 0 131072 spare 6 mode dedup journal_mb 1 index_memory 0"
    );
    let large = blank(index_geometry(16).expect("a size").disk_blocks() * 16);
    let line = create(&large, &large, &["--mode", "dedup"]).expect("success");
    assert!(line.ends_with(" index_memory 16"), "{line}");
}

#[test]
fn the_table_line_names_everything_that_was_asked() {
    let images = blank(MAIN_BLOCKS * 4);
    let options = [
        "--mode",
        "dedup",
        "--size",
        "1G",
        "--cache-mb",
        "128",
        "--journal-mb",
        "3",
        "--commit-ms",
        "50",
        "--low-water",
        "1000",
        "--check-reads",
        "--index-memory",
        "16",
    ];
    assert_eq!(
        create(&images, &images, &options).expect("success"),
        "create vol: 0 2097152 spare 14 mode dedup cache_mb 128 commit_ms 50 low_water 1000 check_reads on journal_mb 3 index_memory 16"
    );
}

#[test]
fn what_is_active_is_said_in_terms_of_the_mode() {
    let images = blank(MAIN_BLOCKS);
    let (main, spare) = (images.path(Leg::Main), images.path(Leg::Spare));
    let (_, said) = Fake::default()
        .run(&[
            "create",
            "vol",
            text(&main),
            text(&spare),
            "--mode",
            "dedup",
        ])
        .expect("success");
    assert_eq!(
        said,
        "/dev/mapper/vol: ok, 131072 sectors, 4000 of 26214400 blocks mapped, 2000 of 26102334 used, saving 50%, index open\n"
    );
}

#[test]
fn a_volume_tells_its_mode_and_its_sizes() {
    let more = [
        "--size",
        "200M",
        "--journal-mb",
        "2",
        "--index-memory",
        "16",
    ];
    let images = formatted(MAIN_BLOCKS * 4, UUID, &more);
    let expected =
        "create vol: 0 409600 spare 6 mode dedup journal_mb 2 index_memory 16".to_owned();
    for options in [
        &[][..],
        &["--mode", "dedup"],
        &["--uuid", UUID],
        &["--size", "409600s"],
        &["--journal-mb", "2", "--index-memory", "16"],
    ] {
        assert_eq!(create(&images, &images, options).as_ref(), Ok(&expected));
    }
    // One superblock is enough: whether the other leg does, is the kernel's to say.
    for leg in Leg::BOTH {
        let superblock = images.read(leg, 0);
        images.damage(leg, 0);
        assert_eq!(create(&images, &images, &[]).as_ref(), Ok(&expected));
        images.clear(leg, 0);
        assert_eq!(create(&images, &images, &[]).as_ref(), Ok(&expected));
        images.write(leg, 0, &superblock);
    }
}

#[test]
fn a_length_of_the_journal_that_has_no_name_is_left_to_the_module() {
    let images = DedupImages::blank(crate::dedup_images::GEOMETRY);
    drop(crate::dedup_driver::Driver::new(&images));
    assert_eq!(
        create(&images, &images, &[]).expect("success"),
        "create vol: 0 24000 spare 4 mode dedup index_memory 0"
    );
    let refusal = create(&images, &images, &["--journal-mb", "1"]).expect_err("a refusal");
    assert!(
        refusal.contains("a journal of 64 blocks of 4 KiB"),
        "{refusal}"
    );
}

#[test]
fn other_sizes_than_the_volumes_are_refused() {
    let images = formatted(MAIN_BLOCKS * 4, UUID, &["--index-memory", "16"]);
    for (options, part) in [
        (
            ["--size", "100G"],
            "has 524288 sectors, and --size says 209715200 sectors: leave --size out",
        ),
        (
            ["--journal-mb", "7"],
            "has a journal of 1024 blocks of 4 KiB, and --journal-mb says 7 MiB",
        ),
        (
            ["--index-memory", "0"],
            "has an index of 16 MiB of memory, and --index-memory says 0 MiB",
        ),
        (["--uuid", OTHER], "not of 11111111-2222-"),
    ] {
        let refusal = create(&images, &images, &options).expect_err(part);
        assert!(
            refusal.contains(part) && refusal.contains(UUID),
            "`{refusal}` for {options:?}"
        );
    }
}

#[test]
fn legs_that_are_no_pair_are_refused() {
    let one = formatted(MAIN_BLOCKS, UUID, &[]);
    let other = formatted(MAIN_BLOCKS, OTHER, &[]);
    let refusal = create(&one, &other, &[]).expect_err("two volumes");
    assert!(
        refusal.contains("name the two that belong together") && refusal.contains(OTHER),
        "{refusal}"
    );
    let (main, spare) = (one.path(Leg::Main), one.path(Leg::Spare));
    let exchanged = Fake::default()
        .run(&["create", "vol", text(&spare), text(&main)])
        .expect_err("exchanged");
    assert!(
        exchanged.to_string().contains("exchange them"),
        "{exchanged}"
    );
    one.damage(Leg::Main, 0);
    one.damage(Leg::Spare, 0);
    let refusal = create(&one, &one, &[]).expect_err("no superblock");
    assert!(
        refusal.contains("no superblock of the volume can be used"),
        "{refusal}"
    );
}

#[test]
fn what_cannot_be_formatted_is_refused() {
    let images = blank(MAIN_BLOCKS);
    for (options, part) in [
        (["--index-memory", "17"], "there is no index of 17 MiB"),
        (["--index-memory", "16"], "too small or too large"),
        (["--size", "1K"], "give a multiple of 8"),
        (["--uuid", UUID], "neither device is of volume 6f0d6a2c-"),
    ] {
        let refusal = create(
            &images,
            &images,
            &[&["--mode", "dedup"][..], &options].concat(),
        )
        .expect_err(part);
        assert!(refusal.contains(part), "`{refusal}` for {options:?}");
    }
    let small = blank(MAIN_BLOCKS - 1);
    let refusal = create(&small, &small, &["--mode", "dedup"]).expect_err("too small");
    assert!(refusal.contains("main needs at least 131072"), "{refusal}");
    for leg in Leg::BOTH {
        images.write(leg, 0, &Block([7; 4096]));
        let refusal = create(&images, &images, &["--mode", "dedup"]).expect_err("not blank");
        images.clear(leg, 0);
        assert!(
            refusal.contains("is not blank, it holds data")
                && refusal.contains("sparectl format --mode dedup --force"),
            "{refusal}"
        );
    }
}

#[test]
fn options_of_the_other_mode_are_refused() {
    let blank = blank(MAIN_BLOCKS);
    for option in [
        ["--size", "1G"],
        ["--cache-mb", "8"],
        ["--journal-mb", "1"],
        ["--commit-ms", "9"],
        ["--low-water", "9"],
        ["--index-memory", "0"],
    ] {
        let refusal = create(&blank, &blank, &option).expect_err("a refusal");
        let part = format!("{} is for volumes of dedup mode", option[0]);
        assert!(refusal.contains(&part), "{refusal}");
    }
    for option in [
        &["--read-retries", "1"][..],
        &["--fail-after", "1"],
        &["--read-only"],
        &["--metadata-copies", "2"],
        &["--commit-timeout", "100"],
    ] {
        let options = [&["--mode", "dedup"], option].concat();
        let refusal = create(&blank, &blank, &options).expect_err("a refusal");
        let part = format!("{} is for sets of remap mode", option[0]);
        assert!(refusal.contains(&part), "{refusal}");
    }
}

/// A volume whose main begins to fail: a set of remap mode on the same disk serves it from now on.
#[test]
fn the_spare_tells_the_mode_before_main_does() {
    let volume = formatted(MAIN_BLOCKS, UUID, &[]);
    let set = Images::blank();
    let (main, spare) = (volume.path(Leg::Main), set.spare());
    let output = sparectl(&["format", text(&main), text(&spare)]);
    assert!(output.status.success(), "{}", stderr(&output));
    for options in [&[][..], &["--mode", "remap"]] {
        let fake = Fake::default();
        let line = [&["create", "mended", text(&main), text(&spare)], options].concat();
        fake.run(&line).expect("success");
        assert!(
            fake.asked()[0].ends_with(" 2 mode remap"),
            "{:?}",
            fake.asked()
        );
    }
}

#[test]
fn sizes_have_units() {
    for (text, sectors) in [
        ("8s", 8),
        ("4K", 8),
        ("1M", 2048),
        ("2g", 4 << 20),
        ("1T", 2 << 30),
    ] {
        assert_eq!(parse_volume_size(text), Ok(sectors), "{text}");
    }
    for text in [
        "",
        "8",
        "M",
        "0G",
        "-1G",
        "+1G",
        "1.5G",
        "1GiB",
        "1 G",
        "99999999T",
        "4\u{b5}",
    ] {
        let sentence = parse_volume_size(text).expect_err(text);
        assert!(
            sentence.contains(&format!("`{text}` is no size of a volume")),
            "{sentence}"
        );
    }
}
