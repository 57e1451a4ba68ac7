// SPDX-License-Identifier: GPL-2.0-only

//! `sparectl check` of volumes of dedup mode: blocks of which each is valid, and which do not fit each other.

use crate::dedup_check::{found, map, pool, sentences};
use crate::dedup_driver::{content, used, Driver};
use crate::dedup_images::{DedupImages, GEOMETRY, UUID};
use dm_spare_engine::dedup::format::presence_page::{self, Presence};
use dm_spare_engine::dedup::format::{checkpoint, Header, Kind, Layout};
use dm_spare_engine::dedup::{Leg, Lsn, PageNumber};
use dm_spare_engine::format::block_header::BlockHeader;

#[test]
fn copies_of_a_checkpoint_that_differ_are_named() {
    let images = used();
    let newest = images.newest(Leg::Main).number;
    for number in [newest, newest - 1] {
        let images = images.copy();
        let address = Layout::checkpoint_address(number);
        let mut block = images.read(Leg::Spare, address);
        let layout = images.layout();
        let mut other = checkpoint::Checkpoint::open(
            &block,
            Leg::Spare,
            address,
            &layout,
            UUID,
            crc32c::crc32c,
        )
        .expect("a checkpoint");
        other.redo = Lsn(other.redo.0 - 1);
        other.seal(Leg::Spare, UUID, &mut block, crc32c::crc32c);
        images.write(Leg::Spare, address, &block);
        let expected = ("checkpoint".to_owned(), true, address);
        assert!(found(&images, &[]).contains(&expected));
        let said = sentences(&images, &[]);
        let sentence = format!("the copies of checkpoint {number} differ");
        assert!(said.contains(&sentence), "{said}");
    }
}

#[test]
fn presence_behind_the_last_page_is_named() {
    let images = used();
    let layout = images.layout();
    let last = PageNumber(layout.pages() as u32 - 1);
    let (page, index) = layout.presence_place(last).expect("a place");
    images.edit(page, |block| {
        presence_page::set(block, index + 1, Presence::Present);
    });
    let block = layout.page_address(page);
    assert_eq!(found(&images, &[]), [("presence".to_owned(), true, block)]);
    let said = sentences(&images, &[]);
    let sentence = format!(
        "presence page 0 says that there is page {}, and the volume has {}",
        layout.pages(),
        layout.pages()
    );
    assert!(said.contains(&sentence), "{said}");
}

#[test]
fn presence_pages_behind_the_last_one_are_named() {
    let images = used();
    let newest = images.newest(Leg::Main);
    let address = Layout::checkpoint_address(newest.number);
    for leg in Leg::BOTH {
        let mut block = images.read(leg, address);
        checkpoint::set_root(&mut block, PageNumber(9));
        newest.seal(leg, UUID, &mut block, crc32c::crc32c);
        images.write(leg, address, &block);
    }
    let expected = ("presence".to_owned(), true, address);
    assert_eq!(found(&images, &[]), [expected.clone(), expected]);
    let said = sentences(&images, &[]);
    assert!(
        said.contains("that there is presence page 9, and the volume has 1"),
        "{said}"
    );
}

#[test]
fn pages_that_are_newer_than_the_journal_are_named() {
    let images = used();
    let layout = images.layout();
    let end = images.newest(Leg::Main).redo;
    let presence = PageNumber(0);
    for (page, rule) in [
        (map(&images, 0), "map-page"),
        (pool(&images, 0), "pool-page"),
        (presence, "presence-page"),
    ] {
        let images = images.copy();
        // As new as can be.
        images.edit_with_lsn(page, |_, lsn| *lsn = Lsn(end.0 - 1));
        assert_eq!(found(&images, &[]), []);
        images.edit_with_lsn(page, |_, lsn| *lsn = end);
        let expected = (rule.to_owned(), true, layout.page_address(page));
        assert_eq!(found(&images, &[]), [expected]);
        let said = sentences(&images, &[]);
        let sentence = format!("it holds what block {} of the journal says", end.0);
        assert!(said.contains(&sentence), "{said}");
    }
}

#[test]
fn batches_that_are_not_whole_are_named() {
    let images = DedupImages::blank(GEOMETRY);
    let mut driver = Driver::new(&images);
    for number in 1..5 {
        driver.write(number, content(number));
        driver.flush();
    }
    drop(driver);
    let layout = images.layout();
    let redo = images.newest(Leg::Main).redo;
    let mut seen = 0;
    for ahead in 0..4 {
        let images = images.copy();
        let lsn = redo.after(ahead);
        let address = layout.journal_address(lsn);
        let mut block = images.read(Leg::Main, address);
        let header: Header = BlockHeader::open_any(&block.0, address, crc32c::crc32c).expect("it");
        if header.kind != Kind::Records {
            continue;
        }
        seen += 1;
        let changed = Header {
            part: header.part + 7,
            ..header
        };
        changed.seal(&mut block, crc32c::crc32c);
        images.write(Leg::Main, address, &block);
        let expected = ("journal-batch".to_owned(), true, address);
        let found = found(&images, &[]);
        assert!(found.contains(&expected), "{ahead}: {found:?}");
    }
    assert!(seen > 1, "{seen}");
}
