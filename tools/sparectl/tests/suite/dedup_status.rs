// SPDX-License-Identifier: GPL-2.0-only

//! `status` of volumes of dedup mode: the line, the counters, and what is printed of them.

use crate::fake::{spare_line, Fake, DEDUP_WORDS, STATS};
use sparectl::commands::status::table;
use sparectl::status_line::{parse_stats, read_whole, Share, TargetStatus};

#[test]
fn a_status_line_is_read_whole_and_may_grow() {
    let line = format!("{DEDUP_WORDS} reads=checked tier=3/4 heat=7% age=12");
    let status = TargetStatus::parse(&spare_line(8000, &line)).expect("a status");
    assert!(status.is_dedup());
    assert_eq!(status.state, "ok");
    let share = |part, whole| Share { part, whole };
    assert_eq!(status.share("mapped"), share(4000, 26_214_400));
    assert_eq!(status.share("used"), share(2000, 26_102_334));
    assert_eq!(status.share("tier"), share(3, 4));
    assert_eq!(status.share("nothing"), share(0, 0));
    assert_eq!((status.percent("saving"), status.percent("heat")), (50, 7));
    assert_eq!(status.percent("nothing"), 0);
    assert_eq!((status.count("hits"), status.count("age")), (2000, 12));
    assert_eq!(status.word("index"), "open");
    assert_eq!(status.word("read_only"), "none");
    assert_eq!(status.word("reads"), "checked");
    assert_eq!(status.word("nothing"), "unknown");
    assert_eq!(status.stats, None);
}

#[test]
fn a_line_with_less_is_no_failure() {
    let status = TargetStatus::parse(&spare_line(8, "dedup refused")).expect("a status");
    assert_eq!(status.state, "refused");
    assert_eq!(status.share("mapped").whole, 0);
    for words in [
        "dedup ok saving=%",
        "dedup ok saving=x%",
        "dedup ok used=1/",
    ] {
        let status = TargetStatus::parse(&spare_line(8, words)).expect("a word");
        assert_eq!(status.words.len(), 1, "{words}");
    }
}

#[test]
fn counters_are_read_and_what_is_none_passed_over() {
    let stats = parse_stats("{\"stored\":7,\"later\":{\"a\":1},\"word\":\"x\",\"less\":-1}\n")
        .expect("counters");
    assert_eq!(
        stats.into_iter().collect::<Vec<_>>(),
        [("stored".to_owned(), 7)]
    );
    for reply in ["", "stored 7\n", "[1]", "{\"stored\":"] {
        let failure = parse_stats(reply).expect_err(reply).to_string();
        assert!(failure.contains("is no JSON object"), "{failure}");
    }
}

#[test]
fn status_has_the_line_and_the_counters() {
    let fake = Fake::with_volume();
    let (_, text) = fake.run(&["status", "vol", "--json"]).expect("success");
    assert_eq!(text.lines().count(), 1);
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let expected = serde_json::json!({
        "sectors": 209_715_200,
        "mode": "dedup",
        "state": "ok",
        "counts": {"hits": 2000, "verify_failures": 0},
        "shares": {
            "mapped": {"part": 4000, "whole": 26_214_400},
            "used": {"part": 2000, "whole": 26_102_334},
        },
        "percents": {"saving": 50},
        "words": {"index": "open", "main": "ok", "read_only": "none", "spare": "ok"},
        "stats": serde_json::from_str::<serde_json::Value>(STATS).expect("JSON"),
    });
    assert_eq!(value, expected);
    assert_eq!(fake.asked(), ["message vol 0 stats json"]);

    let (_, text) = fake.run(&["status", "vol"]).expect("success");
    assert!(text.starts_with("vol: dedup, ok\n"), "{text}");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    for row in [
        vec!["mapped", "4000", "of", "26214400"],
        vec!["saving", "50%"],
        vec!["index", "open"],
        vec!["journal", "taken", "4096"],
    ] {
        assert!(rows.contains(&row), "{row:?} in {text}");
    }
    let failures = rows.iter().filter(|row| row.starts_with(&["verify"]));
    assert_eq!(failures.count(), 1, "{text}");
}

#[test]
fn a_set_of_remap_mode_is_not_asked_for_counters() {
    let fake = Fake::with_device();
    let (_, text) = fake.run(&["status", "mended", "--json"]).expect("success");
    assert!(!text.contains("\"stats\""), "{text}");
    assert!(text.contains("\"percents\":{}"), "{text}");
    assert_eq!(fake.asked(), Vec::<String>::new());
}

#[test]
fn without_counters_there_is_the_line() {
    let mut fake = Fake::with_volume();
    fake.replies.clear();
    let (status, complaint) = read_whole(&fake, "vol").expect("a status");
    assert_eq!(status.count("hits"), 2000);
    assert_eq!(status.stats, None);
    let complaint = complaint.expect("a complaint").to_string();
    assert_eq!(
        complaint,
        "there are no counters: message `stats` is unknown"
    );
    let (code, text) = fake.run(&["status", "vol", "--json"]).expect("success");
    assert_eq!(code, 0);
    assert!(!text.contains("\"stats\""), "{text}");
}

#[test]
fn counters_have_rates_too() {
    let fake = Fake::with_volume();
    let (old, _) = read_whole(&fake, "vol").expect("a status");
    let mut new = old.clone();
    let stats = new.stats.as_mut().expect("counters");
    stats.insert("stored".to_owned(), 2030);
    stats.insert("new".to_owned(), 1);
    new.counts.insert("hits".to_owned(), 2005);
    let text = table("vol", &new, Some((&old, 2.0)));
    assert!(text.contains("+15.0/s"), "{text}");
    assert!(text.contains("+2.5/s"), "{text}");
    let row = text.lines().find(|line| line.starts_with("  new "));
    assert!(row.is_some_and(|row| !row.contains("/s")), "{text}");
}
