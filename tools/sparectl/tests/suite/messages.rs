// SPDX-License-Identifier: GPL-2.0-only

//! `remap`, `unremap`, `test` and `sync`: what is sent, and what is made of the replies.

use crate::fake::{spare_line, Fake, WORDS};
use sparectl::failure::Failure;

#[test]
fn blocks_are_sent_in_pieces_and_the_replies_added_up() {
    let fake =
        Fake::with_device().answering("remap", "remapped 199\nlost 1\nunchanged 56\nfailed 0\n");
    let (code, text) = fake
        .run(&["remap", "mended", "100", "600"])
        .expect("success");
    assert_eq!(code, 0);
    assert_eq!(
        fake.asked(),
        [
            "message mended 0 remap 100 256",
            "message mended 0 remap 356 256",
            "message mended 0 remap 612 88"
        ]
    );
    assert_eq!(
        text,
        "failed      0\nlost        3\nremapped    597\nunchanged   168\n"
    );
}

#[test]
fn one_block_is_the_default_and_json_is_printed() {
    let fake = Fake::with_device().answering("unremap", "returned 1\nunchanged 0\nfailed 0");
    let (_, text) = fake
        .run(&["unremap", "mended", "5", "--json"])
        .expect("success");
    assert_eq!(fake.asked(), ["message mended 0 unremap 5 1"]);
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(value["returned"], 1);
}

#[test]
fn failed_blocks_are_a_failure() {
    let fake = Fake::with_device().answering("test", "good 7\nrepaired 0\nlost 0\nfailed 1\n");
    let failure = fake
        .run(&["test", "mended", "0", "8"])
        .expect_err("a failure");
    assert_eq!(failure.code(), 1);
    assert!(
        failure.to_string().starts_with("1 blocks failed"),
        "{failure}"
    );
}

#[test]
fn blocks_that_do_not_exist_are_not_sent() {
    for words in [
        ["remap", "mended", "1000", "1"],
        ["remap", "mended", "999", "2"],
        ["remap", "mended", "18446744073709551615", "1"],
        ["test", "mended", "0", "1001"],
    ] {
        let fake = Fake::with_device();
        let failure = fake.run(&words).expect_err("a failure");
        assert!(
            failure
                .to_string()
                .contains("has 1000 blocks of 4096 bytes"),
            "{failure}"
        );
        assert_eq!(fake.asked(), Vec::<String>::new());
    }
}

#[test]
fn a_refusal_says_how_far_it_went() {
    let mut fake = Fake::with_device();
    let refusal = Failure::new("the set is read-only: create it without read_only");
    fake.replies.insert("remap".to_owned(), Err(refusal));
    let failure = fake
        .run(&["remap", "mended", "100", "600"])
        .expect_err("a failure");
    assert_eq!(
        failure.to_string(),
        "the set is read-only: create it without read_only (at block 100; 0 of 600 blocks were done before)"
    );
}

#[test]
fn what_was_done_before_a_refusal_is_printed() {
    let fake =
        Fake::with_device().answering("remap", "remapped 255\nlost 1\nunchanged 0\nfailed 0\n");
    for (json, expected) in [
        (
            None,
            "failed      0\nlost        2\nremapped    510\nunchanged   0\n",
        ),
        (
            Some("--json"),
            "{\"failed\":0,\"lost\":2,\"remapped\":510,\"unchanged\":0}\n",
        ),
    ] {
        fake.answered_messages.set(Some(2));
        let line: Vec<&str> = ["remap", "mended", "100", "600"]
            .into_iter()
            .chain(json)
            .collect();
        let (code, text) = fake.run_and_print(&line);
        assert_eq!(
            code.expect_err("a failure").to_string(),
            "the device is suspended: resume it (at block 612; 512 of 600 blocks were done before)"
        );
        assert_eq!(text, expected);
    }
}

#[test]
fn a_reply_that_makes_no_sense_is_named() {
    for reply in ["", "fine", "remapped many\n"] {
        let fake = Fake::with_device().answering("remap", reply);
        let failure = fake.run(&["remap", "mended", "1"]).expect_err("a failure");
        assert!(
            failure
                .to_string()
                .contains(&format!("the kernel answered `{}`", reply.trim())),
            "{failure}"
        );
    }
}

#[test]
fn sync_prints_the_reply() {
    let fake = Fake::with_device().answering("sync", "tid 14\ncopies 2/2\n");
    let (_, text) = fake.run(&["sync", "mended"]).expect("success");
    assert_eq!(text, "copies      2/2\ntid         14\n");
    assert_eq!(fake.asked(), ["message mended 0 sync"]);
    let (_, text) = fake.run(&["sync", "mended", "--json"]).expect("success");
    assert_eq!(text, "{\"copies\":\"2/2\",\"tid\":\"14\"}\n");
}

#[test]
fn the_target_is_found_in_a_larger_table() {
    let fake = Fake::default().answering("sync", "tid 1\n");
    let mut linear = spare_line(8, "");
    linear.target = "linear".to_owned();
    let mut spare = spare_line(8000, WORDS);
    spare.start = 8;
    fake.devices
        .borrow_mut()
        .insert("mixed".to_owned(), vec![linear.clone(), spare.clone()]);
    fake.run(&["sync", "mixed"]).expect("success");
    assert_eq!(fake.asked(), ["message mixed 8 sync"]);

    fake.devices
        .borrow_mut()
        .insert("mixed".to_owned(), vec![linear]);
    let failure = fake.run(&["sync", "mixed"]).expect_err("a failure");
    assert!(
        failure.to_string().contains("its table holds linear"),
        "{failure}"
    );

    fake.devices
        .borrow_mut()
        .insert("mixed".to_owned(), vec![spare.clone(), spare]);
    let failure = fake.run(&["sync", "mixed"]).expect_err("a failure");
    assert!(
        failure.to_string().contains("several spare targets"),
        "{failure}"
    );
}
